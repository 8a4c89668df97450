"""How good generated images are: the metrics of the registry in the features of one network, each beside its real floor.

The floor is what the same metric gives for real images: training images, as many as there are generated ones, in place of the
generated ones. It is not zero, and it depends on the count; a generator at the floor is as good as more data.

Validation images are the reference for whatever happens during training and for any choice; test images for final figures.

A metric that needs more images than there are is left out, and the result says why; the others are taken all the same.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Collection, Dict, Optional, Sequence, Tuple, Union

import numpy as np

from ..config.arguments import checked
from ..data import DataSpec, LabelledImages
from ..data.rows import Array, is_array
from ..errors import InputError
from ..metrics.sides import ImageSide, Sides
from .feature_network import FeatureNetwork
from .real_images import check_enough, read_real_images
from .reference import Reference, reference_of
from .registry import select
from .samples import Samples


@checked
def evaluate_images(
    images: Array,
    *,
    real: Union[str, Path, DataSpec] = "mnist",
    part: str = "valid",
    count: Optional[int] = None,
    seed: int = 0,
    network: Optional[FeatureNetwork] = None,
    labels: Union[np.ndarray, Sequence[int], None] = None,
    metrics: Optional[Collection[str]] = None,
    also: Collection[str] = (),
) -> Dict[str, Any]:
    """Measure generated images against real ones.

    Args:
        images: uint8 [N, C, H, W], of the shape of the real ones.
        real: the real data, by name, path or as a `DataSpec`, which may name one class alone.
        part: the reference: "valid" (during training, and for every choice) or "test" (test images: final figures only).
        count: how many of the images, the first ones; None = all. The reference and the floor use as many real images, or all there are.
        seed: of all random choices: which real images, and the shuffles of KID and inception score.
        network: a `FeatureNetwork`; None = the one of the data.
        labels: int64 [N], the class that each image was asked for, as an index into the class names of the real data; None = not known.
        metrics: names of the metrics to take; None = all, but for those that take minutes or need labels that are not known.
        also: names of metrics to take too, such as "classifier_accuracy_score", which takes minutes.

    Returns:
        A dict of plain values, ready for JSON. For each metric a dict with `value`, its `error` where there is an estimate, its `floor`
        where there is one, and what else the metric's function says. Where there are too few images the value is None, and `why`
        says how many are needed. Beside them count, reference (which real images, how many), floor_count (training images that stood
        in for generated ones), feature_network (name, accuracy), and seed; of large sets also in_pairs: how many images of each side are
        compared each with each, see `metrics.sides.Sides.in_pairs`.

    Raises:
        InputError: images of another type or shape than the data, less than two of them, labels that do not fit, no such metric.
    """
    parts = read_real_images(real, part)
    _check_images(images, parts.training.shape)
    samples = _with_labels(images, labels, parts.training.class_names)
    if count is not None and not 1 <= count <= len(images):
        raise InputError(f"count {count}: there are {len(images)} images")
    samples = samples.first(count)
    check_enough(len(samples))
    select(metrics, also, samples.known)  # before a network learns
    return measure(samples, reference_of(parts, network), seed=seed, metrics=metrics, also=also)


def measure(
    samples: Samples,
    reference: Reference,
    *,
    seed: int = 0,
    metrics: Optional[Collection[str]] = None,
    also: Collection[str] = (),
    generated: Optional[ImageSide] = None,
) -> Dict[str, Any]:
    """Measure generated images against a reference: arguments, result and errors as of `evaluate_images`.

    Args:
        generated: what `reference.read` reads in the samples, where that has been done.
    """
    _check_images(samples.images, reference.network.description["image_shape"])
    chosen, count = select(metrics, also, samples.known), len(samples)
    real_count, floor_count = min(count, len(reference.images)), min(count, len(reference.training))
    floors = reference.floors(chosen, floor_count, real_count, seed)
    sides = reference.sides(generated or reference.read(samples), real_count, seed)
    result = {metric.name: {**metric.function("compute")(sides), **floors[metric.name]} for metric in chosen}
    real, network = reference.real, reference.network
    return {
        **_finite(result),
        "count": count,
        "reference": {
            "source": str(real.spec),
            "part": real.part,
            "class_name": real.spec.class_name,
            "split": real.spec.split,
            "count": real_count,
            "fingerprint": reference.fingerprint,
        },
        "floor_count": floor_count,
        **_in_pairs(sides),
        "feature_network": {"name": network.name, "accuracy": network.accuracy},
        "seed": seed,
    }


def _in_pairs(sides: Sides) -> Dict[str, Any]:
    """{"in_pairs": how many images of each side are compared each with each}; {} where all are."""
    few = sides.in_pairs
    counts = {name: len(getattr(few, name)) for name in ("generated", "real", "training")}
    return {} if few is sides else {"in_pairs": counts}


def _check_images(images: Any, shape: Collection[int]) -> None:
    if not is_array(images) or images.dtype != np.uint8 or list(images.shape[1:]) != list(shape):
        what = f"{images.dtype} {list(images.shape)}" if is_array(images) else type(images).__name__
        raise InputError(f"generated images must be uint8 [N, {', '.join(map(str, shape))}] as the real ones are, not {what}")


def _with_labels(images: np.ndarray, labels: Union[np.ndarray, Sequence[int], None], class_names: Tuple[str, ...]) -> Samples:
    if labels is None:
        return Samples(images)
    labels = np.asarray(labels)
    if labels.shape[:1] != images.shape[:1]:
        raise InputError(f"{len(images)} generated images but {labels.size} labels")
    if labels.dtype.kind not in "iu":  # a conversion would cut off fractions
        raise InputError(f"labels: expected whole numbers, got {labels.dtype}")
    try:
        return Samples(images, LabelledImages(images, labels.astype(np.int64), class_names, "generated images").labels)
    except ValueError as error:
        raise InputError(f"generated images: {error}") from None


def _finite(value: Any) -> Any:
    """NaN and infinity, which JSON does not have, as None; all else as it is."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
