"""`predict`: read images with a trained classifier."""

from __future__ import annotations

import argparse

from ..errors import InputError
from .flags import add_run_flags
from .result import Result


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `predict`."""
    parser.add_argument("run", metavar="RUN", help="Use this run of classify.")
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="Classify these pictures, folders of pictures, or .npz files.")
    parser.add_argument("--csv", action="store_true", help="Print comma-separated lines with a header instead of JSON lines.")
    parser.add_argument("--skip-bad", action="store_true", help="Leave out the files that cannot be read, and list them.")
    add_run_flags(parser)


def run(args: argparse.Namespace) -> Result:
    """Run `predict`."""
    if args.csv and args.json:
        raise InputError("--csv and --json print the same rows in two forms: give one of them")
    from ..classification.predict import as_lines, predict

    images = args.images[0] if len(args.images) == 1 else args.images
    predictions = predict(args.run, images, checkpoint=args.checkpoint, device=args.device, threads=args.threads, skip_bad=args.skip_bad)
    return Result([prediction.row() for prediction in predictions], as_lines(predictions, "csv" if args.csv else "json"))
