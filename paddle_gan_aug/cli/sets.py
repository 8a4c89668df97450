"""The commands that make and use sets of images: `generate`, `augment`, `predict`. Parsing only, as in `cli`."""

import argparse
import re
import shlex

from ..errors import InputError
from ..files import listed, one_line, shortened

FEW_KEPT = 0.25  # of the images tried: below it the GAN is said to have learnt badly

# ---- filters -----------------------------------------------------------------------------------------------------------


def _filter_flags(command):
    group = command.add_argument_group("filters")
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--filters", choices=["default", "none"], help="all that are on by default, or none (default: with --classifier all)"
    )
    which.add_argument("--filter", nargs="+", metavar="NAME", help="these alone: contrast, agreement, confidence, duplicates …")
    group.add_argument(
        "--filter-set", nargs="+", action="extend", default=[], metavar="NAME.SETTING=VALUE", help="such as confidence.threshold=0.9"
    )
    group.add_argument("--classifier", metavar="RUN", help="the run of classify that the filters read with: of the GAN's own data")
    group.add_argument("--attempts", type=int, default=50, metavar="N", help="images tried, at most, for each one wanted")


def _filters(args):
    from ..config.loading import parse_overrides

    settings = {}
    for pair in args.filter_set:
        if not re.match(r"[^.=]+\.[^=]+=", pair):
            raise InputError(f"--filter-set {pair}: expected NAME.SETTING=VALUE, for example confidence.threshold=0.9")
    for key, value in parse_overrides(args.filter_set).items():
        name, _, setting = key.partition(".")
        settings.setdefault(name, {})[setting] = value
    return {"names": args.filter or args.filters, "classifier": args.classifier, "settings": settings or None, "attempts": args.attempts}


# ---- generate ----------------------------------------------------------------------------------------------------------


def generate_flags(command):
    """The arguments of `generate`."""
    command.add_argument("run", metavar="RUN", nargs="+", help="a trained run such as output/my-run; one for each class; a folder of them")
    command.add_argument("--to", required=True, metavar="DIR", default=argparse.SUPPRESS, help="a new or empty folder for the images")
    many = command.add_mutually_exclusive_group()
    many.add_argument("--count", type=int, metavar="N", help="how many images, without class folders (default: 160)")
    many.add_argument("--per-class", type=int, metavar="N", help="how many images of each class")
    many.add_argument("--balance", metavar="DATA", help="of each class what the data (without test images) lacks to its largest class")
    command.add_argument("--ratio", type=float, metavar="R", help="with --balance: level all classes to 1 + R times the largest")
    command.add_argument("--truncation", type=float, metavar="T", help="draw latents anew that are farther from 0 than T, such as 2")
    command.add_argument("--seed", type=int, default=0, metavar="S", help="root of the latents")
    command.add_argument("--checkpoint", default="last", metavar="last|best|N", help="which checkpoint: the last, the best, or a step")
    command.add_argument("--format", default="folder", metavar="FORM", help="folder of PNG files, npz, idx, or mnist.json.gz")
    command.add_argument("--resume", action="store_true", help="go on with a set that was interrupted or stayed short")
    command.add_argument(
        "--preview", action="store_true", help="only draw a sheet of samples with D's score and the reading: --to FILE.png"
    )
    command.add_argument("--device", default="auto", choices=["auto", "cpu", "gpu"], help="where to compute")
    command.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads, 0 = one per physical core")
    varied = command.add_argument_group("variations of real images, by a run of dagan or learned-augmenter")
    varied.add_argument("--from", dest="data", metavar="NAME_OR_PATH", help="the real images; read as the run read its own")
    varied.add_argument("--part", default="train", choices=["train", "valid"], help="which of them")
    varied.add_argument("--classes", nargs="+", metavar="NAME", help="of these classes alone")
    _filter_flags(command)


def generate(args):
    """Run `generate`; returns (result, text)."""
    count = 160 if args.count is None and args.per_class is None and not args.balance else args.count
    given = _filters(args)
    if args.data is not None:
        return _vary(args, count)
    if args.classes is not None:
        raise InputError("--classes chooses among real images to vary: say which with --from")
    from ..synthesis.filters import Filters
    from ..synthesis.generate import generate as make
    from ..synthesis.preview import preview
    from ..synthesis.writers import GRID

    filters = Filters(**given)
    drawn = {"seed": args.seed, "checkpoint": args.checkpoint, "device": args.device, "threads": args.threads}
    if args.preview:
        sheet = preview(args.run, to=args.to, count=args.count, truncation=args.truncation, filters=filters, **drawn)
        below = "class, D's logit of real" + (", what the classifier reads" if args.classifier else "")
        return {"to": str(sheet.file), "images": sheet.rows}, f"{len(sheet.rows)} samples in {sheet.file}; below each: {below}"
    made = make(
        args.run,
        to=args.to,
        count=count,
        per_class=args.per_class,
        balance=args.balance,
        ratio=args.ratio,
        truncation=args.truncation,
        form=args.format,
        filters=filters,
        resume=args.resume,
        **drawn,
    )
    folder, result = made.folder, {"to": str(made.folder), "count": made.count}
    if count is not None:
        return result, f"{count} images in {folder}; look at {folder / GRID}"
    counts = listed(f"{name}: {number}" for name, number in made.counts.items())
    text = f"{made.count} images in {folder} ({counts}){_dropped(made.dropped)}; look at {folder / GRID}"
    return {**result, "classes": made.counts}, text


def _dropped(reasons):
    """What filters dropped, in a few words."""
    return "; dropped: " + ", ".join(f"{n} {reason}" for reason, n in reasons.items()) if reasons else ""


def _vary(args, count):
    """Variations of real images: so far by count alone, and unfiltered."""
    others = {
        "--per-class": args.per_class,
        "--balance": args.balance,
        "--ratio": args.ratio,
        "--truncation": args.truncation,
        "--classifier": args.classifier,
    }
    others.update({"--filter": args.filter, "--filters": args.filters, "--preview": args.preview, "--resume": args.resume})
    given = [flag for flag, value in others.items() if value] + ["--format"] * (args.format != "folder") + ["RUN"] * (len(args.run) > 1)
    if given:
        raise InputError(f"--from makes --count variations with one run, as PNG files: leave {', '.join(given)} out")
    from ..synthesis.vary import vary

    options = {"count": count, "part": args.part, "classes": args.classes, "seed": args.seed}
    drawn = {"checkpoint": args.checkpoint, "device": args.device, "threads": args.threads}
    made = vary(args.run[0], to=args.to, data=args.data, **options, **drawn)
    return {"to": str(made.folder), "count": made.count}, f"{count} variations in {made.folder}; look at {made.folder / 'grid.png'}"


# ---- augment -----------------------------------------------------------------------------------------------------------

AUGMENT_FLAGS = (
    *("--data", "--image-size", "--channels", "--skip-bad", "--policy", "--split", "--steps", "--epochs", "--batch-size"),
    *("--seed", "--device", "--threads", "--allow-overlap"),
)


def augment_flags(command):
    """The arguments of `augment` beside those of a training."""
    command.add_argument(
        "--to", required=True, metavar="DIR", default=argparse.SUPPRESS, help="a new or empty folder for the augmented data"
    )
    command.add_argument("--run", nargs="+", metavar="RUN", help="trained runs of this data, instead of training: as for generate")
    command.add_argument("--per-class-runs", action="store_true", help="train one GAN for each class")
    command.add_argument("--per-class", type=int, metavar="N", help="so many images of each class, real and generated together")
    command.add_argument("--ratio", type=float, metavar="R", help="level all classes to 1 + R times the largest")
    command.add_argument("--truncation", type=float, metavar="T", help="draw latents anew that are farther from 0 than T, such as 2")
    command.add_argument("--dry-run", action="store_true", help="say what would be done and about how long it would take; make nothing")
    command.add_argument(
        "--preview", action="store_true", help="only draw every classical transform and policy before and after: --to FILE.png"
    )
    _filter_flags(command)


def augment(args, options):
    """Run `augment` with the checked `options` of its training (config, overrides); returns (result, text)."""
    given, overrides = _filters(args), options["overrides"]
    if args.preview:
        return _draw_transforms(args.to, overrides)
    from ..synthesis.augment import augment_data
    from ..synthesis.filters import Filters

    result = augment_data(
        to=args.to,
        runs=args.run,
        per_class_runs=args.per_class_runs or None,
        per_class=args.per_class,
        ratio=args.ratio,
        filters=Filters(**given),
        output=args.output,
        log=args.log,
        truncation=args.truncation,
        resume=args.resume,
        dry_run=args.dry_run,
        **options,
    )
    return _plain(result), _augment_text(result)


def _plain(result):
    """An `AugmentedSet` as plain values."""
    found = {name: value for name, value in vars(result).items() if value is not None or name == "note"}
    found = {"to": str(found.pop("folder")), **found}
    return {**found, "picture": str(result.picture)} if result.picture else found


def _augment_text(result):
    *classes, total = result.table
    shown, more = shortened([(one_line(name), *counts) for name, *counts in classes])
    rows = [("class", "real", "generated", "both"), *shown, *([(more, "", "", "")] if more else []), total]
    widths = [max(len(str(row[i])) for row in rows) for i in range(4)]
    lines = ["  ".join([str(row[0]).ljust(widths[0]), *(str(row[i]).rjust(widths[i]) for i in (1, 2, 3))]) for row in rows]
    if result.note:
        lines.append(result.note)
    if result.steps is not None:
        lines.append(f"policy {result.policy} for classical changes, as in {result.picture}; another one with --policy")
        lines += [f"{_duration(step['low'], step['high'])}: {step['what']}" for step in result.steps]
        low, high = (sum(step[end] for step in result.steps) for end in ("low", "high"))
        lines.append(
            f"{_duration(low, high)} in all, an estimate from a few steps on this machine; nothing was written but that picture and caches"
        )
    else:
        from ..synthesis.summary import dropped_reasons, worth_lines

        to = result.folder
        lines += [*_worth(result.worth), *worth_lines(to)]
        lines.append(f"the augmented data is in {to}{_dropped(dropped_reasons(to))}; look at {to / 'grid.png'}")
        lines += _next_command(result, to)
    return "\n".join(lines)


def _worth(worth):
    """What the filters say of the GAN: how many tries were kept, and read as their class."""
    if not worth:
        return ["no filter judged the generated images: evaluate them before you rely on them"]
    tried, kept = (sum(part[key] for part in worth.values()) for key in ("tried", "kept"))
    shares = [f"{name} {_percent(part['kept'] / part['tried'])}{_read(part)}" for name, part in worth.items()]
    lines = [f"of {tried} images tried {kept} were kept: {one_line(', '.join(shares))}"]
    if kept < FEW_KEPT * tried:
        lines.append("few images passed: the GAN has learnt these classes badly; train it longer (--steps, --epochs) for a better set")
    return lines


def _percent(share):
    return f"{100 * share:.0f} %" if share >= 0.01 or not share else f"{100 * share:.1g} %"


def _read(part):
    share = part["read_as_class"]
    return "" if share is None else f" (the classifier reads {100 * share:.0f} % as it)"


def _next_command(result, to):
    """Lines of which the last is a command that works as it stands."""
    settings = [word for name, value in result.reading.items() for word in _setting(name, value)]
    data, alone = (shlex.join(["--data", str(images), *settings]) for images in (to, result.source))
    if (to / "test").is_dir():
        return [
            f"the real images alone, to compare: python -m paddle_gan_aug classify {alone}",
            f"a classifier learns the set with: python -m paddle_gan_aug classify {data}",
        ]
    return [
        f"the real images alone, to compare: python -m paddle_gan_aug classify {alone} --test TEST_IMAGES",
        f"a classifier learns the set with: python -m paddle_gan_aug classify {data} --test TEST_IMAGES",
        "without test images it is judged by the held-out validation images: "
        f"python -m paddle_gan_aug train --gan classifier {data} --eval-every 200",
    ]


def _setting(name, value):
    if name in ("image_size", "channels"):
        return f"--{name.replace('_', '-')}", str(value)
    return "-o", f"data.{name}={value}"


def _duration(low, high):
    """A range of seconds in words: one number where both ends round to the same."""
    unit, each = ("min", 60) if high >= 90 else ("s", 1)
    first, last = (max(1, round(seconds)) if each == 1 else round(seconds / each, 1) for seconds in (low, high))
    return f"about {last} {unit}" if first == last else f"about {first} to {last} {unit}"


def _draw_transforms(to, overrides):
    from ..augment.preview import draw_previews

    reading = ("image_size", "channels", "skip_bad", "policy", "window", "background", "fit")
    source = {key[5:]: value for key, value in overrides.items() if key in {f"data.{name}" for name in reading}}
    paths = draw_previews(overrides.get("data.source", "mnist"), to, seed=int(overrides.get("train.seed", 0)), **source)
    return {"to": [str(path) for path in paths]}, "\n".join(map(str, paths))


# ---- predict -----------------------------------------------------------------------------------------------------------


def predict_flags(command):
    """The arguments of `predict`."""
    command.add_argument("run", metavar="RUN", help="a run of classify")
    command.add_argument("images", nargs="+", metavar="IMAGES", help="pictures, folders of pictures, or .npz files")
    command.add_argument("--csv", action="store_true", help="comma-separated lines with a head line instead of JSON lines")
    command.add_argument("--skip-bad", action="store_true", help="leave out files that cannot be read, and list them")
    command.add_argument("--checkpoint", default="last", metavar="last|best|N", help="which checkpoint: the last, the best, or a step")
    command.add_argument("--device", default="auto", choices=["auto", "cpu", "gpu"], help="where to compute")
    command.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads, 0 = one per physical core")


def predict(args):
    """Run `predict`; returns (result, text)."""
    if args.csv and args.json:
        raise InputError("--csv and --json print the same rows in two forms: give one of them")
    from ..classification.predict import as_lines
    from ..classification.predict import predict as read

    rows = read(
        args.run, args.images[0] if len(args.images) == 1 else args.images, args.checkpoint, args.device, args.threads, args.skip_bad
    )
    return rows, as_lines(rows, "csv" if args.csv else "json")
