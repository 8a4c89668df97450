"""`train`: train a GAN, or any other algorithm, as a run."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any, Dict, Optional

from ..errors import InputError
from ..files import folder_size
from .flags import FLAGS, ONE_CLASS, add_dry_run, add_flag, add_training_flags, training_options
from .messages import program
from .result import DONE, INTERRUPTED, Result, named_lines, of_dry_run

CLASSIFIERS_ONLY = ("--policy", "--generated", "--generated-share", "--regenerate-every", "--patience", "--allow-overlap")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    add_training_flags(parser, [flag for flag in FLAGS if flag not in CLASSIFIERS_ONLY + ONE_CLASS])
    one_class = parser.add_mutually_exclusive_group()
    for flag in ONE_CLASS:
        add_flag(one_class, flag)
    parser.add_argument("--per-class-runs", action="store_true", help="Train one run for each class, all in the folder --run.")
    add_dry_run(parser)
    parser.add_argument("--list-presets", action="store_true", help="Print the presets, one a line, and end.")


def run(args: argparse.Namespace) -> Result:
    """Run `train`."""
    if args.list_presets:
        return _presets()
    options = run_options(args, "classic")
    if args.per_class_runs:
        return _train_per_class(options, args.dry_run)
    from ..runs.run import train

    trained = train(**options, dry_run=args.dry_run)
    if trained.dry_run:
        return of_dry_run(trained.dry_run)
    value = {"run": str(trained.folder), "step": trained.step, "interrupted": trained.interrupted, "best": trained.best}
    samples = f"; samples in {trained.folder / 'samples'}" if any((trained.folder / "samples").glob("*.png")) else ""
    text = f"{ending(trained)}{_best(trained.best)}{samples}{next_commands(trained, args.log)}"
    return Result(value, text, INTERRUPTED if trained.interrupted else DONE)


def run_options(args: argparse.Namespace, default: str) -> Dict[str, Any]:
    """The keyword arguments of a training; `default` is the preset that is meant when none is named."""
    place = {name: getattr(args, name) for name in ("run", "resume", "output", "log", "allow_changed_data")}
    return {**training_options(args, default), **place}


def ending(run: Any) -> str:
    """Where a run ended, and how to continue an interrupted one."""
    if run.interrupted:
        again = f"continue with: --run {shlex.quote(run.folder.name)} --resume"
        return f"interrupted ({run.interrupted}) at step {run.step}, checkpoint saved; {again}"
    return f"run {run.folder} is at step {run.step} and takes {on_disk(run.folder)}"


def next_commands(run: Any, log: Optional[str]) -> str:
    """Lines with the commands that a user of a run that has ended wants next, each after what it is for; "" of an interrupted run.

    Args:
        log: the folder of VisualDL records that the command named, or None.
    """
    if run.interrupted:
        return ""
    algorithm, name = run.algorithm, shlex.quote(_from_here(run.folder))
    commands = {
        "measure": f"evaluate {name}{_part_to_measure(run)}" if algorithm.makes_images else None,
        "draw": f"generate {name} --count 100 --to {shlex.quote(run.folder.name + '-images')}" if algorithm.makes_images else None,
        "read": f"predict {name} PICTURES" if algorithm.reads_images else None,
        "curves": f"dashboard {shlex.quote(str(log)) if log else ''}".rstrip() if run.config.log.visualdl else None,
    }
    return "".join(f"\n{what:9} {program()} {command}" for what, command in commands.items() if command)


def _part_to_measure(run: Any) -> str:
    """The flag of `evaluate` that the run's data asks for: without test images it is measured against validation images."""
    from ..data import DataSpec, test_part

    try:
        return "" if test_part(DataSpec.of(run.config.data)) is not None else " --part valid"
    except InputError:  # `evaluate` will say what is wrong
        return ""


def _from_here(folder: Path) -> str:
    """A path as one would type it here."""
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)


def on_disk(folder: Path) -> str:
    """The size of a folder in words."""
    return f"{max(1, round(folder_size(folder) / (1 << 20)))} MB on the disk"


def _presets() -> Result:
    from ..config.loading import presets

    known = presets()
    return Result(known, named_lines(known))


def _train_per_class(options: Dict[str, Any], dry_run: bool) -> Result:
    from ..runs.per_class import train_per_class

    trained = train_per_class(**options, dry_run=dry_run)
    if trained.dry_run:
        return of_dry_run(trained.dry_run)
    folder, runs, interrupted = trained.folder, trained.runs, trained.interrupted
    value = {"runs": [str(run.folder) for run in runs], "interrupted": interrupted}
    again = f"continue with: --per-class-runs --run {shlex.quote(folder.name)} --resume"
    after = again if interrupted else f"generate {shlex.quote(str(folder))} --per-class N"
    return Result(value, f"{len(runs)} runs in {folder}, which take {on_disk(folder)}; {after}", INTERRUPTED if interrupted else DONE)


def _best(best: Optional[Dict[str, Any]]) -> str:
    if best is None:
        return ""
    return f"; the best on validation images is step {best['step']}, {best['metric']} {best['value']:.4g}"
