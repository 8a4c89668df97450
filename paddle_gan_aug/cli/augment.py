"""`augment`: from a labelled data set to one with generated images beside its real ones."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Tuple, Union

from ..console import duration, one_line, shortened
from .filters import add_filter_flags, filter_options
from .flags import SEVERAL, add_dry_run, add_training_flags, positive, training_options
from .generate import dropped_text
from .messages import program, with_flags
from .result import Result

if TYPE_CHECKING:
    from ..synthesis.augment import AugmentedSet

TRAINING_FLAGS = (
    "--data",
    "--image-size",
    "--channels",
    "--skip-bad",
    "--policy",
    "--split",
    "--steps",
    "--epochs",
    "--batch-size",
    "--seed",
    "--device",
    "--threads",
    "--allow-overlap",
)
FEW_KEPT = 0.25  # of the images tried: below it the GAN is said to have learnt badly


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `augment`."""
    add_training_flags(parser, TRAINING_FLAGS, run=False)
    parser.add_argument("--to", required=True, metavar="DIR", default=argparse.SUPPRESS, help="Write into this new or empty folder.")
    parser.add_argument(
        "--run",
        dest="runs",
        **SEVERAL,
        metavar="RUN",
        help="Use these trained runs of the same data instead of training, as for generate.",
    )
    parser.add_argument("--per-class-runs", action="store_true", help="Train one GAN for each class, by default of the preset fast.")
    parser.add_argument("--per-class", type=positive, metavar="N", help="Give each class N images, real and generated together.")
    parser.add_argument("--ratio", type=float, metavar="R", help="Fill up each class to 1 + R times the largest one.")
    parser.add_argument(
        "--new-classes",
        **SEVERAL,
        default=[],
        metavar="CLASS",
        help="Fill up only these classes, with variations that are learnt from the others.",
    )
    parser.add_argument("--truncation", type=float, metavar="T", help="Draw latents again that are farther from 0 than T, such as 2.")
    add_dry_run(parser)
    parser.add_argument(
        "--preview", action="store_true", help="Only draw every classical transform and policy before and after, as --to FILE.png."
    )
    add_filter_flags(parser)
    parser.set_defaults(after_interrupt="; continue with the same command and --resume")


def run(args: argparse.Namespace) -> Result:
    """Run `augment`."""
    from ..config.loading import GAN_OF_ALL_CLASSES, GAN_OF_ONE_CLASS, VARYING

    of_all = VARYING if args.new_classes else GAN_OF_ALL_CLASSES
    options = training_options(args, GAN_OF_ONE_CLASS if args.per_class_runs else of_all)
    filters = filter_options(args)
    if args.preview:
        return _preview(args.to, options["config"] or of_all, options["overrides"])
    from ..synthesis.augment import augment_data
    from ..synthesis.filters import Filters

    made = augment_data(
        to=args.to,
        runs=args.runs,
        per_class_runs=args.per_class_runs or None,
        per_class=args.per_class,
        ratio=args.ratio,
        new_classes=args.new_classes,
        filters=Filters(**filters),
        output=args.output,
        log=args.log,
        truncation=args.truncation,
        resume=args.resume,
        dry_run=args.dry_run,
        **options,
    )
    if made.note:
        made = dataclasses.replace(made, note=with_flags(made.note, args.parser.flags(args)))
    return Result(_plain(made), text_of(made))


def _plain(made: AugmentedSet) -> Dict[str, Any]:
    """An `AugmentedSet` as plain values."""
    found = {name: value for name, value in vars(made).items() if value is not None or name == "note"}
    found = {"to": str(found.pop("folder")), **found}
    return {**found, "picture": str(made.picture)} if made.picture else found


def _preview(to: str, config: str, overrides: Dict[str, Any]) -> Result:
    from ..augment.preview import draw_previews
    from ..config.loading import load_config
    from ..data import DataSpec

    asked = load_config(config, overrides)
    paths = draw_previews(DataSpec.of(asked.data), to=to, seed=asked.train.seed, policy=asked.data.policy)
    return Result({"to": [str(path) for path in paths]}, "\n".join(map(str, paths)))


def text_of(made: AugmentedSet) -> str:
    """What `augment` prints: the table of its images, and what to do next."""
    lines = _table(made.table)
    if made.note:
        lines.append(made.note)
    if made.steps is not None:
        return "\n".join([*lines, *_estimate(made)])
    from ..synthesis.summary import dropped_reasons
    from ..synthesis.summary import worth_lines as lines_of_set

    to = made.folder
    lines += [*worth_lines(made.worth), *lines_of_set(to)]
    lines.append(f"the augmented data is in {to}{dropped_text(dropped_reasons(to))}; look at {to / 'grid.png'}")
    return "\n".join([*lines, *_next_command(made)])


def _table(table: List[Tuple[str, int, int, int]]) -> List[str]:
    """Lines of the images of each class, and of all classes."""
    *classes, total = table
    shown, more = shortened([(one_line(name), *counts) for name, *counts in classes])
    rows = [("class", "real", "generated", "both"), *shown, *([(more, "", "", "")] if more else []), total]
    widths = [max(len(str(row[i])) for row in rows) for i in range(4)]
    return ["  ".join([str(row[0]).ljust(widths[0]), *(str(row[i]).rjust(widths[i]) for i in (1, 2, 3))]) for row in rows]


def _estimate(made: AugmentedSet) -> List[str]:
    """Lines of what a dry run says."""
    low, high = (sum(step[end] for step in made.steps) for end in ("low", "high"))
    shown, written = (f", shown in {made.picture}", "that picture and caches were") if made.picture else ("", "nothing was")
    return [
        f"classical changes follow the policy {made.policy}{shown}; choose another one with --policy",
        *(f"{duration(step['low'], step['high'])}: {step['what']}" for step in made.steps),
        *(_space(made.space) if made.space else []),
        f"{duration(low, high)} in all, an estimate from a few steps on this machine; {'only ' * bool(made.picture)}{written} written",
    ]


def _space(space: Dict[str, float]) -> List[str]:
    """Lines of the memory and the disk that it would take."""
    disk = f"about {max(1, round(space['set_mb']))} MB of disk for the set and up to {max(1, round(space['runs_mb']))} MB for runs"
    return [f"about {space['memory_mb']} MB of memory, {disk}" if space["memory_mb"] else disk]


def worth_lines(worth: Dict[str, Dict[str, Any]]) -> List[str]:
    """What the filters say of the GAN: how many images were kept of those tried, and read as their class."""
    if not worth:
        return ["no filter judged the generated images: evaluate them before you rely on them"]
    tried, kept = (sum(part[key] for part in worth.values()) for key in ("tried", "kept"))
    shares = [f"{name} {_percent(part['kept'] / part['tried'])}{_read(part)}" for name, part in worth.items()]
    lines = [f"of {tried} images tried {kept} were kept: {one_line(', '.join(shares))}"]
    if kept < FEW_KEPT * tried:
        lines.append("few images passed: the GAN has learnt these classes badly; train it longer (--steps, --epochs) for a better set")
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or not share else f"{100 * share:.1g} %"


def _read(part: Dict[str, Any]) -> str:
    share = part["read_as_class"]
    return "" if share is None else f" (the classifier reads {100 * share:.0f} % as it)"


def _next_command(made: AugmentedSet) -> List[str]:
    """Lines of which the last is a command that works as it stands."""
    augmented, real = _data_flags(made.folder, made.reading), _data_flags(made.source, made.source_reading)
    test = "" if (made.folder / "test").is_dir() else " --test TEST_IMAGES"
    lines = [
        f"train a classifier on the real images alone, to compare: {program()} classify {real}{test}",
        f"train a classifier on this set with: {program()} classify {augmented}{test}",
    ]
    if test:
        lines.append(
            "without test images, measure it on the held-out validation images with: "
            f"{program()} train --gan classifier {augmented} --eval-every 200"
        )
    return lines


def _data_flags(data: Union[str, Path], reading: Dict[str, Any]) -> str:
    """The flags with which a command reads data, quoted for a shell."""
    return shlex.join(["--data", str(data), *(word for name, value in reading.items() for word in _setting(name, value))])


def _setting(name: str, value: Any) -> Tuple[str, str]:
    if name in ("image_size", "channels"):
        return f"--{name.replace('_', '-')}", str(value)
    return "-o", f"data.{name}={json.dumps(value, separators=(',', ':')) if isinstance(value, tuple) else value}"
