"""`generate`: write images from trained runs."""

from __future__ import annotations

import argparse
from typing import Any, Dict

from ..console import listed
from ..errors import InputError
from .filters import add_filter_flags, filter_options
from .flags import SEVERAL, add_dry_run, add_run_flags, given, positive, seed
from .result import Result, of_dry_run

COUNT = 160  # images, where nothing says how many
NOT_PREVIEWED = ("per_class", "balance", "ratio", "form", "resume")  # parameters of a set, which a sheet does not have
NOT_VARIED = (  # parameters of a set that is drawn, which variations of real images do not have
    "per_class",
    "balance",
    "ratio",
    "truncation",
    "form",
    "resume",
    "preview",
    "names",
    "filters",
    "settings",
    "classifier",
    "attempts",
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `generate`."""
    parser.add_argument(
        "run",
        metavar="RUN",
        nargs="+",
        help="Use this trained run, such as output/my-run, one run for each class, or a folder of runs.",
    )
    parser.add_argument("--to", required=True, metavar="DIR", default=argparse.SUPPRESS, help="Write into this new or empty folder.")
    many = parser.add_mutually_exclusive_group()
    many.add_argument("--count", type=positive, metavar="N", help=f"Write N images without class folders. (default: {COUNT})")
    many.add_argument("--per-class", type=positive, metavar="N", help="Write N images of each class.")
    many.add_argument(
        "--balance", metavar="DATA", help="Write of each class what it lacks to the largest class of these data (without test images)."
    )
    parser.add_argument("--ratio", type=float, metavar="R", help="With --balance, fill up each class to 1 + R times the largest one.")
    parser.add_argument("--truncation", type=float, metavar="T", help="Draw latents again that are farther from 0 than T, such as 2.")
    parser.add_argument("--seed", type=seed, default=0, metavar="S", help="Set the seed of the latents.")
    parser.add_argument(
        "--format", dest="form", default="folder", metavar="FORM", help="Write a folder of PNG files, npz, idx, or mnist.json.gz."
    )
    parser.add_argument("--resume", action="store_true", help="Continue a set that was interrupted, or that lacks images.")
    add_dry_run(parser)
    parser.add_argument(
        "--preview",
        action="store_true",
        help="Only draw a sheet of samples, each with its discriminator score and predicted class, as --to FILE.png.",
    )
    add_run_flags(parser)
    varied = parser.add_argument_group("variations of real images, with a run of dagan or learned-augmenter")
    varied.add_argument(
        "--from", dest="data", metavar="NAME_OR_PATH", help="Make variations of these real images, read as the run read its own."
    )
    varied.add_argument("--part", default="train", choices=["train", "valid"], help="Use the images of this part.")
    varied.add_argument("--classes", **SEVERAL, metavar="NAME", help="Use only the images of these classes.")
    add_filter_flags(parser)
    parser.set_defaults(after_interrupt="; continue with the same command and --resume")


def run(args: argparse.Namespace) -> Result:
    """Run `generate`."""
    filters = filter_options(args)
    drawn = {name: getattr(args, name) for name in ("seed", "checkpoint", "device", "threads")}
    if args.data is not None:
        return _vary(args, drawn)
    if args.classes is not None:
        raise InputError("--classes chooses among real images to vary: name the images with --from")
    if args.preview:
        if args.dry_run:
            raise InputError("--preview draws one sheet, which takes seconds: leave --dry-run out")
        flags = args.parser.flags(args)
        refused = [flags[name] for name in given(args, args.parser, NOT_PREVIEWED)]
        if refused:
            raise InputError(f"--preview draws one sheet, of about --count samples: leave out {', '.join(refused)}")
        return _preview(args, filters, drawn)
    return _generate(args, filters, drawn)


def _count(args: argparse.Namespace) -> Any:
    unsaid = args.count is None and args.per_class is None and args.balance is None
    return COUNT if unsaid else args.count


def _generate(args: argparse.Namespace, filters: Dict[str, Any], drawn: Dict[str, Any]) -> Result:
    from ..data.written_set import GRID
    from ..synthesis.filters import Filters
    from ..synthesis.generate import generate

    count = _count(args)
    made = generate(
        args.run,
        count=count,
        to=args.to,
        per_class=args.per_class,
        balance=args.balance,
        ratio=args.ratio,
        truncation=args.truncation,
        form=args.form,
        filters=Filters(**filters),
        resume=args.resume,
        dry_run=args.dry_run,
        **drawn,
    )
    if made.dry_run:
        return of_dry_run(made.dry_run)
    folder, value = made.folder, {"to": str(made.folder), "count": made.count}
    if count is not None:
        return Result(value, f"{count} images in {folder}; look at {folder / GRID}")
    classes = listed(f"{name}: {number}" for name, number in made.counts.items())
    text = f"{made.count} images in {folder} ({classes}){dropped_text(made.dropped)}; look at {folder / GRID}"
    return Result({**value, "classes": made.counts}, text)


def _preview(args: argparse.Namespace, filters: Dict[str, Any], drawn: Dict[str, Any]) -> Result:
    from ..synthesis.filters import Filters
    from ..synthesis.preview import preview

    sheet = preview(args.run, to=args.to, count=args.count, truncation=args.truncation, filters=Filters(**filters), **drawn)
    below = "class, D's logit of real" + (", what the classifier reads" if args.classifier else "")
    text = f"{len(sheet.rows)} samples in {sheet.file}; below each: {below}"
    return Result({"to": str(sheet.file), "images": sheet.rows}, text)


def _vary(args: argparse.Namespace, drawn: Dict[str, Any]) -> Result:
    """Write variations of real images, which have a count alone and no filters."""
    args.after_interrupt = f"; nothing in {args.to} goes on: remove it, or choose another folder"
    flags = args.parser.flags(args)
    refused = [flags[name] for name in given(args, args.parser, NOT_VARIED)] + ["RUN"] * (len(args.run) > 1)
    if refused:
        raise InputError(f"--from makes --count variations with one run, as PNG files: leave out {', '.join(refused)}")
    from ..synthesis.vary import vary

    count = _count(args)
    made = vary(args.run[0], data=args.data, to=args.to, count=count, part=args.part, classes=args.classes, dry_run=args.dry_run, **drawn)
    if made.dry_run:
        return of_dry_run(made.dry_run)
    text = f"{count} variations in {made.folder}; look at {made.folder / 'grid.png'}"
    return Result({"to": str(made.folder), "count": count}, text)


def dropped_text(reasons: Dict[str, int]) -> str:
    """What filters dropped from a set, in a few words."""
    return "; dropped: " + ", ".join(f"{n} {reason}" for reason, n in reasons.items()) if reasons else ""
