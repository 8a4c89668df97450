"""`dashboard`: serve the VisualDL page of the records."""

from __future__ import annotations

import argparse

from ..console import listed
from ..files import project_root
from .result import Result


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `dashboard`."""
    parser.add_argument("log", nargs="?", metavar="LOG", help="Show this folder of VisualDL records; default: log.")
    parser.add_argument("--port", type=int, default=8040, metavar="N", help="Listen on this port of 127.0.0.1; 0 means any free one.")
    parser.add_argument("--language", choices=["en", "zh"], default="en", help="Show the page in this language.")


def run(args: argparse.Namespace) -> Result:
    """Run `dashboard`."""
    from ..records.dashboard import Dashboard

    page = Dashboard(project_root() / "log" if args.log is None else args.log, port=args.port, language=args.language)
    empty = "" if page.has_records() else f"{page.log_folder} holds no records yet; the page fills once a run writes there\n"
    damaged = page.damaged()
    left_out = f"left out, since no VisualDL record is in it: {listed(damaged)}\n" if damaged else ""
    text = f"{empty}{left_out}VisualDL dashboard: {page.address}  (Ctrl-C stops it)"
    return Result({"address": page.address, "log": str(page.log_folder), "damaged": damaged}, text, then=page.serve)
