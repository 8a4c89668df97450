"""Whether samples of a rare class of photographs show what makes it rare: read by judges that learnt other photographs of it.

No GAN, and nothing else that is chosen, sees the images that the judges learn. The judges' own recall is measured on the images that the
GANs learn, which no judge has seen. Test images play no part.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from benchmarks.recipes import Row, Rows, Say, run_recipes, save_samples
from benchmarks.tables import rare_table
from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.algorithms import build
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batches, LabelledImages, load, to_network
from paddle_gan_aug.files import find_path, make_folder
from paddle_gan_aug.metrics.diversity import mean_pairwise_distance
from paddle_gan_aug.runs.run import train
from paddle_gan_aug.training.loop import run_steps

JUDGES, JUDGE_STEPS, JUDGE_BATCH = (0, 1), 1200, 50  # seeds, and the steps of each
DRAWN = 400  # samples of each class


def rare_class(recipes: str, to: str, only: Optional[Sequence[str]], stored: bool, rest: str, pictures: str, say: Say) -> Tuple[Rows, str]:
    """`rare-class`: train the GANs of a recipe file and read their samples; returns (all rows, their table).

    Args:
        rest: class folders that the judges learn. pictures: the folder of the pictures of samples.
    """
    judges: List[Any] = []

    def measure(recipe: Row, seed: int, picture: Path, say: Say) -> Optional[Row]:
        runtime.start("cpu", 1)
        if not judges:
            judges.extend(_judges(load(rest, "train", split="full")))
        return _train_and_read(recipe, seed, make_folder(find_path(pictures)) / picture.name, judges)

    rows = run_recipes(recipes, to, [] if stored else only, say, measure)
    return rows, rare_table(rows)


def _judges(images: LabelledImages) -> List[Any]:
    """Classifiers with class weights and classical augmentation."""
    found = []
    settings = {"classifier.class_weights": "balanced", "classifier.augmentation": "standard", "data.policy": "mirrored"}
    for seed in JUDGES:
        config = load_config("classifier", {**settings, "train.steps": JUDGE_STEPS, "train.epochs": None, "train.batch_size": JUDGE_BATCH})
        runtime.seed_paddle(seed, "initial weights")
        judge = build(config, images.shape, images.class_names)
        judge.prepare(batches := Batches(images, JUDGE_BATCH, lambda epoch, seed=seed: runtime.rng(seed, "shuffle", epoch)))
        run_steps(judge, batches, JUDGE_STEPS, seed, [])
        found.append(judge)
    return found


def _train_and_read(recipe: Row, seed: int, picture: Path, judges: Sequence[Any]) -> Optional[Row]:
    """The result of one row and seed; None: the training was interrupted."""
    steps = max(recipe["marks"])
    overrides = {**recipe["overrides"], "train.seed": seed, "train.steps": steps, "log.visualdl": False, "health.recover": False}
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        run = train(recipe["preset"], run="row", output=Path(folder), log=Path(folder, "log"), overrides=overrides, quiet=True)
        seconds = time.process_time() - began
        if run.interrupted:
            return None
        algorithm, learnt = run.algorithm, load(run.config.data.source, "train", split="full")
        names = learnt.class_names
        labels = np.arange(DRAWN * len(names)) % len(names)
        latents = algorithm.latents(len(labels), runtime.rng(seed, "judged samples"))
        drawn = algorithm.draw(latents, labels)
        save_samples(algorithm, seed, picture)
    real, read = _readings(judges, to_network(learnt.images), learnt.labels, names), _readings(judges, drawn, labels, names)
    told = {key: recipe[key] for key in ("name", "preset", "overrides")}
    shares = {"real": {name: real[name][0] for name in names}, "read": {name: read[name][0] for name in names}}
    diversity = {name: read[name][1] / real[name][1] for name in names}
    return {**told, "seed": seed, "step": steps, "cpu_seconds": seconds, **shares, "diversity": diversity, "version": __version__}


def _readings(judges: Sequence[Any], images: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> Dict[str, Tuple[float, float]]:
    """{class: (share of its images that is read as it, mean distance between two of them in a judge's features)}, means of the judges."""
    found = []
    for judge in judges:
        probabilities, features = judge.read(images)
        classes, features = np.asarray(probabilities).argmax(1), np.asarray(features, np.float64)
        found.append([((classes[labels == n] == n).mean(), mean_pairwise_distance(features[labels == n])) for n in range(len(names))])
    means = np.mean(found, axis=0)
    return {name: (float(share), float(distance)) for name, (share, distance) in zip(names, means)}
