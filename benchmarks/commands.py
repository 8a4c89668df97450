"""Every kind of measurement is one row here: its help, its arguments, and the function that takes them by name.

A function returns (result, text): what `--json` prints and `--to FILE` stores, and what people read.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import inspect
import sys
from dataclasses import dataclass
from typing import Any, Callable, Dict, Tuple

from paddle_gan_aug.cli.flags import positive, seed
from paddle_gan_aug.files import write_json

Command = argparse.ArgumentParser


def _flags_of_rows(name: str) -> Callable[[Command], None]:
    return functools.partial(_add_rows_flags, name)


def _add_rows_flags(name: str, command: Command) -> None:
    command.add_argument("--recipes", default=f"benchmarks/rows/{name}.yaml", metavar="FILE", help="the rows to train")
    command.add_argument("--only", nargs="+", metavar="NAME", help="train these rows alone")
    command.add_argument("--to", default=f"work/results/{name}", metavar="DIR", help="the folder of the results")
    command.add_argument("--stored", action="store_true", help="train nothing, print the table of the rows that are stored")


def _augment_gan_flags(command: Command) -> None:
    _add_rows_flags("augment-gan", command)
    command.add_argument("--runs", default="output/augment-gan", metavar="DIR", help="where the runs lie or go, as <name>-<seed>")


def _stacked_flags(command: Command) -> None:
    _add_rows_flags("stacked-mnist", command)
    command.add_argument("--data", default="output/stacked-mnist.npz", metavar="FILE", help="where the stacks are, or go")


def _leaderboard_flags(command: Command) -> None:
    _add_rows_flags("leaderboard", command)
    command.add_argument("--again", action="store_true", help="train rows that have a line once more; the old lines stay")
    command.add_argument("--docs", metavar="FILE", help="a Markdown file whose table between the leaderboard's marks is replaced")


def _count(command: Command, default: int, text: str) -> None:
    command.add_argument("--count", type=positive, default=default, metavar="N", help=text)


def _part(command: Command) -> None:
    command.add_argument("--part", choices=["test", "valid"], default="test", help="test images, or validation images for any choice")


def _seed(command: Command) -> None:
    command.add_argument("--seed", type=seed, default=0, metavar="S", help="the root of all randomness")


def _samples_flags(command: Command) -> None:
    command.add_argument("runs", nargs="+", metavar="RUN", help="trained runs")
    _part(command)
    _count(command, 5000, "how many samples are drawn of each run")


def _features_flags(command: Command) -> None:
    command.add_argument("--data", default="mnist", metavar="NAME_OR_PATH", help="the data whose training images it learns")
    _seed(command)
    command.add_argument("--to", metavar="DIR", help="where it goes; without it the cache that evaluate looks into")


def _quality_flags(command: Command) -> None:
    command.add_argument("runs", nargs="+", metavar="RUN", help="trained runs")
    _count(command, 10_000, "how many samples are drawn of each run")
    _part(command)


def _patches_flags(command: Command) -> None:
    command.add_argument("--image-size", type=positive, default=32, metavar="N", help="the pixels of a side")
    command.add_argument("--per-class", type=positive, default=200, metavar="N", help="how many patches each of the five classes has")
    command.add_argument("--test-per-class", type=positive, default=0, metavar="N", help="test patches, of another part of the photographs")
    _seed(command)
    command.add_argument("--to", required=True, metavar="DIR", help="a new or empty folder")


def _settings_flags(command: Command) -> None:
    command.add_argument("--rows", default="benchmarks/rows/classifier-settings.yaml", metavar="FILE", help="the rows to train")
    command.add_argument("--only", nargs="+", metavar="NAME", help="train these rows alone")
    command.add_argument("--to", default="work/results/classifier-settings", metavar="DIR", help="the folder of the results")


def _rare_flags(command: Command) -> None:
    _add_rows_flags("rare-class", command)
    command.add_argument("--rest", default="work/solar-rest", metavar="DIR", help="the cells that the judges learn, see solar-cells --rest")
    command.add_argument("--pictures", default="output/rare-class", metavar="DIR", help="where the pictures of samples go")


def _solar_flags(command: Command) -> None:
    command.add_argument("--rest", metavar="DIR", help="also write the cells of `unlabelled` with their classes, for judges")
    command.add_argument("--wheel", metavar="FILE", help="the package elpv-dataset as a file; without it pip fetches it")
    _seed(command)
    command.add_argument("--to", required=True, metavar="DIR", help="a new or empty folder")


def _study_flags(command: Command) -> None:
    command.add_argument("folders", nargs="+", metavar="STUDY", help="folders of studies that have ended")


def _digits_flags(command: Command) -> None:
    _seed(command)
    command.add_argument("--to", required=True, metavar="DIR", help="a new or empty folder")


def _sizes_flags(command: Command) -> None:
    command.add_argument("--only", nargs="+", metavar="NAME", help="measure these networks or sizes alone")
    command.add_argument("--to", default="work/results/sizes", metavar="DIR", help="the folder of the results")
    command.add_argument("--stored", action="store_true", help="measure nothing, print the table of the rows that are stored")


def _variations_flags(command: Command) -> None:
    command.add_argument("runs", nargs="+", metavar="RUN", help="runs of dagan or learned-augmenter")
    command.add_argument("--classes", nargs="+", metavar="NAME", help="vary these classes; without it those that the run has not seen")
    _count(command, 500, "how many validation images of each class are varied")
    command.add_argument("--draws", type=positive, default=8, metavar="N", help="how many variations of each image are made")


def _holes_flags(command: Command) -> None:
    command.add_argument("runs", nargs="+", metavar="RUN", help="trained GANs of one data set, with DiffAugment and without")
    command.add_argument("--policy", default="digits", metavar="NAME", help="the policy whose holes are looked for")
    _count(command, 5000, "how many samples are drawn of each run")


def _generation_flags(command: Command) -> None:
    command.add_argument("run", nargs="?", metavar="RUN", help="a trained run; without it the classic transpose generator")
    _count(command, 10_000, "how many images are written")


def _processes_flags(command: Command) -> None:
    command.add_argument("--gan", default="classic", metavar="PRESET", help="the preset whose steps are timed")
    command.add_argument("--batch", type=positive, default=64, metavar="N", help="the images of a step, of all processes together")
    _count(command, 30, "how many steps a turn has")
    command.add_argument("--turns", type=positive, default=3, metavar="N", help="how often each arrangement is started")


def _growth_flags(command: Command) -> None:
    command.add_argument("--sizes", nargs="+", type=positive, default=[10_000, 100_000], metavar="N", help="how many images there are")
    command.add_argument("--only", nargs="+", metavar="WHAT", help="measure these rows alone")
    command.add_argument("--to", default="work/results/growth", metavar="DIR", help="the folder of the results")
    command.add_argument("--stored", action="store_true", help="measure nothing, print the table of the rows that are stored")
    command.add_argument("--scratch", default="output/growth", metavar="DIR", help="where the data and the sets lie; it is emptied")


def _wall_flags(command: Command) -> None:
    command.add_argument("--gan", default="classic", metavar="PRESET", help="the preset that is trained")
    _seed(command)
    command.add_argument("--samples", action="store_true", help="read samples of the trained run, too")
    command.add_argument("--keep", metavar="DIR", help="a new folder in which the run stays; without it the run is deleted")
    command.add_argument("--typed", type=str.split, metavar="COMMAND", help='time this command instead, such as "evaluate output/RUN"')


def _imbalanced_flags(command: Command) -> None:
    command.add_argument("--digits", nargs="+", default=["3", "5", "8"], metavar="D", help="the classes")
    command.add_argument("--counts", nargs="+", type=positive, default=[600, 600, 60], metavar="N", help="how many images each has")
    command.add_argument("--gan", metavar="PRESET", help="the preset of the GAN; without it the one that augment chooses")


def _agreement_flags(command: Command) -> None:
    command.add_argument("set", metavar="SET", help="labelled images: a folder, an .npz or any other labelled data")
    command.add_argument("--data", default="mnist", metavar="NAME_OR_PATH", help="the real data whose feature network reads them")


def _cas_flags(command: Command) -> None:
    command.add_argument("--rows", default="benchmarks/rows/cas.yaml", metavar="FILE", help="the rows to train")
    command.add_argument("--only", nargs="+", metavar="NAME", help="train these rows alone")
    command.add_argument("--to", default="work/results/cas", metavar="DIR", help="the folder of the results")


def _few_labels_flags(command: Command) -> None:
    command.add_argument("--rows", default="benchmarks/rows/semi-supervised.yaml", metavar="FILE", help="the rows to train")
    command.add_argument("--only", nargs="*", metavar="NAME", help="train these rows alone; without a name train nothing")
    command.add_argument("--seeds", nargs="+", type=seed, metavar="S", help="train these label seeds alone")
    command.add_argument("--to", default="work/results/semi-supervised", metavar="DIR", help="the folder of the results")


def _graph_flags(command: Command) -> None:
    command.add_argument("--data", default="mnist", metavar="NAME_OR_PATH", help="the images")
    command.add_argument("--labels", type=int, default=100, metavar="N", help="images with a label, chosen as data.labels does")
    command.add_argument("--seeds", nargs="+", type=seed, default=[1, 2, 3, 4, 5], metavar="S", help="the label seeds")
    command.add_argument("--epochs", type=int, default=20, metavar="N", help="of the VAE")
    command.add_argument("--to", default="work/results/semi-supervised", metavar="DIR", help="the folder of the results")


def _dashboards_flags(command: Command) -> None:
    command.add_argument("--rows", default="benchmarks/rows/dashboards.yaml", metavar="FILE", help="the rows to train")
    command.add_argument("--to", default="work/results/dashboards", metavar="DIR", help="the folder of the figures")
    command.add_argument("--pictures", default="work/pictures", metavar="DIR", help="the folder of the pictures")
    command.add_argument("--pages", action="store_true", help="train nothing, and measure how long each page of ten long logs takes")


def _guide_flags(command: Command) -> None:
    command.add_argument("--only", nargs="+", metavar="WORD", help="pages of this name, and commands with this text, alone")
    command.add_argument("--to", default="work/results/guide", metavar="DIR", help="the folder of the results")
    command.add_argument("--folder", default="output/guide", metavar="DIR", help="where the pages' commands run, each page in its own")
    command.add_argument("--stored", action="store_true", help="run nothing, print the table of the rows that are stored")


def _kills_flags(command: Command) -> None:
    _count(command, 30, "how many runs are killed")
    _seed(command)
    command.add_argument("--data", default="mnist", metavar="NAME_OR_PATH", help="what the runs learn")


def _tuning_flags(command: Command) -> None:
    command.add_argument("--steps", metavar="STEP", default="classic transpose", help="a step as 'PRESET VARIANT'")
    command.add_argument("--turns", type=positive, default=6, metavar="N", help="how often each is asked for a second's worth of steps")


def _layers_flags(command: Command) -> None:
    command.add_argument("--threads", type=positive, metavar="N", help="CPU threads of each; default: one per physical core")


def _speed_flags(command: Command) -> None:
    peers = ["pytorch", "original"]
    command.add_argument("--against", choices=peers, help="compare with the same step in PyTorch, or with the original's on Paddle")
    command.add_argument(
        "--steps", nargs="+", metavar="STEP", help="steps as 'PRESET VARIANT', 'PRESET', or lenet, lenet-pooled, resnet, mlp"
    )
    command.add_argument("--compiled", action="store_true", help="beside PyTorch: also with its networks as torch.compile makes them")
    command.add_argument("--threads", type=positive, metavar="N", help="CPU threads of each; default: one per physical core")
    command.add_argument("--turns", type=positive, default=6, metavar="N", help="how often each is asked for a second's worth of steps")
    command.add_argument("-o", "--override", nargs="+", action="extend", metavar="KEY=VALUE", default=[], help="any configuration key")


@dataclass(frozen=True)
class Kind:
    """A kind of measurement.

    Attributes:
        function: "module:function" that takes the arguments which it names, and perhaps `say`; returns (result, text).
        flags: adds the arguments. help: one line. stores: `--to FILE` stores the result, else the function uses `to` itself.
    """

    function: str
    flags: Callable[[Command], None]
    help: str
    stores: bool = True


SPEED = Kind("benchmarks.speed.measure:speed", _speed_flags, "the speed of steps")
_SKIPPED = "; stored rows are skipped"
KINDS: Dict[str, Kind] = {
    "recipe": Kind("benchmarks.recipes:recipe", _flags_of_rows("recipes"), f"train rows and read their samples{_SKIPPED}", False),
    "collapse": Kind(
        "benchmarks.recipes:collapse", _flags_of_rows("collapse"), f"train every digit alone and count the healthy runs{_SKIPPED}", False
    ),
    "zoo": Kind(
        "benchmarks.recipes:zoo", _flags_of_rows("zoo"), f"train every preset at one budget and measure it in every way{_SKIPPED}", False
    ),
    "augment-gan": Kind(
        "benchmarks.augment_gan:augment_gan", _augment_gan_flags, f"judge GANs by what a classifier learns from them alone{_SKIPPED}", False
    ),
    "stacked-mnist": Kind(
        "benchmarks.stacked:stacked_mnist",
        _stacked_flags,
        f"count the triples of digits that a GAN without labels makes{_SKIPPED}",
        False,
    ),
    "leaderboard": Kind(
        "benchmarks.leaderboard:leaderboard", _leaderboard_flags, "measure the CPU time to a fixed Fréchet distance; rows are added", False
    ),
    "time-to-accuracy": Kind(
        "benchmarks.time_to_accuracy:time_to_accuracy",
        _flags_of_rows("time-to-accuracy"),
        f"measure the CPU time of classifiers to a fixed accuracy, beside PyTorch's{_SKIPPED}",
        False,
    ),
    "samples": Kind("benchmarks.readings:samples", _samples_flags, "read the samples of trained runs"),
    "features": Kind("benchmarks.readings:features", _features_flags, "train the feature network of a data set anew", False),
    "quality": Kind("benchmarks.quality:quality", _quality_flags, "measure trained runs by every metric, with time and memory"),
    "patches": Kind("benchmarks.patches:patches", _patches_flags, "cut a small colour set from photographs of scikit-learn", False),
    "solar-cells": Kind("benchmarks.solar:solar_cells", _solar_flags, "fetch photographs of solar cells as class folders", False),
    "rare-class": Kind(
        "benchmarks.rare_class:rare_class",
        _rare_flags,
        f"read samples of a rare class by judges of other photographs{_SKIPPED}",
        False,
    ),
    "digits": Kind("benchmarks.digits:digits", _digits_flags, "enlarge the digits of scikit-learn to 32 pixels as class folders", False),
    "sizes": Kind("benchmarks.sizes:sizes", _sizes_flags, f"measure steps, memory and parameters at every image size{_SKIPPED}", False),
    "processes": Kind(
        "benchmarks.processes:compare_processes", _processes_flags, "time a step of one process and of two beside one another"
    ),
    "growth": Kind("benchmarks.growth:growth", _growth_flags, f"measure time and memory as data grow{_SKIPPED}", False),
    "variations": Kind("benchmarks.variations:variations", _variations_flags, "read variations of real images of unseen classes"),
    "holes": Kind("benchmarks.holes:holes", _holes_flags, "look in samples for the holes that DiffAugment cuts into what D sees"),
    "generation": Kind("benchmarks.sets:generation", _generation_flags, "measure images a second, from latents to files with a manifest"),
    "wall": Kind("benchmarks.wall:wall", _wall_flags, "measure a whole training from Enter to its end, with its memory"),
    "imbalanced": Kind("benchmarks.sets:level", _imbalanced_flags, "augment a folder of MNIST digits with unequal classes"),
    "agreement": Kind("benchmarks.readings:agreement", _agreement_flags, "measure how often a set is read as its labels say"),
    "cas": Kind("benchmarks.sets:cas", _cas_flags, f"train classifiers on generated images alone, test on real ones{_SKIPPED}", False),
    "few-labels": Kind(
        "benchmarks.few_labels:few_labels", _few_labels_flags, f"measure errors after learning from few labels{_SKIPPED}", False
    ),
    "graph-labels": Kind(
        "benchmarks.graph_labels:graph_labels",
        _graph_flags,
        f"measure a graph method on the same few labels{_SKIPPED}",
        False,
    ),
    "classifier-settings": Kind(
        "benchmarks.classifier_settings:classifier_settings",
        _settings_flags,
        f"compare settings of the classifier on validation images{_SKIPPED}",
        False,
    ),
    "study-cells": Kind("benchmarks.study_cells:study_cells", _study_flags, "judge studies together, as one family of comparisons"),
    "dashboards": Kind(
        "benchmarks.dashboards:dashboards",
        _dashboards_flags,
        "take the pictures of three runs' dashboards, or time their pages",
        False,
    ),
    "guide": Kind(
        "benchmarks.guide:guide", _guide_flags, f"run the commands of the documents and the notebooks at full size{_SKIPPED}", False
    ),
    "kills": Kind("benchmarks.faults:kills", _kills_flags, "kill runs at random moments, resume them, and compare them"),
    "layers": Kind("benchmarks.speed.layers:layers", _layers_flags, "the layers of sngan-projection one by one, beside PyTorch's"),
    "tuning": Kind("benchmarks.speed.measure:tuning", _tuning_flags, "time the classic step with the run-time settings on and off"),
}


def bench_flags(command: Command) -> None:
    """The arguments of `python -m benchmarks`."""
    kinds = command.add_subparsers(dest="kind", metavar="WHAT", parser_class=type(command), help="without it the speed of steps, or:")
    for kind, parser in [(SPEED, command), *((kind, kinds.add_parser(name, help=kind.help)) for name, kind in KINDS.items())]:
        kind.flags(parser)
        if kind.stores:
            parser.add_argument("--to", metavar="FILE", help="store the result as JSON")


def bench(args: argparse.Namespace) -> Tuple[Any, str]:
    """Run `python -m benchmarks`; returns (result, text)."""
    kind = KINDS[args.kind] if args.kind else SPEED
    module, name = kind.function.split(":")
    function = getattr(importlib.import_module(module), name)
    given = {**vars(args), "say": functools.partial(print, file=sys.stderr, flush=True)}
    result, text = function(**{parameter: given[parameter] for parameter in inspect.signature(function).parameters})
    if kind.stores and args.to:
        write_json(args.to, result)
    return result, text
