"""Show what is kept on the disk to save time, such as decoded pictures, or delete it: `python -m paddle_gan_aug.cli.cache`."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from typing import List, Optional

from ..files import cache_folder
from .main import run_command
from .parser import CommandParser
from .result import Result


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", action="store_true", help="Print the result as one JSON object.")
    parser.add_argument("--clear", action="store_true", help="Delete all of it; it is made again when it is needed.")


def run(args: argparse.Namespace) -> Result:
    """Show or delete."""
    from ..data import cache

    folder, rows = cache_folder(), cache.clear() if args.clear else cache.entries()
    size = sum(row.bytes for row in rows)
    value = {
        "folder": str(folder),
        "bytes": size,
        "deleted": args.clear,
        "entries": [{"name": row.path.name, "bytes": row.bytes, "changed": _time(row.time)} for row in rows],
    }
    if not rows:
        return Result(value, f"{folder} holds nothing")
    if args.clear:
        return Result(value, f"deleted {len(rows)} entries from {folder}, {size / 1e6:.1f} MB")
    lines = [f"{row.bytes / 1e6:10.1f} MB  {_time(row.time)}  {row.path.name}" for row in rows]
    return Result(value, "\n".join([f"{folder} holds {size / 1e6:.1f} MB (--clear deletes them)", *lines]))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).isoformat(" ", "seconds")


def main(argv: Optional[List[str]] = None) -> int:
    """Run the program and return its exit code, see `main.main`."""
    parser = CommandParser(prog="python -m paddle_gan_aug.cli.cache", description="Show what is kept on the disk to save time.")
    add_flags(parser)
    parser.set_defaults(command=run, parser=parser)
    return run_command(parser, argv)


if __name__ == "__main__":
    sys.exit(main())
