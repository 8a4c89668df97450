"""The real side of every metric: what a feature network reads in real images, and what real images give in place of generated ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from .. import runtime
from ..data import LabelledImages
from ..metrics.memorisation import nearness
from ..metrics.sides import LEARNT, PAIRED, SOME, ImageSide, Nearness, Sides, some_of
from . import kept
from .feature_network import FeatureNetwork, find_network, read_real, share_reading
from .real_images import RealImages
from .registry import FLOORS, Metric
from .samples import Samples

KEPT = 4  # networks and references in memory


@dataclass(eq=False)
class Reference:
    """Real images as a feature network reads them.

    Attributes:
        network: the feature network. real: the images.
        images: the reference. training: what the generator learnt.
        held_out: features beside which memorisation looks for the nearest training image.
        unseen: the `Nearness` of other real images that the generator did not learn; None where there are too few.
    """

    network: FeatureNetwork
    real: RealImages
    images: ImageSide
    training: ImageSide
    held_out: np.ndarray
    unseen: Optional[Nearness]
    fingerprint: str  # of the reference's images
    key: Tuple[Any, ...]  # what decides the numbers that come from its images alone
    _floors: Dict[Tuple[Metric, int, int, int], Dict[str, Any]] = field(default_factory=dict)

    def read(self, samples: Samples) -> ImageSide:
        """Generated images with what the network reads in them."""
        return ImageSide(samples.images, *self.network.read(samples.images), samples.labels, samples.codes)

    def sides(self, generated: ImageSide, real_count: int, seed: int) -> Sides:
        """Generated images, or real ones in their place, beside `real_count` images of the reference."""
        chosen = runtime.rng(seed, "reference images").permutation(len(self.images))[:real_count]
        names, read_names = self.real.training.class_names, tuple(self.network.description["class_names"])
        real = self.images.subset(chosen)
        return Sides(generated, real, self.images, self.training, names, read_names, seed, self.held_out, self.unseen)

    def floors(self, metrics: List[Metric], count: int, real_count: int, seed: int) -> Dict[str, Dict[str, Any]]:
        """{name: {"floor": value}} of metrics, with `count` real images in place of generated ones; {} for a metric without a floor."""
        new = [metric for metric in metrics if (metric, count, real_count, seed) not in self._floors]
        if new:
            path = _floors_file(self.network, self.key, count, real_count, seed)
            known = kept.read_entries(path)
            found = self._computed([metric for metric in new if metric.name not in known], count, real_count, seed)
            kept.add_entries(path, {metric.name: floor for metric, floor in found.items() if kept.is_of_metrics(metric.compute)})
            for metric in new:
                self._floors[metric, count, real_count, seed] = found.get(metric) or known.get(metric.name, {})
        return {metric.name: dict(self._floors[metric, count, real_count, seed]) for metric in metrics}

    def _computed(self, metrics: List[Metric], count: int, real_count: int, seed: int) -> Dict[Metric, Dict[str, Any]]:
        if not metrics:
            return {}
        stand_in = self.training.subset(runtime.rng(seed, "floor images").permutation(len(self.training))[:count])
        beside = self.sides(stand_in, real_count, seed)
        of_part = {"training": beside, "reference": self.sides(beside.real, real_count, seed)}
        return {metric: _floor(metric, of_part) for metric in metrics}


def floors_file(network: FeatureNetwork, real: RealImages, count: int, real_count: int, seed: int) -> Path:
    """Where the floors of these real images are kept, see `Reference.floors`."""
    return _floors_file(network, _key_of(real), count, real_count, seed)


def _floors_file(network: FeatureNetwork, key: Tuple[Any, ...], count: int, real_count: int, seed: int) -> Path:
    return kept.path_of(network.name, "floors", ".json", *key, count, real_count, seed)


def _key_of(real: RealImages) -> Tuple[Any, ...]:
    return tuple(part and part.fingerprint() for part in (real.reference, real.training, real.validation))


def _floor(metric: Metric, of_part: Dict[str, Sides]) -> Dict[str, Any]:
    if metric.floor is None:
        return {}
    if metric.floor in FLOORS:
        return {"floor": metric.function("compute")(of_part[metric.floor])["value"]}
    return metric.function("floor")(of_part["training"])


_networks: Dict[str, FeatureNetwork] = {}  # by the content of the data: a folder that was edited is other data
_references: Dict[Tuple[Any, ...], Reference] = {}


def _kept(cache: Dict[Any, Any], key: Any, make: Callable[[], Any]) -> Any:
    """What `make` gives for `key`, made once while the cache holds it."""
    if key not in cache:
        while len(cache) >= KEPT:
            del cache[next(iter(cache))]
        cache[key] = make()
    return cache[key]


def reference_of(real: RealImages, network: Optional[FeatureNetwork] = None, quiet: bool = False) -> Reference:
    """The reference of real images; made once for the same images in a process.

    Args:
        network: whose features are looked at; None = the feature network of the data, which is trained if there is none.
        quiet: no progress line while it is trained.

    Raises:
        InputError: images that a feature network cannot learn or read.
    """
    if network is None:
        training, validation = real.network_training, real.network_validation
        network = _kept(_networks, training.fingerprint(), lambda: find_network(training, validation, str(real.spec), quiet=quiet))
        share_reading(network)
    parts = _key_of(real)
    return _kept(_references, (network.name, real.spec, real.part, *parts), lambda: _read(network, real, parts))


def _read(network: FeatureNetwork, real: RealImages, parts: Tuple[Any, ...]) -> Reference:
    reference, training = (_side(network, images) for images in (real.reference, real.training))
    halves = _held_out_halves(network, real.validation) or _halves(reference.features, reference.labels)
    near = training.some(LEARNT, LEARNT).features
    unseen = None
    if min(map(len, halves)) and len(halves[1]) > 1:
        path = kept.path_of(network.name, "nearness", ".safetensors", *parts)
        unseen = Nearness(**kept.arrays(path, lambda: vars(nearness(halves[1], near, halves[0]))))
    return Reference(network, real, reference, training, halves[0], unseen, parts[0], parts)


def _side(network: FeatureNetwork, images: LabelledImages) -> ImageSide:
    return ImageSide(images.images, *read_real(network, images), images.labels)


def _held_out_halves(network: FeatureNetwork, images: Optional[LabelledImages]) -> Optional[Tuple[np.ndarray, np.ndarray]]:
    """The halves of the validation images, or None where there are too few. Test images are often of another origin, and then nearer to
    one another than to training images.
    """
    halves = images and _halves(read_real(network, images)[0], images.labels)
    return halves if halves and all(map(len, halves)) else None


def _halves(features: np.ndarray, labels: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The first and the second half of each class in file order: what lies side by side is often of one hand, and so very near."""
    first = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        first[mine[: len(mine) // 2]] = True
    halves = np.flatnonzero(first), np.flatnonzero(~first)
    few = (half if len(half) <= PAIRED else half[some_of(len(half), SOME)] for half in halves)
    return tuple(features[half] for half in few)
