"""The measurements behind the README's numbers, each one command whose result is JSON."""

import json
import os
import statistics
import subprocess
import sys

from .. import runtime
from ..files import write_json
from . import tuned_step


def recipe(args):
    """`bench recipe`: see `recipes.run_recipes`."""
    from .recipes import run_recipes

    rows = run_recipes(args.recipes, args.judge, args.to, args.only, say=lambda text: print(text, file=sys.stderr, flush=True))
    return rows, recipe_table(rows)


def recipe_table(rows):
    """The last mark of every row as a Markdown table."""
    lines = ["| row | seed | step | seconds | confident | smallest class | diversity |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        last = row["marks"][-1]
        measured = f"{last['confident']:.2f} | {last['smallest_class']:.3f} | {last['diversity']:.2f}"
        lines.append(f"| {row['name']} | {row['seed']} | {last['step']} | {last['seconds']:.0f} | {measured} |")
    return "\n".join(lines)


def samples(args):
    """`bench samples`: what the judge reads in fresh samples of trained runs, beside real images of `args.part`."""
    from ..training import open_run
    from .judge import Judge

    rows = []
    for name in args.runs:
        run = open_run(name)
        judge = Judge(args.judge, args.part, run.config.data.class_name, run.config.data.source)
        images = run.algorithm.sample(args.count, runtime.rng(run.config.train.seed, "judged samples"))
        rows.append({"run": run.folder.name, "step": run.step, "judge": judge.name, "reference": judge.reference, **judge.read(images)})
    if args.to:
        write_json(args.to, rows)
    return rows, "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def tuning(args):
    """`bench tuning`: the original step with the process settings off and on, and our step with them on, in turn."""
    found = {"off": [], "on": []}
    for _ in range(args.pairs):
        for setting in found:
            found[setting].append(_step_process(setting, args.steps))
    medians = {setting: statistics.median(run["median_ms"] for run in runs) for setting, runs in found.items()}
    ratios = sorted(off["median_ms"] / on["median_ms"] for off, on in zip(found["off"], found["on"]))
    differences = [
        abs(a - b) for off, on in zip(found["off"], found["on"]) for x, y in zip(off["losses"], on["losses"]) for a, b in zip(x, y)
    ]
    result = {
        "step": "classic, transpose, batch 128",
        "median_ms": medians,
        "ratio": {"median": statistics.median(ratios), "smallest": ratios[0], "largest": ratios[-1]},
        "largest_loss_difference": max(differences),
        "processes": found,
    }
    if args.to:
        write_json(args.to, result)
    return result, (
        f"a step takes {medians['off']:.0f} ms with the settings off, {medians['on']:.0f} ms with them on: "
        f"{result['ratio']['median']:.2f} times as fast ({ratios[0]:.2f} to {ratios[-1]:.2f}); "
        f"losses of the first five steps differ by at most {result['largest_loss_difference']:.1e}"
    )


def _step_process(setting, steps):
    environment = {name: value for name, value in os.environ.items() if name not in runtime.TUNED_VARIABLES}
    environment[runtime.TUNING_SWITCH] = setting
    done = subprocess.run(
        [sys.executable, "-m", tuned_step.__name__, str(steps)], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])
