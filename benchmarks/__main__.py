"""`python -m benchmarks WHAT …`."""

import argparse
import sys
from typing import List, Optional

from benchmarks.commands import bench, bench_flags
from paddle_gan_aug.cli.main import run_command
from paddle_gan_aug.cli.parser import CommandParser
from paddle_gan_aug.cli.result import Result


def _parser() -> CommandParser:
    parser = CommandParser(prog="python -m benchmarks", description="Measure speed, samples, quality and faults; see docs/results.md.")
    parser.add_argument("--json", action="store_true", help="Print the result as one JSON object.")
    bench_flags(parser)
    parser.set_defaults(command=_run, parser=parser)
    return parser


def _run(args: argparse.Namespace) -> Result:
    return Result(*bench(args))


def main(argv: Optional[List[str]] = None) -> int:
    """Run one measurement and return its exit code, as `paddle_gan_aug.cli.main.main`."""
    return run_command(_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
