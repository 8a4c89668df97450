"""Which GAN `augment` should train: GANs of equal training time, judged by what a classifier learns from their images alone.

The classifier accuracy score (Ravuri & Vinyals 2019, arXiv:1905.10887) is taken on validation images here, since it chooses; beside it
stand the metrics and the memorisation test. A run that lies in its place is not trained again, so `train.py` may have trained it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from benchmarks.readings import provenance, reference_for
from benchmarks.recipes import Row, Rows, Say, alarms_of, measured, run_recipes, save_samples
from benchmarks.tables import augment_table
from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.config.loading import Config, load_config, to_flat
from paddle_gan_aug.data import Batches, DataSpec, LabelledImages, to_network
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.evaluation.feature_network import train_classifier
from paddle_gan_aug.evaluation.reference import Reference
from paddle_gan_aug.evaluation.samples import draw_samples
from paddle_gan_aug.runs.opened import Run
from paddle_gan_aug.runs.places import is_run
from paddle_gan_aug.runs.run import train
from paddle_gan_aug.training.loop import Callback, Progress, run_steps

TAUGHT = 20_000  # generated images that a classifier learns, equally many of each class
CLASSIFIERS, CLASSIFIER_STEPS = (0, 1), 800  # seeds, and the steps of each
TIMED_STEPS, WARM_UP = 40, 5
LEFT_OPEN = (
    "description",
    "data.source",
    "data.place",
    "runtime.",
    "log.",
    "checkpoint.",
    "health.",
    "eval.",
)  # what a row does not settle


def augment_gan(recipes: str, to: str, only: Optional[Sequence[str]], stored: bool, runs: str, say: Say) -> Tuple[Rows, str]:
    """`augment-gan`: train the GANs of a recipe file, or take those that lie in `runs` as <name>-<seed>, and judge them."""

    def judge(recipe: Row, seed: int, picture: Path, say: Say) -> Optional[Row]:
        return _judge(recipe, seed, picture, Path(runs))

    rows = run_recipes(recipes, to, [] if stored else only, say, judge)
    return rows, augment_table(rows)


def _judge(recipe: Row, seed: int, picture: Path, runs: Path) -> Optional[Row]:
    """The result of one row and seed: its last step, measured in every way. None: the training was interrupted."""
    runtime.start("cpu", 1)
    row = {**{key: recipe[key] for key in ("name", "preset", "overrides")}, "seed": seed, "alarms": [], "version": __version__}
    row["process"] = vars(runtime.start("cpu"))
    if recipe["preset"] is None:
        reference = reference_for(DataSpec.of(load_config("classifier", recipe["overrides"]).data))
        mark = {"step": 0, **_score(reference.real.training, reference)}
        return {**row, "marks": [mark], **provenance(reference)}
    run = _trained(recipe, seed, runs / f"{picture.stem.replace('-seed-', '-')}")
    if run.interrupted:
        return None
    reference = reference_for(DataSpec.of(run.config.data))
    samples = draw_samples(run.algorithm, TAUGHT, runtime.rng(seed, "evaluation"))
    images = LabelledImages(samples.images, samples.labels, reference.real.training.class_names, f"run {run.folder.name}")
    mark = {"step": run.step, **measured(samples.first(recipe["evaluate"]), reference), **_score(images, reference)}
    save_samples(run.algorithm, seed, picture)
    mark["ms_a_step"] = round(_ms_a_step(run, reference), 1)  # the last use of the algorithm: it goes on learning
    mark["seconds"] = round(run.step * mark["ms_a_step"] / 1000)
    return {**row, "alarms": alarms_of(run.folder), "marks": [mark], **provenance(reference)}


def _trained(recipe: Row, seed: int, folder: Path) -> Run:
    """The run of a row and seed: the one in `folder`, gone on with if it is not at its end, or a new one."""
    wanted = {**recipe["overrides"], "train.seed": seed, "train.steps": max(recipe["marks"])}
    there = is_run(folder)
    if there:
        _check_same(load_config(folder / "config.yaml"), load_config(recipe["preset"], wanted), folder)
    config = None if there else load_config(recipe["preset"], {**wanted, "log.visualdl": False})
    return train(config, run=folder.name, output=folder.parent, log=folder.parent / "log", resume=there, quiet=True)


def _check_same(found: Config, wanted: Config, folder: Path) -> None:
    """Refuse a run that was trained with other settings than its row has."""
    found_flat, wanted_flat = to_flat(found), to_flat(wanted)
    for key, value in wanted_flat.items():
        if not key.startswith(LEFT_OPEN) and found_flat[key] != value:
            raise InputError(f"{folder}: {key} is {found_flat[key]}, and its row has {value}: choose another folder with --runs")


def _score(images: LabelledImages, reference: Reference) -> Dict[str, Any]:
    """The classifier accuracy score of images on the validation images of the reference: the mean, and each classifier's."""
    real, scores = reference.real.reference, []
    for seed in CLASSIFIERS:
        _, algorithm = train_classifier(images, seed, CLASSIFIER_STEPS)
        probabilities, _ = algorithm.read(to_network(real.images))
        scores.append(float((probabilities.argmax(1) == real.labels).mean()))
    return {"accuracy_score": float(np.mean(scores)), "accuracy_scores": scores, "taught": len(images)}


class _CpuTime(Callback):
    """The CPU time at every step."""

    def __init__(self) -> None:
        self.times: List[float] = []

    def on_step(self, progress: Progress) -> None:
        self.times.append(time.process_time())


def _ms_a_step(run: Run, reference: Reference) -> float:
    """The CPU time of a training step in ms, the mean of `TIMED_STEPS` that the run goes on with."""
    options, clock = run.config.train, _CpuTime()
    batches = Batches(reference.real.training, options.batch_size, lambda epoch: runtime.rng(options.seed, "timed", epoch))
    run_steps(run.algorithm, batches, run.step + WARM_UP + TIMED_STEPS, options.seed, [clock], first_step=run.step)
    return 1000 * (clock.times[-1] - clock.times[WARM_UP - 1]) / TIMED_STEPS
