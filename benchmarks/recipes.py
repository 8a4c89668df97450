"""The recipe table: settings in, pictures and a judge's numbers out, one stored row per setting and seed.

Rows that are stored are not computed again, so the command can be stopped and started at will, and a table that grew over
days was still made by one command.
"""

import json
import re
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.judge import Judge
from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import DataSpec, to_uint8
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.evaluation.feature_network import feature_network
from paddle_gan_aug.evaluation.measure import evaluate_images
from paddle_gan_aug.files import atomic_write, find_path, make_folder
from paddle_gan_aug.pictures import grid, save_png
from paddle_gan_aug.runs.run import train
from paddle_gan_aug.training.loop import Callback
from paddle_gan_aug.training.recovery import Recovery

DEFAULTS = {"preset": "classic", "overrides": {}, "seeds": [0, 1], "samples": 5000, "evaluate": None, "plant": None}
MEASURED = ("frechet", "kid", "precision", "recall", "density", "coverage", "memorisation")  # of `evaluate`; diversity is the judge's


def run_recipes(recipes, judge, to, only=None, say=print):
    """Train every row of a recipe file that has no result yet.

    Args:
        recipes: a YAML file: a list of {name, preset, overrides, seeds, marks or images, samples, evaluate, plant}; marks are the steps
            at which that many samples are judged, and the last one ends the run; images: instead of marks, how many real images D sees
            in the whole run, judged at its end; evaluate: how many samples are measured against validation images at each mark;
            plant: {step, factor}, D's learning rates are multiplied there.
        judge: the run of `classify` that reads the samples, against validation images.
        to: the folder of results, for each row and seed `<name>-seed-<s>.json` and the picture `<name>-seed-<s>.png`.
        only: names of the rows to do; None = all.

    Returns:
        All rows with a result, in the order of the file.

    Raises:
        InputError: the file is not such a list, or has no row of a name in `only`.
    """
    listed = read_recipes(recipes)
    for name in only or []:
        known = [recipe["name"] for recipe in listed]
        if name not in known:
            raise InputError(f"--only {name}: {recipes} has no row of that name; it has {', '.join(known)}")
    to = make_folder(find_path(to))
    rows = []
    for recipe in listed:
        for seed in recipe["seeds"]:
            path = to / (re.sub(r"\W+", "-", recipe["name"]) + f"-seed-{seed}.json")
            if not path.exists() and (only is None or recipe["name"] in only):
                say(f"{recipe['name']}, seed {seed}")
                result = _measure(recipe, seed, judge, path.with_suffix(".png"), say)
                if result is None:
                    return rows
                with atomic_write(path, "w") as file:
                    json.dump(result, file, indent=1)
            if path.exists():
                rows.append(json.loads(path.read_text()))
    return rows


def read_recipes(path):
    """The rows of a recipe file, with the defaults filled in."""
    path = find_path(path)
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows = [{**DEFAULTS, **row, "name": str(row["name"])} for row in rows]
        return [{**row, "marks": [int(mark) for mark in row.get("marks") or [_steps_of(row)]]} for row in rows]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        raise InputError(f"{path}: expected a list of rows with name and marks: {error}") from None


def _steps_of(row):
    """The steps in which D sees a row's `images`."""
    options = load_config(row["preset"], row["overrides"]).train
    return max(1, int(row["images"]) // (options.batch_size * options.discriminator_steps * options.accumulate))


def _measure(recipe, seed, judge, picture, say):
    overrides = {**recipe["overrides"], "train.seed": seed, "train.steps": max(recipe["marks"])}
    overrides.setdefault("checkpoint.every_steps", max(recipe["marks"]))
    overrides.setdefault("log.grid_every_steps", max(recipe["marks"]))
    overrides.setdefault("health.recover", False)  # a recipe's own fate is measured, not its rescue
    marks = JudgedAt(recipe, judge, seed, say)
    row = {key: recipe[key] for key in ("name", "preset", "overrides", "plant")}
    row["seed"] = seed
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        try:
            run = train(
                recipe["preset"],
                run="row",
                output=output,
                log=Path(folder, "log"),
                overrides={**overrides, "log.visualdl": False},
                callbacks=[marks, *([Planted(**recipe["plant"])] if recipe["plant"] else [])],
                quiet=True,
            )
        except RunFailed as failure:
            row["failed"] = str(failure)
        else:
            if run.interrupted:
                return None
            latents = run.algorithm.latents(160, runtime.rng(seed, "fixed latents"))
            save_png(picture, grid(to_uint8(run.algorithm.images(latents, run.algorithm.grid_labels(160, 16)))))
        row["alarms"] = _alarms(output / "row")
    return {**row, "marks": marks.rows, "judge": marks.judge.name, "reference": marks.judge.reference, **marks.provenance}


def _alarms(folder):
    """Every alarm of a run, [{"step", "alarms", "rung": the one taken, or None}], in the order in which they came."""
    recovery = Recovery(folder)
    taken = [{"step": use["alarm_step"], "alarms": use["alarms"], "rung": use["rung"]} for use in recovery.used]
    rows = map(json.loads, (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return taken + [{"step": row["step"], "alarms": row["alarm"], "rung": None} for row in rows if "alarm" in row]


class Planted(Callback):
    """A fault for the health monitor to find: from step `step` on, D's learning rates are multiplied by `factor`."""

    def __init__(self, step, factor):
        self.step, self.factor, self.spoiled = step, factor, None

    def on_step(self, progress):
        if progress.step >= self.step and self.spoiled is not progress.algorithm:
            self.spoiled = progress.algorithm  # a run that recovers has a new one
            progress.algorithm.scale_learning_rates(self.factor, [name for name in progress.algorithm.optimizers if name != "g"])


class JudgedAt(Callback):
    """Judges fresh samples at a recipe's marks; the time it takes is not counted as training."""

    def __init__(self, recipe, judge, seed, say):
        self.recipe, self.judge_run, self.seed, self.say = recipe, judge, seed, say
        self.rows, self.judging, self.started = [], 0.0, None
        self.provenance = {"version": __version__}

    def on_begin(self, progress):
        data = load_config(self.recipe["preset"], self.recipe["overrides"]).data
        self.judge = Judge(self.judge_run, "valid", data.class_name, DataSpec.of(data))
        self.started = self.started or time.perf_counter()  # a run that recovers begins more than once
        self.provenance["process"] = vars(runtime.start("cpu"))

    def on_step(self, progress):
        if progress.step not in self.recipe["marks"]:
            return
        paused = time.perf_counter()
        row = {
            "step": progress.step,
            "seconds": round(paused - self.started - self.judging, 1),
            **{name: round(float(value), 4) for name, value in progress.values.items()},
            **self.judge.samples(progress.algorithm, self.recipe["samples"], runtime.rng(self.seed, "judged samples")),
        }
        if self.recipe["evaluate"]:
            row.update(self._measured(progress.algorithm))
        self.rows = [earlier for earlier in self.rows if earlier["step"] < row["step"]] + [row]
        self.say(json.dumps(row))
        self.judging += time.perf_counter() - paused

    def _measured(self, algorithm):
        """What `evaluate` says of fresh samples, against validation images; in features of all training images, however few the row has."""
        data = load_config(self.recipe["preset"], self.recipe["overrides"]).data
        source, images = DataSpec.of(data), to_uint8(algorithm.sample(self.recipe["evaluate"], runtime.rng(self.seed, "evaluation")))
        network = feature_network(source.whole())
        result = evaluate_images(images, real=source, part="valid", network=network)
        copies = {name: result["memorisation"][name] for name in ("copied", "near_duplicates")}
        return {**{name: result[name]["value"] for name in MEASURED}, **copies, "feature_network": network.name}
