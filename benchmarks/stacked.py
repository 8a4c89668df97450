"""Stacked MNIST, the test for collapse: three random digits as the channels of one image, 1,000 kinds without a label.

As in PacGAN (Lin et al. 2018, arXiv:1712.04086): how many of the 1,000 kinds come among 26,000 samples, and the Kullback-Leibler divergence
of their shares from those of the data. A classifier of MNIST reads each channel; it has learnt training images alone.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np

from benchmarks.recipes import MeasuredAt, Row, Rows, Say, run_recipes, train_and_measure
from benchmarks.tables import modes_table
from paddle_gan_aug import runtime
from paddle_gan_aug.data import load
from paddle_gan_aug.evaluation.feature_network import FeatureNetwork, feature_network
from paddle_gan_aug.evaluation.samples import draw_samples
from paddle_gan_aug.files import atomic_write, make_folder

MODES, CHANNELS = 1000, 3
STACKS, SAMPLES = 128_000, 26_000  # as in PacGAN


def stacked_mnist(recipes: str, to: str, only: Optional[Sequence[str]], stored: bool, data: str, say: Say) -> Tuple[Rows, str]:
    """`stacked-mnist`: train the rows of a recipe file on stacks, which go into the file `data`, and count their modes."""
    measure = functools.partial(_train_on_stacks, Path(data))
    rows = run_recipes(recipes, to, [] if stored else only, say, measure)
    return rows, modes_table(rows)


def _train_on_stacks(data: Path, recipe: Row, seed: int, picture: Path, say: Say) -> Optional[Row]:
    if not data.exists():
        write_stacks(data)
    learnt = {**recipe, "overrides": {**recipe["overrides"], "data.source": str(data)}}
    row = train_and_measure(learnt, seed, picture, say, ModesAt)
    return row and {**row, "overrides": recipe["overrides"]}


def write_stacks(to: Path, count: int = STACKS) -> None:
    """Write the .npz of `count` stacks, uint8 [N, 3, 28, 28], of MNIST training images that are drawn at random."""
    make_folder(to.parent)
    images, _ = draw_stacks(count, "stacks")
    with atomic_write(to) as file:
        np.savez(file, images=images)


def draw_stacks(count: int, stream: str) -> Tuple[np.ndarray, np.ndarray]:
    """(stacks uint8 [count, 3, 28, 28] of MNIST training images, their modes int64 [count]), the same for the same `stream`."""
    digits = load("mnist", "train")
    drawn = runtime.rng(0, stream).integers(len(digits), size=(count, CHANNELS))
    return digits.images[drawn, 0], _number(digits.labels[drawn])


def _number(digits: np.ndarray) -> np.ndarray:
    """The modes 0 to 999 of triples of digits, int64 [N, 3] -> [N]."""
    return digits @ np.array([100, 10, 1])


def read_modes(images: np.ndarray, network: FeatureNetwork) -> np.ndarray:
    """The mode that a classifier of digits reads in each stack, uint8 [N, 3, 28, 28] -> int64 [N]."""
    _, probabilities = network.read(np.ascontiguousarray(images.reshape(-1, 1, *images.shape[2:])))
    return _number(probabilities.argmax(1).reshape(-1, CHANNELS))


def count_modes(found: np.ndarray, data: np.ndarray) -> Dict[str, Any]:
    """How many modes are found, and KL(found || data) in nats.

    Args:
        found, data: modes int64 [N] and [M]; every mode that is found must be in the data.

    Returns:
        {"modes": int, "kl": float}.
    """
    p, q = (np.bincount(modes, minlength=MODES) / len(modes) for modes in (found, data))
    there = p > 0
    return {"modes": int(there.sum()), "kl": round(float((p[there] * np.log(p[there] / q[there])).sum()), 4)}


class ModesAt(MeasuredAt):
    """Counts the modes of fresh samples at a recipe's marks."""

    def prepare(self) -> Row:
        """Read real stacks as samples are read: what the count and the divergence are at best."""
        self.network = feature_network("mnist", quiet=True)
        self.modes = draw_stacks(STACKS, "stacks")[1]
        floor = count_modes(read_modes(draw_stacks(SAMPLES, "floor")[0], self.network), self.modes)
        return {"feature_network": self.network.name, "floor": floor, "counted": SAMPLES}

    def read(self, algorithm: Any) -> Row:
        """`modes` and `kl` of 26,000 samples."""
        samples = draw_samples(algorithm, SAMPLES, runtime.rng(self.seed, "evaluation"))
        return count_modes(read_modes(samples.images, self.network), self.modes)
