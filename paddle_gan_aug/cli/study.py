"""The command `study`: do generated images help on this data, and which classifier to use."""

import argparse
import inspect
import json
from typing import Any, Callable, Dict, List

from ..errors import InputError, did_you_mean
from .flags import SEVERAL, positive
from .messages import program
from .result import DONE, FAILED, INTERRUPTED, Result, named_lines

NOT_IN_A_FILE = ("config", "report", "list_arms", "command", "parser", "json", "name", "given")


def add_flags(command: argparse.ArgumentParser) -> None:
    """The arguments of `study`."""
    _add_what(command.add_argument_group("what to compare"))
    _add_how_long(command.add_argument_group("how long"))
    _add_where(command.add_argument_group("where"))


def _add_what(what: Any) -> None:
    what.add_argument(
        "-c", "--config", metavar="FILE", help="Read these settings from a YAML file, such as data: mnist; flags take precedence."
    )
    what.add_argument("--data", metavar="NAME_OR_PATH", help="Compare on these labelled images. What no flag sets is chosen to suit them.")
    what.add_argument(
        "--test", metavar="NAME_OR_PATH", help="Test on these labelled images; without it on the test part of --data, or on folds of it."
    )
    what.add_argument("--unlabelled", metavar="NAME_OR_PATH", help="Give these images to the arms that learn from images without labels.")
    what.add_argument(
        "--arms",
        **SEVERAL,
        metavar="ARM",
        help="Compare these ways to train, such as real classical classical+gan+filter gan@0.1; see --list-arms.",
    )
    what.add_argument("--list-arms", action="store_true", help="Print the arms, one a line, and end.")
    what.add_argument(
        "--labels",
        **SEVERAL,
        type=positive,
        default=[],
        metavar="N",
        help="Use N labels of each class, drawn anew for every seed; several numbers are compared.",
    )
    what.add_argument(
        "--cut",
        **SEVERAL,
        default=[],
        metavar="CLASS=N",
        help="Keep only N images of each class named, drawn anew for every seed.",
    )
    what.add_argument(
        "--new-classes",
        **SEVERAL,
        default=[],
        metavar="CLASS",
        help="Keep only few images of these classes (--new-images), beside those of the others.",
    )
    what.add_argument(
        "--new-images",
        **SEVERAL,
        type=positive,
        default=[5],
        metavar="N",
        help="Keep N images of each new class, drawn anew for every seed.",
    )
    what.add_argument(
        "--shares",
        **SEVERAL,
        type=float,
        default=[],
        metavar="S",
        help="Run each arm with generated images at each of these shares of a batch.",
    )
    what.add_argument("--gan-arm", metavar="ARM", help="Judge this arm with generated images.")
    what.add_argument("--rival", metavar="ARM", help="Judge it against this arm without generated images.")
    _add_reading(what)


def _add_reading(what: Any) -> None:
    what.add_argument(
        "--image-size", type=positive, metavar="N", help="Resize the shorter side of each image to N pixels and crop the longer side."
    )
    what.add_argument("--channels", type=int, choices=[1, 3], help="Make all images grey (1) or colour (3).")
    what.add_argument(
        "--policy",
        default="auto",
        metavar="NAME",
        help="Use the classical augmentation that keeps the labels: digits, objects, mirrored, or auto.",
    )
    what.add_argument("--skip-bad", action="store_true", help="Leave out the files that cannot be used, and list them.")
    what.add_argument("--allow-overlap", action="store_true", help="Continue although test images are training images.")


def _add_how_long(long: Any) -> None:
    long.add_argument(
        "--budget",
        metavar="TIME",
        help="Fit the study into this time, such as 30m or 2h, with fewer arms, splits and seeds, and shorter trainings.",
    )
    long.add_argument("--seeds", type=positive, metavar="N", help="Repeat with N paired seeds; a claim needs 8.")
    long.add_argument(
        "--other-seeds", type=positive, metavar="N", help="Repeat only N times what is neither one of the two compared arms nor real."
    )
    long.add_argument(
        "--first-seed", type=int, default=0, metavar="S", help="Count the seeds from S on: others draw other labels, and are a new study."
    )
    long.add_argument("--choices", type=int, metavar="N", help="Choose the two compared arms on N other splits; with 0 by a fixed rule.")
    long.add_argument("--steps", type=positive, metavar="N", help="Train every classifier for N steps.")
    long.add_argument("--gan", metavar="PRESET", help="Train this conditional GAN.")
    long.add_argument("--gan-steps", type=positive, metavar="N", help="Train the GAN for at most N steps.")
    long.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help="Stop the GAN after N measurements on held-out labels without a better one; 0 trains it for all steps.",
    )
    long.add_argument("--per-class", type=positive, metavar="N", help="Generate N images of each class.")
    long.add_argument(
        "--learner-steps",
        type=positive,
        metavar="N",
        help="Train the networks of semi-supervised and consistency for N steps; default: as their presets.",
    )
    long.add_argument("--architecture", choices=["lenet", "lenet-pooled", "resnet"], default="lenet", help="Use this classifier.")
    measures = ["accuracy", "balanced_accuracy", "cut_recall"]
    long.add_argument(
        "--measure",
        choices=measures,
        help="Compare the arms by this score; cut_recall is the recall of the classes of --cut or --new-classes.",
    )
    long.add_argument(
        "--margin", type=float, default=0.2, metavar="POINTS", help="Count differences up to this many points as too small to matter."
    )
    long.add_argument(
        "-o", "--override", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="Change settings of every classifier."
    )
    long.add_argument("--gan-override", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="Change settings of every GAN.")
    long.add_argument(
        "--learner-override",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="Change settings of the networks of semi-supervised and consistency.",
    )


def _add_where(where: Any) -> None:
    where.add_argument(
        "--to",
        metavar="DIR",
        help="Write rows and report into this folder, in which the same command continues; default: output/study-DATA.",
    )
    where.add_argument("--jobs", type=positive, default=1, metavar="J", help="Use J worker processes on this machine.")
    where.add_argument("--threads", type=positive, default=1, metavar="N", help="Use N CPU threads in each worker.")
    where.add_argument("--cluster", metavar="ADDRESS", help="Run on this Dask cluster, such as tcp://host:8786.")
    where.add_argument("--retry", action="store_true", help="Run the trainings again that failed before.")
    where.add_argument("--stored", action="store_true", help="Compute nothing, and answer from the stored rows.")
    where.add_argument("--no-classifier", action="store_true", help="Do not train and keep the recommended classifier.")
    where.add_argument("--output", metavar="DIR", help="Keep runs in this folder; default: output.")
    where.add_argument("--log", metavar="DIR", help="Keep VisualDL records in this folder; default: log.")
    where.add_argument("--dry-run", action="store_true", help="Only say what would be done, and about how long it would take.")
    where.add_argument("--report", metavar="DIR", help="Draw the report of this study again from its rows, and end.")


def run(args: argparse.Namespace) -> Result:
    """Run `study`.

    Raises:
        InputError: as `study.study.run_study`.
    """
    if args.list_arms:
        from ..study.arms import ARMS

        rows = {arm.name: arm.says for arm in ARMS.values()}
        return Result(rows, named_lines(rows))
    if args.report is not None:
        from ..study.study import draw_report

        page = draw_report(args.report)
        return Result({"report": str(page)}, str(page))
    if args.config is not None:
        _lay_under(args)
    if args.data is None:
        raise InputError("no data named: give --data NAME_OR_PATH, or --report DIR to draw a report again")
    from ..config.loading import parse_overrides
    from ..data import DataSpec
    from ..study.study import run_study

    as_they_are = {name: value for name, value in vars(args).items() if name in inspect.signature(run_study).parameters}
    options = {
        **as_they_are,
        "data": DataSpec(args.data, image_size=args.image_size, channels=args.channels, skip_bad=args.skip_bad),
        "cut": _mapping(args.cut, _cuts),
        "margin": _points(args.margin),
        "overrides": _mapping(args.override, parse_overrides),
        "gan_overrides": _mapping(args.gan_override, parse_overrides),
        "learner_overrides": _mapping(args.learner_override, parse_overrides),
        "keep": not args.no_classifier if isinstance(args.no_classifier, bool) else args.no_classifier,
    }
    try:
        found = run_study(**options)
    except KeyboardInterrupt:
        return Result({"interrupted": True}, "interrupted: what has ended is stored, and the same command goes on", INTERRUPTED)
    failed = found.recommended is not None and found.recommended["arm"] is None
    return Result(found.to_json(), "\n".join(found.told_plan()) if args.dry_run else told(found), FAILED if failed else DONE)


def _lay_under(args: argparse.Namespace) -> None:
    """Take from a file what no flag says: its keys are the flags' names; arms and labels are lists, cut and the overrides mappings."""
    from ..config.yaml_tree import read_tree
    from ..files import find_path, regular

    path = find_path(args.config)
    try:
        tree = read_tree(regular(path).read_text(encoding="utf-8"), ())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as the settings of a study: {error}") from None
    known = [name for name in vars(args) if name not in NOT_IN_A_FILE]
    if not isinstance(tree, dict):
        raise InputError(f"{path}: expected the settings of a study, each on a line such as data: mnist")
    for key, value in tree.items():
        name = str(key).replace("-", "_")
        if name not in known:
            raise InputError(f"{path}: a study has no setting {key}: {did_you_mean(name, known, 'see study --help')}")
        if isinstance(value, dict):
            value = [f"{inner}={json.dumps(of)}" for inner, of in value.items()]
        if name not in args.given:
            setattr(args, name, value)


def _mapping(value: Any, parse: Callable[[List[str]], Dict[str, Any]]) -> Any:
    """KEY=VALUE pairs as a mapping, None without any; what else a file may give, `run_study` judges."""
    if isinstance(value, list) and all(isinstance(pair, str) for pair in value):
        return parse(value) or None
    return value


def _points(margin: Any) -> Any:
    """A margin in points as a share; what a file may give besides numbers, `run_study` judges."""
    if not isinstance(margin, (int, float)):
        return margin
    if margin < 0 or margin > 100:
        raise InputError(f"margin: expected points from 0 to 100, got {margin:g}")
    return margin / 100


def _cuts(pairs: List[str]) -> Dict[str, int]:
    cuts: Dict[str, int] = {}
    for pair in pairs:
        name, equals, count = pair.rpartition("=")
        if name in cuts:
            raise InputError(f"--cut {pair}: {name} is there twice: give each once")
        try:
            cuts[name] = positive(count if equals else "")
        except (argparse.ArgumentTypeError, ValueError):
            raise InputError(f"--cut {pair}: expected CLASS=N, for example --cut coat=20") from None
    return cuts


def told(found: Any) -> str:
    """The verdict, a table, and where the report and the classifier are."""
    compared = {(row["scenario"], row["arm"]): row for row in found.comparisons}
    lines = [found.verdict, ""]
    width = max([len(row["arm"]) for row in found.arms] + [4])
    many = len({row["scenario"] for row in found.arms}) > 1
    lines.append(f"{'arm':{width}}  {'score':>7}  {'± seeds':>8}  {'against rival':>14}  seeds")
    for row in sorted(found.arms, key=lambda row: (row["scenario"], -(row["mean"] or 0))):
        one = compared.get((row["scenario"], row["arm"]))
        score = "failed" if row["mean"] is None else f"{100 * row['mean']:.2f}"
        spread = "" if row["spread"] is None else f"{100 * row['spread']:.2f}"
        difference = "" if one is None else f"{100 * one['mean']:+.2f}"
        where = f"  {row['scenario']}" if many else ""
        lines.append(f"{row['arm']:{width}}  {score:>7}  {spread:>8}  {difference:>14}  {row['seeds']:>5}{where}")
    lines += ["", *(f"note: {note}" for note in found.notes)]
    kept = found.recommended
    lines.append(f"recipe: {kept['arm'] or 'none'}, because {kept['why']}")
    if "run" in kept:
        lines.append(f"classifier: {kept['run']}; train it again with: {program()} {kept['command']}")
    lines.append(f"report: {found.report}")
    return "\n".join(lines)
