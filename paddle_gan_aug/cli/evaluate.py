"""`evaluate`: measure generated images against real ones."""

from __future__ import annotations

import argparse

from .flags import add_dry_run, add_run_flags, positive, seed
from .result import Result, of_dry_run


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    parser.add_argument("run_or_images", metavar="RUN_OR_IMAGES", help="Measure this trained run, folder of images, or .npz file.")
    parser.add_argument("--data", metavar="NAME_OR_PATH", help="Compare with these real images; default: the data of the run, or mnist.")
    parser.add_argument(
        "--image-size",
        type=positive,
        metavar="N",
        help="Resize the shorter side of each image to N pixels and crop the longer side; without it as the run did.",
    )
    parser.add_argument("--channels", type=int, choices=[1, 3], help="Make all images grey (1) or colour (3).")
    parser.add_argument("--skip-bad", action="store_true", help="Leave out the files that cannot be used, and list them.")
    parser.add_argument("--allow-overlap", action="store_true", help="Continue although test images are training images of the data.")
    parser.add_argument(
        "--part", choices=["test", "valid"], default="test", help="Compare with test images, or, to make a choice, with validation images."
    )
    parser.add_argument(
        "--count", type=positive, metavar="N", help="Measure N images; without it 10,000 of a run, or all images of a folder."
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="S", help="Set the seed of the latents and of all random choices.")
    into = "Write the page of pictures into this folder; without it into the run's report folder, and for files nowhere."
    parser.add_argument("--to", metavar="DIR", help=into)
    parser.add_argument(
        "--cas",
        dest="classifier_accuracy_score",
        action="store_true",
        help="Measure the classifier accuracy score too. It needs labelled images and takes some minutes.",
    )
    parser.add_argument("--tsne", action="store_true", help="Draw a t-SNE plot too. It takes about a minute.")
    add_dry_run(parser)
    add_run_flags(parser)


def run(args: argparse.Namespace) -> Result:
    """Run `evaluate`."""
    from ..runs.evaluate import evaluate

    found = evaluate(
        args.run_or_images,
        data=args.data,
        part=args.part,
        count=args.count,
        seed=args.seed,
        checkpoint=args.checkpoint,
        to=args.to,
        also=("classifier_accuracy_score",) if args.classifier_accuracy_score else (),
        tsne=args.tsne,
        device=args.device,
        threads=args.threads,
        image_size=args.image_size,
        channels=args.channels,
        skip_bad=args.skip_bad,
        allow_overlap=args.allow_overlap,
        dry_run=args.dry_run,
    )
    if found.dry_run:
        return of_dry_run(found.dry_run)
    page = found.page and str(found.page)
    return Result({**found.result, "page": page}, found.table() + (f"\n{page}" if page else ""))
