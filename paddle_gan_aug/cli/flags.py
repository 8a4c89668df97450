"""The flags that several commands share, and those that set configuration keys."""

from __future__ import annotations

import argparse
from typing import Any, Dict, Iterable, List, NamedTuple, Optional

from ..errors import InputError
from ..runtime import check_seed


class _Lengthen(argparse.Action):
    """Collect the values of a flag that may be given again; the first ones take the place of the default."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Optional[str] = None) -> None:
        held = getattr(namespace, self.dest)
        setattr(namespace, self.dest, list(values) if held is self.default else [*held, *values])


SEVERAL: Dict[str, Any] = {"nargs": "+", "action": _Lengthen}  # of a flag that takes a list


class Flag(NamedTuple):
    """A flag that sets a configuration key. Without a metavar it takes no value, and sets the key to true."""

    key: str
    metavar: Optional[str]
    help: str


FLAGS = {
    "--data": Flag(
        "data.source",
        "NAME_OR_PATH",
        "Train on these images: mnist, a folder of class folders or of IDX files, a list file, an .npz file, or a mnist.json.gz.",
    ),
    "--unlabelled": Flag(
        "data.unlabelled", "NAME_OR_PATH", "Train on these images too, without labels: any kind of --data, or a folder of pictures."
    ),
    "--image-size": Flag("data.image_size", "N", "Resize the shorter side of each image to N pixels and crop the longer side."),
    "--channels": Flag("data.channels", "N", "Make all images grey (1) or colour (3)."),
    "--policy": Flag("data.policy", "NAME", "Use the classical augmentation that keeps the labels: digits, objects, mirrored, or auto."),
    "--skip-bad": Flag("data.skip_bad", None, "Leave out the files that cannot be used, and list them, instead of refusing the data."),
    "--allow-overlap": Flag("data.allow_overlap", None, "Continue although test images are training images, instead of refusing them."),
    "--split": Flag(
        "data.split",
        "NAME",
        "Hold a sixth of the training images out for validation (standard), or train on all (full).",
    ),
    "--digit": Flag("data.class_name", "D", "Train on this digit alone."),
    "--class": Flag("data.class_name", "NAME", "Train on this class alone."),
    "--generator": Flag("generator.variant", "NAME", "Use this form of the classic generator: upsample or transpose."),
    "--epochs": Flag("train.epochs", "N", "Train for N passes over the data in total."),
    "--steps": Flag("train.steps", "N", "Train for N steps in total."),
    "--batch-size": Flag("train.batch_size", "N", "Use N real images in each step."),
    "--seed": Flag("train.seed", "S", "Set the seed of all randomness."),
    "--device": Flag("runtime.device", "NAME", "Compute on this device: auto, cpu or gpu."),
    "--threads": Flag("runtime.threads", "N", "Use N CPU threads; 0 means one per physical core."),
    "--eval-every": Flag(
        "eval.every_steps",
        "N",
        "Measure a GAN's samples, or a classifier, on validation images every N steps, and keep the best checkpoint.",
    ),
    "--generated": Flag("generated.source", "SET_OR_RUN", "Train on generated images too, from a set on disk or from the run of a GAN."),
    "--generated-share": Flag("generated.share", "X", "Make this share of every batch generated images, above 0 and at most 1."),
    "--regenerate-every": Flag("generated.every_steps", "N", "If --generated is a run, generate new images every N steps."),
    "--patience": Flag(
        "classifier.patience", "N", "Stop after N validations (--eval-every) without an improvement, and test the best checkpoint."
    ),
    "--recover": Flag(
        "health.recover",
        "on|off",
        "When the samples collapse, go back to a healthy checkpoint and change a setting (on), or only record it (off).",
    ),
    "--cpu-tuning": Flag("runtime.cpu_tuning", "on|off", "Set the MKL code path, the threads and the allocator to suit this CPU."),
}
ONE_CLASS = ("--digit", "--class")  # of `train` alone


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    number = int(text) if text.strip().lstrip("+-").isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of at least 1")
    return number


def seed(text: str) -> int:
    """A seed, for argparse."""
    try:
        return check_seed(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_flag(group: argparse._ActionsContainer, flag: str) -> None:
    """Add a flag of `FLAGS`. It is absent from the arguments unless it is given."""
    key, metavar, text = FLAGS[flag]
    kind = {"metavar": metavar} if metavar else {"action": "store_const", "const": "true"}
    group.add_argument(flag, **kind, default=argparse.SUPPRESS, help=f"{text} Sets {key}.")


def add_training_flags(command: argparse.ArgumentParser, flags: Iterable[str], run: bool = True) -> None:
    """Add flags of `FLAGS`, -c, -o and the folders of a training; with `run`, the name of the run."""
    settings = command.add_argument_group("settings")
    source = settings.add_mutually_exclusive_group()
    source.add_argument(
        "-c", "--config", metavar="FILE_OR_PRESET", default=argparse.SUPPRESS, help="Read the configuration from a YAML file or a preset."
    )
    source.add_argument(
        "--gan", dest="config", metavar="PRESET", default=argparse.SUPPRESS, help="Use this preset; another spelling of -c."
    )
    for flag in flags:
        add_flag(settings, flag)
    settings.add_argument(
        "-o",
        "--override",
        nargs="+",
        action="extend",
        metavar="KEY=VALUE",
        default=[],
        help="Set any configuration key, for example generator.width=0.5.",
    )
    place = command.add_argument_group("runs")
    if run:
        place.add_argument("--run", metavar="NAME", help="Name the run; default: preset-data-date-time.")
        place.add_argument("--resume", action="store_true", help="Continue --run, or without it the newest unfinished run.")
        place.add_argument(
            "--allow-changed-data",
            action="store_true",
            help="With --resume, continue although the images have changed. Their classes must be the same.",
        )
    else:
        place.add_argument("--resume", action="store_true", help="Continue where the same command was interrupted.")
    place.add_argument("--output", metavar="DIR", help="Keep runs in this folder; default: output.")
    place.add_argument("--log", metavar="DIR", help="Keep VisualDL records in this folder; default: log.")


def add_run_flags(command: argparse.ArgumentParser) -> None:
    """Add --checkpoint, --device and --threads, for a command that opens a run."""
    command.add_argument(
        "--checkpoint", default="last", metavar="last|best|N", help="Use the last checkpoint, the best one, or that of a step."
    )
    command.add_argument("--device", default="auto", choices=["auto", "cpu", "gpu"], help="Compute on this device.")
    command.add_argument("--threads", type=int, default=0, metavar="N", help="Use N CPU threads; 0 means one per physical core.")


def add_dry_run(command: argparse.ArgumentParser) -> None:
    """Add --dry-run."""
    command.add_argument("--dry-run", action="store_true", help="Only say what would be done, and about how long it would take.")


def overrides_of(args: argparse.Namespace) -> Dict[str, Any]:
    """{configuration key: value} of all flags and -o that were given.

    Raises:
        InputError: a flag and an -o, or two flags, give one key different values.
    """
    from ..config.loading import parse_overrides, text_keys

    set_by_key = parse_overrides(args.override)
    overrides = dict(set_by_key)
    for flag, (key, _, _) in FLAGS.items():
        text = getattr(args, flag[2:].replace("-", "_"), None)
        if text is None:
            continue
        value = text if key in text_keys() else parse_overrides([f"{key}={text}"])[key]
        if key in set_by_key and set_by_key[key] != value:
            raise InputError(f"{flag} {text} and -o {key}={set_by_key[key]} give one setting two values: leave one of them out")
        overrides[key] = value
    return overrides


def training_options(args: argparse.Namespace, default: str) -> Dict[str, Any]:
    """The configuration's name and its overrides, as the library takes them.

    They are read here once already, before Paddle is imported, so that a mistake costs no wait.

    Args:
        default: the preset that is meant when none is named.

    Raises:
        InputError: the configuration is none.
    """
    from ..algorithms.checks import check_config
    from ..config.loading import load_config
    from ..evaluation.registry import check_measures

    config, overrides = getattr(args, "config", None), overrides_of(args)
    found = load_config(config or default, overrides)
    if not args.resume:  # a run that continues has its own configuration
        check_config(found)
        check_measures(found)
    return {"config": config, "overrides": overrides}


def given(args: argparse.Namespace, parser: argparse.ArgumentParser, names: Iterable[str]) -> List[str]:
    """Those of the parameters `names` whose flags were given a value other than their default."""
    return [name for name in names if getattr(args, name) != parser.get_default(name)]
