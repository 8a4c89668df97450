"""How long it takes to measure generated images, from a little of each part of it. Nothing is kept."""

from __future__ import annotations

import time
from typing import Any, Collection, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from .. import runtime
from ..data import LabelledImages, to_network
from ..evaluation import kept
from ..evaluation.feature_network import FeatureNetwork, classifier_of, kept_file, known_network
from ..evaluation.real_images import RealImages
from ..evaluation.reference import floors_file
from ..evaluation.registry import FLOORS, Metric, select
from ..evaluation.samples import Samples, draw_samples
from ..metrics.memorisation import nearness
from ..metrics.sides import ImageSide, Nearness, Sides
from .timing import DRAWN, Seconds, as_range, drawing, once, rate, time_training

FEW, MORE = 1500, 3000  # generated images with which metrics are timed
QUADRATIC = 2.8  # a metric that takes longer than this for twice as many images compares all of them with all
TRIED = 500  # images whose nearest ones are looked for
NONE = Seconds(0.0, 0.0)


class Generated(NamedTuple):
    """Some of the generated images of an evaluation, and the time to draw one; None where they need not be drawn."""

    samples: Samples
    each: Optional[Seconds] = None


def some_of(algorithm: Any, count: int, class_index: Optional[int] = None) -> Generated:
    """Some of `count` images of a GAN, see `draw_samples`."""
    samples = draw_samples(algorithm, min(count, MORE), runtime.rng(0, "estimate"), class_index)
    return Generated(samples, drawing(algorithm))


def measuring_steps(
    real: RealImages,
    generated: Generated,
    count: int,
    *,
    metrics: Optional[Collection[str]] = None,
    also: Collection[str] = (),
    times: int = 1,
    seed: int = 0,
) -> List[Dict[str, Any]]:
    """The steps of measuring generated images, with the time of each, see `DryRun.steps`.

    Args:
        real: The real images. generated: Some of the others. count: How many are measured.
        metrics, also, seed: As for `evaluate_images`. times: How often so many images are measured.

    Raises:
        InputError: No such metric, or one that needs what is not known.
    """
    chosen = select(metrics, also, generated.samples.known)
    network, steps = known_network(real.network_training), []
    if network is None:
        config, algorithm, batches = classifier_of(real.network_training)
        timed = time_training(config, algorithm, batches)
        steps.append(timed.step.times(timed.steps).step(f"train a feature network, once for this data ({timed.steps} steps)"))
    else:
        algorithm = network.algorithm
    reading = rate(lambda images: algorithm.read(to_network(images)), real.reference.images[:DRAWN])
    often = f", {times} times" if times > 1 else ""
    parts = [part for part in (real.reference, real.training, real.validation) if part is not None]
    unread = sum(len(part) for part in parts if network is None or not kept_file(network, part).exists())
    sides = _Sides(real, generated.samples, algorithm.classifier.feature_width, seed)
    if unread:
        steps.append(reading.times(unread).plus(sides.nearness()).step(f"read {unread} real images, once for this data"))
    if generated.each is not None:
        steps.append(generated.each.times(count * times).step(f"draw {count} images{often}"))
    known = _known_floors(network, real, count, seed)
    seconds = reading.times(count).plus(_metrics(sides, [row for row in chosen if not row.on_request], count, known, times))
    steps.append(seconds.times(times).step(f"read and measure {count} images{often}"))
    for metric in (row for row in chosen if row.on_request):  # each trains the classifier of generated images, and that of real ones
        config, algorithm, batches = classifier_of(_labelled(generated.samples, real.training.class_names, count))
        timed = time_training(config, algorithm, batches)
        steps.append(
            timed.step.times(2 * timed.steps).step(f"{metric.name.replace('_', ' ')}: train two classifiers of {timed.steps} steps")
        )
    return steps


def _labelled(samples: Samples, class_names: Sequence[str], count: int) -> LabelledImages:
    """So many images, the first ones again and again."""
    places = np.arange(count) % len(samples)
    return LabelledImages(samples.images[places], samples.labels[places], tuple(class_names), "generated images")


def _known_floors(network: Optional[FeatureNetwork], real: RealImages, count: int, seed: int) -> Collection[str]:
    """The metrics whose floors were worked out before."""
    if network is None:
        return ()
    real_count, floor_count = min(count, len(real.reference)), min(count, len(real.training))
    return kept.read_entries(floors_file(network, real, floor_count, real_count, seed))


def _metrics(sides: _Sides, chosen: Sequence[Metric], count: int, known: Collection[str], times: int) -> Seconds:
    """The time that metrics take for `count` images, with a share of their floors, which are worked out once."""
    few, more = min(FEW, len(sides)), len(sides)
    took = [sides.timed(chosen, n) for n in (few, more)]
    total = NONE
    for first, second, metric in zip(*took, chosen):
        growth = 2 if second > first * (more / few) ** np.log2(QUADRATIC) and more > few else 1
        seconds = as_range([second * (count / more) ** growth])
        floors = metric.floor in FLOORS and metric.name not in known
        total = total.plus(seconds.times(1 + floors / times))
    return total


class _Sides:
    """The sides of metrics with features that are drawn: the time that metrics take does not depend on them."""

    def __init__(self, real: RealImages, samples: Samples, width: int, seed: int) -> None:
        self.real, self.samples, self.seed, self._rng = real, samples, seed, runtime.rng(seed, "estimate")
        self.width, self.classes = width, len(real.network_training.class_names)
        self.reference, self.training = (self._side(part.images, part.labels) for part in (real.reference, real.training))
        unseen = real.validation or real.reference
        self.held_out = self._features(max(1, len(unseen) // 2))
        self.count_unseen = max(2, len(unseen) - len(self.held_out))

    def __len__(self) -> int:
        return len(self.samples)

    def _features(self, count: int) -> np.ndarray:
        return np.abs(self._rng.standard_normal((count, self.width), np.float32))

    def _side(self, images: np.ndarray, labels: Optional[np.ndarray], codes: Optional[np.ndarray] = None) -> ImageSide:
        shares = self._rng.random((len(images), self.classes), np.float32)
        return ImageSide(images, self._features(len(images)), shares / shares.sum(1, keepdims=True), labels, codes)

    def timed(self, metrics: Sequence[Metric], count: int) -> List[float]:
        """The seconds that each metric takes for so many images."""
        some = self.samples.first(count)
        ratios = self._rng.standard_normal(self.count_unseen)
        unseen = Nearness(ratios, np.zeros(len(ratios), np.int64), np.zeros(len(ratios), np.int64))
        real = self.reference.subset(np.arange(min(count, len(self.reference))))
        names = self.real.training.class_names
        sides = Sides(
            self._side(some.images, some.labels, some.codes),
            real,
            self.reference,
            self.training,
            names,
            self.real.network_training.class_names,
            self.seed,
            self.held_out,
            unseen,
        )
        found = []
        for metric in metrics:
            began = time.perf_counter()
            metric.function("compute")(sides)
            found.append(time.perf_counter() - began)
        return found

    def nearness(self) -> Seconds:
        """The time to find what lies nearest to the images that a generator did not learn."""
        some = self._features(min(TRIED, self.count_unseen))
        return once(lambda: nearness(some, self.training.features, self.held_out)).times(self.count_unseen / len(some))
