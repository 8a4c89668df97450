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
from paddle_gan_aug.evaluation.samples import draw_samples
from paddle_gan_aug.files import atomic_write, find_path, make_folder
from paddle_gan_aug.pictures import grid, save_png
from paddle_gan_aug.runs.run import train
from paddle_gan_aug.training.loop import Callback, Progress
from paddle_gan_aug.training.recovery import Recovery

DEFAULTS = {"preset": "classic", "overrides": {}, "seeds": [0, 1], "samples": 5000, "evaluate": None, "test": False, "plant": None}
Rows = List[Dict[str, Any]]
Say = Callable[[str], None]


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


def run_recipes(recipes: str, to: str, only: Optional[Sequence[str]] = None, say: Say = print) -> Rows:
    """Train every row of a recipe file that has no result yet.

    Args:
        recipes: a YAML file: a list of {name, preset, overrides, seeds, marks or images, samples, evaluate, test, plant}; marks are the
            steps at which `samples` samples are read, and the last one ends the run; images: instead of marks, how many real images D
            sees in the whole run, read at its end; evaluate: how many samples are measured by every metric at each mark, beside
            validation images; test: at the last mark also beside test images, as `test` of the mark;
            plant: {step, factor}, D's learning rates are multiplied there.
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
            raise InputError(f"only {name}: {recipes} has no row of that name; it has {', '.join(known)}")
    to = make_folder(find_path(to))
    rows = []
    for recipe in listed:
        for seed in recipe["seeds"]:
            path = to / (re.sub(r"\W+", "-", recipe["name"]) + f"-seed-{seed}.json")
            if not path.exists() and (only is None or recipe["name"] in only):
                say(f"{recipe['name']}, seed {seed}")
                result = _measure(recipe, seed, path.with_suffix(".png"), say)
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
        return [{**row, "marks": [int(mark) for mark in row.get("marks") or [_steps_of(row)]]} for row in rows]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        raise InputError(f"{path}: expected a list of rows with name and marks: {error}") from None


def _steps_of(row: Dict[str, Any]) -> int:
    """The steps in which D sees a row's `images`."""
    options = load_config(row["preset"], row["overrides"]).train
    return max(1, int(row["images"]) // (options.batch_size * options.discriminator_steps * options.accumulate))


def _measure(recipe: Dict[str, Any], seed: int, picture: Path, say: Say) -> Optional[Dict[str, Any]]:
    overrides = {**recipe["overrides"], "train.seed": seed, "train.steps": max(recipe["marks"])}
    overrides.setdefault("checkpoint.every_steps", max(recipe["marks"]))
    overrides.setdefault("log.grid_every_steps", max(recipe["marks"]))
    overrides.setdefault("health.recover", False)  # a recipe's own fate is measured, not its rescue
    marks = MeasuredAt(recipe, seed, say)
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
    return {**row, "marks": marks.rows, **marks.provenance}


def _alarms(folder: Path) -> Rows:
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
        self.measuring, self.started = 0.0, None
        self.cpu_measuring, self.cpu_started = 0.0, None
        self.provenance: Dict[str, Any] = {"version": __version__}

    def on_begin(self, progress: Progress) -> None:
        data = load_config(self.recipe["preset"], self.recipe["overrides"]).data
        self.reference = reference_for(DataSpec.of(data))
        self.started = self.started or time.perf_counter()  # a run that recovers begins more than once
        self.cpu_started = self.cpu_started or time.process_time()
        self.provenance.update(provenance(self.reference), process=vars(runtime.start("cpu")))

    def on_step(self, progress: Progress) -> None:
        if progress.step not in self.recipe["marks"]:
            return
        paused, cpu_paused = time.perf_counter(), time.process_time()
        row = {
            "step": progress.step,
            "seconds": round(paused - self.started - self.measuring, 1),
            "cpu_seconds": round(cpu_paused - self.cpu_started - self.cpu_measuring, 1),
            "peak_mb": peak_memory(),
            **{name: round(float(value), 4) for name, value in progress.values.items()},
            **readings(progress.algorithm, self.reference, self.recipe["samples"], self.seed),
        }
        if self.recipe["evaluate"]:
            row = {**self._measured(progress.algorithm, self.reference), **row}
            if self.recipe["test"] and progress.step == max(self.recipe["marks"]):
                row["test"] = self._measured(progress.algorithm, reference_for(self.reference.real.spec, "test"))
        self.rows = [earlier for earlier in self.rows if earlier["step"] < row["step"]] + [row]
        self.say(json.dumps(row))
        self.measuring += time.perf_counter() - paused
        self.cpu_measuring += time.process_time() - cpu_paused

    def _measured(self, algorithm: Any, reference: Reference) -> Dict[str, Any]:
        """Every metric that is taken during training, of fresh samples."""
        samples = draw_samples(algorithm, self.recipe["evaluate"], runtime.rng(self.seed, "evaluation"))
        result = measure(samples, reference, metrics=during_training())
        copies = {name: result["memorisation"][name] for name in ("copied", "near_duplicates")}
        values = {name: result[name]["value"] for name in during_training()}
        return {**values, **copies, "feature_network": reference.network.name}
