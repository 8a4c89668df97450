"""`python -m benchmarks WHAT …`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import List, Optional

from benchmarks.commands import bench, bench_flags
from paddle_gan_aug.cli.main import DONE, CommandParser, run_command


def _parser() -> CommandParser:
    parser = CommandParser(prog="python -m benchmarks", description="Measure speed, samples, quality and faults; see docs/results.md.")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object on standard output")
    bench_flags(parser)
    parser.set_defaults(command=_run, parser=parser)
    return parser


def _run(args: argparse.Namespace) -> int:
    result, text = bench(args)
    print(json.dumps(result, ensure_ascii=False) if args.json else text)
    return DONE


def main(argv: Optional[List[str]] = None) -> int:
    """Run one measurement and return its exit code, as `paddle_gan_aug.cli.main.main`."""
    return run_command(_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
