"""`cache`: show what is kept on the disk to save time, such as decoded pictures, or delete it."""

from __future__ import annotations

import argparse
from datetime import datetime

from ..files import cache_folder
from .result import Result


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `cache`."""
    parser.add_argument("--clear", action="store_true", help="Delete the cache; it is made again when it is needed.")


def run(args: argparse.Namespace) -> Result:
    """Run `cache`."""
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
