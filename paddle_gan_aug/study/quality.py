"""When the GAN of a cell stops: as soon as its samples no longer come closer to labels of the cell that were held out of it."""

import shutil
from pathlib import Path
from typing import Any, Dict, Optional

import numpy as np

from .. import runtime
from ..data import LabelledImages, to_network, to_uint8
from ..training.checkpoint import best_of, steps_on_disk
from ..training.loop import Callback, Progress
from .cells import Settings

SAMPLES = 500  # drawn at every measurement, from the same latents
MEASURED = 12  # times in a whole training
FEWEST_HELD = 4  # images that can measure anything
FEWEST_STEPS = 50  # between two measurements
NAME = "held-out kernel distance"


class QualityStop(Callback):
    """Measures samples, keeps the best checkpoint and ends the run after `patience` measurements without a better one.

    The measure is the kernel distance (Bińkowski et al. 2018, arXiv:1801.01401), which is unbiased for few images, in the features of
    a classifier that has learnt the GAN's labels alone, between samples and the labels that were held out.

    Args:
        reader: the folder of that classifier. held: what was held out. settings: of the study. seed: of the latents.
    """

    state_name = "QualityStop"

    def __init__(self, reader: Path, held: LabelledImages, settings: Settings, seed: int) -> None:
        from ..runs.opened import open_run

        self.reader = open_run(reader, threads=settings.threads).algorithm
        self.every = max(FEWEST_STEPS, settings.gan_steps // MEASURED)
        self.patience, self.seed = settings.patience or MEASURED, seed
        self.labels = np.resize(held.labels, SAMPLES)
        self.real = self.reader.read(to_network(held.images))[1]
        self.best: Optional[float] = None
        self.without = 0

    def state(self) -> Dict[str, Any]:
        return {"best": self.best, "without": self.without}

    def load_state(self, state: Dict[str, Any]) -> None:
        self.best, self.without = state["best"], state["without"]

    def on_step(self, progress: Progress) -> None:
        if progress.step % self.every and not progress.complete:
            return
        value = self.measure(progress.algorithm)
        progress.values[f"eval/{NAME}"] = value
        if np.isfinite(value) and (self.best is None or value < self.best):
            self.best, self.without = value, 0
            progress.best = {"metric": NAME, "value": value}
        else:
            self.without += 1
        progress.stopped = progress.stopped or self.without >= self.patience

    def measure(self, algorithm: Any) -> float:
        """The distance of a GAN's samples, 500 with the classes of the held-out images in turn; NaN of a GAN that has diverged."""
        from ..metrics.kid import SUBSETS, kernel_distance

        latents = algorithm.latents(SAMPLES, runtime.rng(self.seed, "quality"))
        made = algorithm.draw(latents, self.labels)
        if not np.isfinite(made).all():
            return float("nan")
        features = self.reader.read(to_network(to_uint8(made)))[1]
        subsets = min(SUBSETS, len(self.real) // 2)  # of the standard error, which plays no part
        return float(kernel_distance(self.real, features, runtime.rng(self.seed, "quality subsets"), subsets)[0])


def forget_later(run: Path) -> Dict[str, Any]:
    """Remove the checkpoints after the best one, so that the last is the best; returns {"best": its step, metric and value}."""
    best = best_of(run / "checkpoints")
    for step in steps_on_disk(run / "checkpoints"):
        if best is not None and step > best["step"]:
            shutil.rmtree(run / "checkpoints" / f"step-{step}")
    return {"best": best}
