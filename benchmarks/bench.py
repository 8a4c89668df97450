"""The measurements behind the README's numbers, each one command whose result is JSON."""

import functools
import json
import sys
import time
from pathlib import Path

from benchmarks.speed import compare
from benchmarks.speed.worker import peak_memory
from paddle_gan_aug import runtime
from paddle_gan_aug.config.loading import parse_overrides
from paddle_gan_aug.data import DataSpec
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import write_json


def recipe(args):
    """`bench recipe`: see `recipes.run_recipes`."""
    rows = _rows_of(args)
    return rows, recipe_table(rows)


def collapse(args):
    """`bench collapse`: recipes of single digits, with what became of each."""
    rows = _rows_of(args)
    return rows, collapse_table(rows)


def zoo(args):
    """`bench zoo`: every preset at one budget of images that D sees, with all that can be measured of the samples."""
    rows = _rows_of(args)
    return rows, zoo_table(rows)


def _rows_of(args):
    from benchmarks.recipes import run_recipes

    only = [] if args.stored else args.only
    return run_recipes(args.recipes, args.judge, args.to, only, say=functools.partial(print, file=sys.stderr, flush=True))


def features(args):
    """`bench features`: train the feature network of a data set, as the shipped one was made."""
    from paddle_gan_aug.evaluation.feature_network import train_feature_network

    runtime.start("cpu")
    network = train_feature_network(args.data, args.to, args.seed)
    accuracy = "no validation images" if network.accuracy is None else f"accuracy {100 * network.accuracy:.2f} % on validation images"
    return {"name": network.name, **network.description}, f"{network.name}: {accuracy}"


def holes(args):
    """`bench holes`: see `holes.find_holes`."""
    runtime.import_paddle()  # quietly, before that file imports it
    from benchmarks.holes import find_holes, holes_table

    found = find_holes(args.runs, args.policy, args.count, say=functools.partial(print, file=sys.stderr, flush=True))
    return _stored(args.to, found, holes_table(found))


def quality(args):
    """`bench quality`: every metric of trained runs, each against the test images, as a Markdown table."""
    from paddle_gan_aug.runs.evaluate import evaluate

    rows = []
    for name in args.runs:
        began = time.perf_counter()
        result, _ = evaluate(name, count=args.count, part=args.part)
        seconds = round(time.perf_counter() - began, 1)
        rows.append({"run": Path(name).name, **result, "seconds": seconds, "peak_mb": peak_memory()})
        print(f"{name}: {seconds} s, {rows[-1]['peak_mb']} MB", file=sys.stderr, flush=True)
    return _stored(args.to, rows, quality_table(rows))


QUALITY = (
    *("frechet", "kid", "inception_score", "precision", "recall", "density", "coverage"),
    *("class_histogram", "diversity", "memorisation"),
)


def quality_table(rows):
    """Every run as a line of Markdown, below the real floor of the first."""
    lines = ["| run | " + " | ".join(name.replace("_", " ") for name in QUALITY) + " |", "|---|" + "---|" * len(QUALITY)]
    floor = {name: rows[0][name].get("floor") for name in QUALITY}
    for label, values in [("*real floor*", floor), *((row["run"], {name: row[name]["value"] for name in QUALITY}) for row in rows)]:
        lines.append(f"| {label} | " + " | ".join("–" if values[name] is None else f"{values[name]:.3g}" for name in QUALITY) + " |")
    return "\n".join(lines)


def kills(args):
    """`bench kills`: see `faults.kill_tests`."""
    from benchmarks.faults import kill_tests

    result = kill_tests(args.count, args.seed, args.data, say=functools.partial(print, file=sys.stderr, flush=True))
    return _stored(args.to, result, f"{result['identical']} of {args.count} killed runs resumed to the same bits as the undisturbed one")


HEALTHY_SHARE, HEALTHY_DIVERSITY = 0.9, 0.5  # read as the digit; of the real digit's diversity


def is_healthy(row):
    """Whether a row of single digits ended with samples one can use."""
    if "failed" in row or not row["marks"]:
        return False
    last = row["marks"][-1]
    return last["read_as_class"] >= HEALTHY_SHARE and last["diversity"] >= HEALTHY_DIVERSITY


def collapse_table(rows):
    """Every run of `bench collapse` as a line of Markdown, and the sums by preset of those without a planted fault."""
    lines = ["| run | seed | healthy | read as the digit | diversity | alarms | rungs |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        last = row["marks"][-1] if row["marks"] else {"read_as_class": float("nan"), "diversity": float("nan")}
        rungs = ", ".join(alarm["rung"] for alarm in row["alarms"] if alarm["rung"]) or "–"
        lines.append(
            f"| {row['name']} | {row['seed']} | {'yes' if is_healthy(row) else 'no'} | {last['read_as_class']:.3f} | "
            f"{last['diversity']:.2f} | {len(row['alarms'])} | {rungs} |"
        )
    for preset in dict.fromkeys(row["preset"] for row in rows):
        mine = [row for row in rows if row["preset"] == preset and not row.get("plant")]
        lines.append(f"\n{preset}: {sum(map(is_healthy, mine))} of {len(mine)} runs end healthy")
    return "\n".join(lines)


ZOO = {  # column -> (where in a mark, how it is shown)
    "Fréchet": ("frechet", ".2f"),
    "coverage": ("coverage", ".3f"),
    "recall": ("recall", ".3f"),
    "memorisation": ("memorisation", ".2f"),
    "copied": ("copied", ""),
    "diversity": ("diversity", ".2f"),
    "classes": ("smallest_class", ".3f"),
    "confidence": ("confident", ".3f"),
    "class asked for": ("agreement", ".3f"),
    "diversity within": ("diversity_within", ".2f"),
    "code": ("code_accuracy", ".3f"),
    "seconds": ("seconds", ".0f"),
}


def zoo_table(rows):
    """Every row as a line of a Markdown table, its seeds beside each other, each at its best mark by Fréchet distance. Columns that no row
    has are left out. "classes" is the share of the rarest class, "code" how well it matches the classes.
    """
    best = {}
    for row in rows:
        mark = min(row["marks"], key=lambda mark: mark.get("frechet", 0), default={"step": "failed"})
        best.setdefault(row["name"], []).append({**mark, "seed": row["seed"]})
    columns = {"seeds": ("seed", ""), "step": ("step", ""), **ZOO}
    columns = {title: column for title, column in columns.items() if any(column[0] in mark for marks in best.values() for mark in marks)}
    lines = ["| row | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for name, marks in best.items():
        lines.append(f"| {name} | " + " | ".join(_cell(marks, *column) for column in columns.values()) + " |")
    return "\n".join(lines)


def _cell(marks, name, kind):
    """What the seeds of a row have, "–" for what they have not."""
    values = [mark.get(name) for mark in marks]
    shown = ["–" if value is None else ("yes" if value else "no") if isinstance(value, bool) else format(value, kind) for value in values]
    return ", ".join(shown) if any(value is not None for value in values) else "–"


def recipe_table(rows):
    """Every mark of every row as a Markdown table; the alarm is the first that the health monitor raised."""
    lines = ["| row | seed | step | seconds | confident | smallest class | diversity | alarm at |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        alarm = min((alarm["step"] for alarm in row["alarms"]), default="–") if "alarms" in row else "not looked for"
        for mark in row["marks"]:
            measured = f"{mark['confident']:.2f} | {mark['smallest_class']:.3f} | {mark['diversity']:.2f}"
            lines.append(f"| {row['name']} | {row['seed']} | {mark['step']} | {mark['seconds']:.0f} | {measured} | {alarm} |")
    return "\n".join(lines)


def samples(args):
    """`bench samples`: what the judge reads in fresh samples of trained runs, beside real images of `args.part`."""
    from benchmarks.judge import Judge
    from paddle_gan_aug.runs.opened import open_run

    rows = []
    for name in args.runs:
        run = open_run(name)
        judge = Judge(args.judge, args.part, run.config.data.class_name, DataSpec.of(run.config.data))
        numbers = judge.samples(run.algorithm, args.count, runtime.rng(run.config.train.seed, "judged samples"))
        rows.append({"run": run.folder.name, "step": run.step, "judge": judge.name, "reference": judge.reference, **numbers})
    return _stored(args.to, rows, "\n".join(json.dumps(row, ensure_ascii=False) for row in rows))


def variations(args):
    """`bench variations`: see `variations.judge_variations`."""
    from benchmarks.variations import judge_variations, variations_table

    rows = [judge_variations(run, args.judge, args.classes, args.count, args.draws) for run in args.runs]
    return _stored(args.to, rows, variations_table(rows))


def patches(args):
    """`bench patches`: see `patches.write_patches`."""
    from benchmarks.patches import REGIONS, write_patches

    folder = write_patches(args.to, args.image_size, args.per_class, args.seed)
    count = args.per_class * len(REGIONS)
    return {"to": str(folder), "count": count, "classes": list(REGIONS)}, f"{count} patches of {len(REGIONS)} classes in {folder}"


def generation(args):
    """`bench generation`: images a second, from the latents to PNG files with their manifest."""
    from benchmarks.sets import writing_speed

    runtime.start("cpu")
    result = writing_speed(args.run, args.count)
    text = (
        f"{result['images_per_second']:.0f} images/s: {result['count']} in {result['seconds']} s with {result['threads']} threads; alone: "
        f"networks {result['networks']} s, encoding and writing {result['encoding_and_writing']} s"
    )
    return _stored(args.to, result, text)


def wall(args):
    """`bench wall`: a whole training as a user types it, from Enter to its end."""
    from benchmarks.wall import wall_time

    result = wall_time(args.gan, args.judge, args.seed)
    return _stored(args.to, result, f"{result['command']}: {result['seconds']} s from Enter, at most {result['peak_mb']} MB")


def imbalanced(args):
    """`bench imbalanced`: what `augment` makes of a folder of unequal classes."""
    from benchmarks.sets import imbalanced as measure

    if len(args.digits) != len(args.counts):
        raise InputError(f"{len(args.digits)} --digits and {len(args.counts)} --counts; give one count for each digit")
    runtime.start("cpu")
    result = measure(dict(zip(args.digits, args.counts)), args.gan, say=functools.partial(print, file=sys.stderr, flush=True))
    rows = [f"{name}: {real} real + {made} generated = {both}" for name, real, made, both in result["table"]]
    return _stored(args.to, result, "\n".join([*rows, f"in {result['seconds']} s with {result['threads']} threads"]))


def agreement(args):
    """`bench agreement`: how often a classifier reads the images of a set as their labels say."""
    from benchmarks.sets import agreement as measure

    result = measure(args.set, args.judge)
    return _stored(
        args.to, result, f"{100 * result['agreement']:.2f} % of {result['count']} images are read as labelled by {result['judge']}"
    )


def cas(args):
    """`bench cas`: accuracy on real test images of classifiers that learnt generated images alone."""
    from benchmarks.sets import run_scores, score_table

    rows = run_scores(args.rows, args.to, args.only, say=functools.partial(print, file=sys.stderr, flush=True))
    return rows, score_table(rows)


def tuning(args):
    """`bench tuning`: the classic step with the process settings on and off."""
    entry = compare.settings_on_and_off(args.steps, args.turns)
    return _stored(args.to, {"machine": compare.machine(), **entry}, compare.step_line(entry))


def speed(args):
    """`bench`: the steps of presets by stage, or with `--against` beside PyTorch or the original's step."""
    say = functools.partial(print, file=sys.stderr, flush=True)
    if args.against == "pytorch":
        entries = compare.against_pytorch(args.steps or compare.PEER_STEPS, args.threads, args.turns, say)
        text = "\n".join(map(compare.step_line, entries))
    elif args.against == "original":
        entries = compare.against_original(args.steps or compare.PEER_STEPS[:2], args.threads, args.turns, say)
        text = "\n".join(map(compare.step_line, entries))
    else:
        overrides = parse_overrides(args.override)
        steps = args.steps or ("classic transpose", "classic upsample", "fast transpose", "fast upsample")
        entries = []
        for step in steps:
            say(f"{step} …")
            entries.append(compare.alone(step, overrides, args.threads, args.turns))
        text = compare.table(entries)
    return _stored(args.to, {"machine": compare.machine(), "entries": entries}, text)


def _stored(to, result, text):
    if to:
        write_json(to, result)
    return result, text
