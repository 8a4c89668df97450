"""`classify`: train a classifier and test it."""

from __future__ import annotations

import argparse

from .flags import FLAGS, ONE_CLASS, add_dry_run, add_training_flags, overrides_of
from .result import INTERRUPTED, Result, of_dry_run
from .train import ending, next_commands, run_options

GANS_ONLY = ("--generator", "--recover")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `classify`."""
    add_training_flags(parser, [flag for flag in FLAGS if flag not in GANS_ONLY + ONE_CLASS])
    add_dry_run(parser)
    parser.add_argument("--test", metavar="NAME_OR_PATH", help="Test on these labelled images; without it on the test part of --data.")


def run(args: argparse.Namespace) -> Result:
    """Run `classify`."""
    from ..config.loading import preset_of_classifier

    options = run_options(args, preset_of_classifier(overrides_of(args)))
    from ..classification.classify import classify

    tested = classify(test=args.test, **options, dry_run=args.dry_run)
    trained, report = tested.run, tested.report
    if trained.dry_run:
        return of_dry_run(trained.dry_run)
    if trained.interrupted:
        value = {"run": str(trained.folder), "step": trained.step, "interrupted": trained.interrupted}
        return Result(value, ending(trained), INTERRUPTED)
    best = ", the best by validation accuracy" if trained.config.classifier.patience else ""
    accuracy = f"accuracy {100 * report['accuracy']:.2f} % on {report['test']['count']} test images"
    text = f"{ending(trained)}{best}; {accuracy}; {trained.folder / 'report' / 'confusion.png'}{next_commands(trained, args.log)}"
    return Result({**report, "run": str(trained.folder)}, text)
