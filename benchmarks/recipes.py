"""The recipe table: settings in, pictures and numbers out, one stored row per setting and seed.

Rows that are stored are not computed again, so the command can be stopped and started at will, and a table that grew over
days was still made by one command.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import yaml

from benchmarks.readings import provenance, readings, reference_for
from benchmarks.speed.worker import peak_memory
from benchmarks.tables import collapse_table, recipe_table, zoo_table
from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import DataSpec, to_uint8
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.evaluation.measure import measure
from paddle_gan_aug.evaluation.reference import Reference
from paddle_gan_aug.evaluation.registry import during_training
from paddle_gan_aug.evaluation.samples import Samples, draw_samples
from paddle_gan_aug.files import atomic_write, find_path, make_folder
from paddle_gan_aug.pictures import grid, save_png
from paddle_gan_aug.runs.run import train
from paddle_gan_aug.training.loop import Callback, Progress
from paddle_gan_aug.training.recovery import Recovery

DEFAULTS = {
    "preset": "classic",
    "overrides": {},
    "seeds": [0, 1],
    "samples": 5000,
    "evaluate": None,
    "metrics": None,
    "test": False,
    "plant": None,
}
Row = Dict[str, Any]
Rows = List[Row]
Say = Callable[[str], None]
Measure = Callable[[Row, int, Path, Say], Optional[Row]]


def recipe(recipes: str, to: str, only: Optional[Sequence[str]], stored: bool, say: Say) -> Tuple[Rows, str]:
    """`recipe`: see `run_recipes`."""
    rows = run_recipes(recipes, to, [] if stored else only, say)
    return rows, recipe_table(rows)


def collapse(recipes: str, to: str, only: Optional[Sequence[str]], stored: bool, say: Say) -> Tuple[Rows, str]:
    """`collapse`: recipes of single digits, with what became of each."""
    rows = run_recipes(recipes, to, [] if stored else only, say)
    return rows, collapse_table(rows)


def zoo(recipes: str, to: str, only: Optional[Sequence[str]], stored: bool, say: Say) -> Tuple[Rows, str]:
    """`zoo`: every preset at one budget of images that D sees, with all that can be measured of the samples."""
    rows = run_recipes(recipes, to, [] if stored else only, say)
    return rows, zoo_table(rows)


def run_recipes(recipes: str, to: str, only: Optional[Sequence[str]] = None, say: Say = print, measure: Optional[Measure] = None) -> Rows:
    """Train every row of a recipe file that has no result yet.

    Args:
        recipes: a YAML file: a list of {name, preset, overrides, seeds, marks or images, samples, evaluate, metrics, test, plant}; marks
            are the steps at which `samples` samples are read, and the last one ends the run; images: instead of marks, how many real
            images D sees in the whole run, read at its end; evaluate: how many samples are measured at each mark, by `metrics` or by
            every metric, beside validation images; test: at the last mark also beside test images, as `test` of the mark;
            plant: {step, factor}, D's learning rates are multiplied there. A preset of null stands for the real images.
        to: the folder of results, for each row and seed `<name>-seed-<s>.json` and the picture `<name>-seed-<s>.png`.
        only: names of the rows to do; None = all.
        measure: what trains and measures a row: (recipe, seed, picture, say) -> result, None = interrupted. Without it
            `train_and_measure`.

    Returns:
        All rows with a result, in the order of the file.

    Raises:
        InputError: the file is not such a list, or has no row of a name in `only`.
    """
    listed = read_recipes(recipes)
    for name in only or []:
        known = [recipe["name"] for recipe in listed]
        if name not in known:
            raise InputError(f"only {name}: {recipes} has no row of that name; it has {', '.join(known)}")
    to = make_folder(find_path(to))
    rows = []
    for recipe in listed:
        for seed in recipe["seeds"]:
            path = to / (re.sub(r"\W+", "-", recipe["name"]) + f"-seed-{seed}.json")
            if not path.exists() and (only is None or recipe["name"] in only):
                say(f"{recipe['name']}, seed {seed}")
                result = (measure or train_and_measure)(recipe, seed, path.with_suffix(".png"), say)
                if result is None:
                    return rows
                with atomic_write(path, "w") as file:
                    json.dump(result, file, indent=1)
            if path.exists():
                rows.append(json.loads(path.read_text()))
    return rows


def read_recipes(path: Any) -> Rows:
    """The rows of a recipe file, with the defaults filled in."""
    path = find_path(path)
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows = [{**DEFAULTS, **row, "name": str(row["name"])} for row in rows]
        return [{**row, "marks": [int(mark) for mark in row.get("marks") or _last_step(row)]} for row in rows]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        raise InputError(f"{path}: expected a list of rows with name and marks: {error}") from None


def _last_step(row: Row) -> List[int]:
    """[the steps in which D sees a row's `images`]; of real images none."""
    if row["preset"] is None:
        return []
    options = load_config(row["preset"], row["overrides"]).train
    return [max(1, int(row["images"]) // (options.batch_size * options.discriminator_steps * options.accumulate))]


def train_and_measure(
    recipe: Row, seed: int, picture: Path, say: Say, measured_at: Optional[Callable[[Row, int, Say], MeasuredAt]] = None
) -> Optional[Row]:
    """Train a row with one seed in a folder of its own, and measure it at its marks.

    Args:
        picture: where a picture of its last samples goes. measured_at: what measures at the marks; None = `MeasuredAt`.

    Returns:
        The row's result; None if it was interrupted.
    """
    overrides = {**recipe["overrides"], "train.seed": seed, "train.steps": max(recipe["marks"])}
    overrides.setdefault("checkpoint.every_steps", max(recipe["marks"]))
    overrides.setdefault("log.grid_every_steps", max(recipe["marks"]))
    overrides.setdefault("health.recover", False)  # a recipe's own fate is measured, not its rescue
    marks = (measured_at or MeasuredAt)(recipe, seed, say)
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
            save_samples(run.algorithm, seed, picture)
        row["alarms"] = alarms_of(output / "row")
    return {**row, "marks": marks.rows, **marks.provenance}


def save_samples(algorithm: Any, seed: int, picture: Path) -> None:
    """Write a PNG of 160 samples; a conditional GAN's has a class in each row."""
    latents = algorithm.latents(160, runtime.rng(seed, "fixed latents"))
    save_png(picture, grid(to_uint8(algorithm.images(latents, algorithm.grid_labels(160, 16)))))


def alarms_of(folder: Path) -> Rows:
    """Every alarm of a run, [{"step", "alarms", "rung": the one taken, or None}], in the order in which they came."""
    recovery = Recovery(folder)
    taken = [{"step": use["alarm_step"], "alarms": use["alarms"], "rung": use["rung"]} for use in recovery.used]
    rows = map(json.loads, (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    return taken + [{"step": row["step"], "alarms": row["alarm"], "rung": None} for row in rows if "alarm" in row]


class Planted(Callback):
    """A fault for the health monitor to find: from step `step` on, D's learning rates are multiplied by `factor`."""

    def __init__(self, step: int, factor: float) -> None:
        self.step, self.factor, self.spoiled = step, factor, None

    def on_step(self, progress: Progress) -> None:
        if progress.step >= self.step and self.spoiled is not progress.algorithm:
            self.spoiled = progress.algorithm  # a run that recovers has a new one
            progress.algorithm.scale_learning_rates(self.factor, [name for name in progress.algorithm.optimizers if name != "g"])


class MeasuredAt(Callback):
    """Measures fresh samples at a recipe's marks; the time it takes is not counted as training."""

    def __init__(self, recipe: Dict[str, Any], seed: int, say: Callable[[str], None]) -> None:
        self.recipe, self.seed, self.say = recipe, seed, say
        self.rows: List[Dict[str, Any]] = []
        self.measuring, self.started = np.zeros(2), None  # seconds, CPU seconds
        self.provenance: Dict[str, Any] = {"version": __version__}

    def on_begin(self, progress: Progress) -> None:
        self.provenance.update(self.prepare(), process=vars(runtime.start("cpu")))
        if self.started is None:  # a run that recovers begins more than once
            self.started = _clocks()

    def prepare(self) -> Row:
        """Make ready what measures, before the clock starts; returns what the readings stand on."""
        data = load_config(self.recipe["preset"], self.recipe["overrides"]).data
        self.reference = reference_for(DataSpec.of(data))
        return provenance(self.reference)

    def read(self, algorithm: Any) -> Row:
        """What is measured of the GAN at a mark."""
        row = readings(algorithm, self.reference, self.recipe["samples"], self.seed)
        return {**self._evaluated(algorithm, self.reference), **row} if self.recipe["evaluate"] else row

    def _evaluated(self, algorithm: Any, reference: Reference) -> Row:
        samples = draw_samples(algorithm, self.recipe["evaluate"], runtime.rng(self.seed, "evaluation"))
        return measured(samples, reference, self.recipe["metrics"])

    def on_step(self, progress: Progress) -> None:
        if progress.step not in self.recipe["marks"]:
            return
        paused = _clocks()
        seconds, cpu_seconds = np.round(paused - self.started - self.measuring, 1).tolist()
        values = {name: round(float(value), 4) for name, value in progress.values.items()}
        times = {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak_memory()}
        row = {**self.read(progress.algorithm), "step": progress.step, **times, **values}
        if self.recipe["test"] and progress.step == max(self.recipe["marks"]):
            row["test"] = self._evaluated(progress.algorithm, reference_for(self.reference.real.spec, "test"))
        self.rows = [earlier for earlier in self.rows if earlier["step"] < row["step"]] + [row]
        self.say(json.dumps(row))
        self.measuring += _clocks() - paused


def _clocks() -> np.ndarray:
    """The time now, and the CPU time of this process so far, in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def measured(samples: Samples, reference: Reference, metrics: Optional[Sequence[str]] = None) -> Row:
    """The values of `metrics`, None = of all that are taken during training, of samples against a reference."""
    names = metrics or during_training()
    result = measure(samples, reference, metrics=names)
    row = {name: result[name]["value"] for name in names}
    row.update({name: result["memorisation"][name] for name in ("copied", "near_duplicates") if "memorisation" in names})
    return {**row, "feature_network": reference.network.name}
