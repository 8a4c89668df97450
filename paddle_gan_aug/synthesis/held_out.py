"""How well the filters' classifier reads real images that it did not learn.

Images that a network has learnt by heart say nothing of how it reads others. The validation images do, if there are
enough of each class. If there are few, the training images join them, each read by a network that learnt the others
(cross-fitting).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Optional, Tuple

import numpy as np
from scipy.stats import hypergeom

from .. import runtime
from ..algorithms import build
from ..algorithms.reading import read_in_pieces
from ..config.loading import Config, load_config
from ..data import LabelledImages
from ..data.overlap import copies
from ..data.rows import rows
from ..runs.batches import training_batches
from ..runs.opened import Run
from ..training.loop import run_steps
from .candidates import FeatureSpace

if TYPE_CHECKING:
    from ..algorithms.base import Algorithm  # it imports Paddle without ado

ReadReal = Callable[[LabelledImages], Tuple[np.ndarray, np.ndarray]]
ENOUGH = 20  # validation images of a class that tell how well it is read
MOST_HELD_OUT, LEAST_OF_A_CLASS = 20_000, 20  # images that are read of large sets
FOLDS = 5
MOST_IMAGES = 5000  # more training images are not learnt again: what validation images there are must do
MOST_EPOCHS = 100  # of each fold's network
DOUBT = 0.01  # a class is known if an ignorant reader were right so often in at most so many cases
NATURAL = 0.9  # the share of rightly read real images that the limits of confidence and entropy let through
CERTAIN, CONFIDENT = 0.3, 0.5  # these limits are no stricter for anybody


@dataclass(frozen=True, eq=False)
class HeldOut:
    """How a classifier reads real images that it has not learnt.

    Attributes:
        probabilities: float [N, K]. labels: int [N], the true classes.
        distances: float [M, 2] of the cross-fitted training images, see `FeatureSpace.distances`; None without
            cross-fitting.
        training_labels: int [M], of those.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    distances: Optional[np.ndarray] = None
    training_labels: Optional[np.ndarray] = None

    def counts(self, label: int) -> Tuple[int, int]:
        """(images of a class, how many of them are read as this class)."""
        mine = self.labels == label
        return int(mine.sum()), int((self.probabilities[mine].argmax(1) == label).sum())

    def knows(self, label: int) -> bool:
        """Whether the classifier knows a class better than chance.

        Fisher's exact test tells whether images of the class are read as it more often than others are. A class without
        held-out images counts as known.
        """
        read = self.probabilities.argmax(1) == label
        count, right = self.counts(label)
        return not count or count == len(read) or hypergeom.sf(right - 1, len(read), count, read.sum()) <= DOUBT

    def entropy_limits(self, labels: np.ndarray) -> np.ndarray:
        """For each label the entropy, as a share of log K, below which rightly read images of the class lie: float64
        [N], >= 0.3.
        """
        return self._limits(labels, lambda p: np.maximum(CERTAIN, np.quantile(entropies(p), NATURAL)), CERTAIN)

    def confidence_limits(self, labels: np.ndarray) -> np.ndarray:
        """For each label the probability above which rightly read images of the class lie: float64 [N], <= 0.5."""
        return self._limits(labels, lambda p: min(CONFIDENT, np.quantile(p.max(1), 1 - NATURAL) - 1e-9), CONFIDENT)

    def _limits(self, labels: np.ndarray, limit: Callable[[np.ndarray], float], default: float) -> np.ndarray:
        right = self.probabilities.argmax(1) == self.labels
        found = {}
        for label in np.unique(labels):
            mine = self.probabilities[right & (self.labels == label)]
            found[label] = limit(mine) if len(mine) else default
        return np.array([found[label] for label in labels], dtype=np.float64)


def entropies(probabilities: np.ndarray) -> np.ndarray:
    """The entropy of each row of probabilities as a share of its largest value, log K: float64 [N], 0 to 1."""
    p = np.asarray(probabilities)
    return -(p * np.log(np.maximum(p, 1e-30))).sum(1) / np.log(max(p.shape[1], 2))


def needs_folds(real: LabelledImages, valid: Optional[LabelledImages]) -> bool:
    """Whether a class has too few validation images, so that `FOLDS` networks must each learn a part of the training
    images.
    """
    of_valid = np.zeros(len(real.class_names), int) if valid is None else valid.counts()
    few = (of_valid < ENOUGH) & (real.counts() > 0)
    return bool(few.any() and len(real) <= MOST_IMAGES and np.sum(real.counts() > 1) > 1)


def read_held_out(run: Run, real: LabelledImages, valid: Optional[LabelledImages], read: Optional[ReadReal] = None) -> Optional[HeldOut]:
    """Read images with a classifier that did not learn them.

    Args:
        run: a run of `classify`.
        real: what it learnt.
        valid: what it did not learn, or None.
        read: images -> (probabilities, features) as the run reads them, where they may have been read before.

    Returns:
        A `HeldOut`; None where there are no validation images and too many training images to cross-fit.
    """
    cross = not run.algorithm.makes_images and needs_folds(real, valid)
    if valid is None and not cross:
        return None
    valid = valid and some_of_each_class(valid, MOST_HELD_OUT)
    read = read or (lambda images: read_images(run.algorithm, images.images))
    parts = [] if valid is None else [(read(valid)[0], valid.labels)]
    if not cross:
        return HeldOut(*parts[0])
    probabilities, distances = _cross_fitted(run, real, read)
    parts.append((probabilities, real.labels))
    return HeldOut(*map(np.concatenate, zip(*parts)), distances, real.labels)


def _cross_fitted(run: Run, real: LabelledImages, read: ReadReal) -> Tuple[np.ndarray, np.ndarray]:
    """(probabilities float32 [N, K], distances float64 [N, 2]) of training images, each read by a network that did not
    learn it.

    Distances are in units of the run's own network, by the mean length of its features.
    """
    seed = run.config.train.seed
    folds = np.zeros(len(real), int)
    for label in np.flatnonzero(real.counts()):
        members = runtime.rng(seed, "folds", int(label)).permutation(np.flatnonzero(real.labels == label))
        folds[members] = (np.arange(len(members)) + label) % FOLDS
    folds = folds[copies(real.images)]  # no network reads an image of which it has learnt a copy
    probabilities, distances = np.zeros((len(real), len(real.class_names)), np.float32), np.zeros((len(real), 2))
    length = np.linalg.norm(read(real)[1], axis=1).mean()
    for fold in np.unique(folds):
        learnt, left = real.subset(np.flatnonzero(folds != fold)), real.subset(np.flatnonzero(folds == fold))
        network = _learn(run, learnt, int(fold))
        features = read_images(network, learnt.images)[1]
        probabilities[folds == fold], of_left = read_images(network, left.images)
        scale = length / max(np.linalg.norm(features, axis=1).mean(), 1e-12)
        distances[folds == fold] = scale * FeatureSpace(features, learnt.labels).distances(of_left, left.labels)
    return probabilities, distances


def fold_config(run: Run, images: LabelledImages) -> Config:
    """The configuration of a network that learns some of a run's images: as long as the run did, but at most `MOST_EPOCHS` epochs."""
    size = min(run.config.train.batch_size, len(images))
    steps = min(run.step, MOST_EPOCHS * (len(images) // size))
    return load_config(run.config, {"train.batch_size": size, "train.steps": steps, "train.epochs": None})


def _learn(run: Run, images: LabelledImages, fold: int) -> Algorithm:
    """A network like that of the run which learns some of its images, as `fold_config` says."""
    config, seed = fold_config(run, images), run.config.train.seed
    runtime.seed_paddle(seed, "cross-fitting", fold)
    network = build(config, images.shape, images.class_names)
    progress = run_steps(network, training_batches(config, images), config.train.steps, seed, [])
    if progress.interrupted:
        raise KeyboardInterrupt(progress.interrupted)
    return network


def some_of_each_class(images: LabelledImages, most: int) -> LabelledImages:
    """Images as they are if they are at most `most`, else about so many: the same share of each class, but at least `LEAST_OF_A_CLASS`."""
    if len(images) <= most:
        return images
    chosen = []
    for label, count in enumerate(images.counts().tolist()):
        few = min(count, max(LEAST_OF_A_CLASS, round(most * count / len(images))))
        chosen.append(runtime.rng(0, "some of each class", label).permutation(np.flatnonzero(images.labels == label))[:few])
    places = np.sort(np.concatenate(chosen))
    source = f"{images.source}, some of each class, about {most}"
    return LabelledImages(rows(images.images, places, large=0), images.labels[places], images.class_names, source)


def read_images(network: Algorithm, images: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """(probabilities float32 [N, K], features float32 [N, width]) of uint8 images [N, C, H, W]."""
    return read_in_pieces(network, images)
