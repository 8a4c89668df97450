"""The real images that generated ones are measured against: every part of a data set is read once, and passed on from there."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Optional, Sequence, Union

from ..data import DataSpec, LabelledImages, as_spec, check_overlap, load, narrow
from ..errors import InputError, NoSuchPart

PARTS = ("valid", "test")
LEAST_IMAGES = 2  # generated ones; most metrics need more


@dataclass(frozen=True, eq=False)
class RealImages:
    """The parts of a real data set, as they were read.

    Attributes:
        spec: which images are meant. part: of which part the reference is, "valid" or "test".
        reference: what generated images are measured against. training: what the generator learnt.
        validation: real images that it did not learn; None where there are none.
        network_training, network_validation: what the feature network learns and is tested on: all classes.
    """

    spec: DataSpec
    part: str
    reference: LabelledImages
    training: LabelledImages
    validation: Optional[LabelledImages]
    network_training: LabelledImages
    network_validation: Optional[LabelledImages]


def read_real_images(
    data: Union[str, DataSpec] = "mnist",
    part: str = "valid",
    *,
    network_of_all: bool = False,
    training: Optional[LabelledImages] = None,
) -> RealImages:
    """Read what an evaluation needs of a data set.

    Args:
        data: the real data, by name, path or as a `DataSpec`, which may name one class alone.
        part: the reference: "valid" for every choice, "test" for final figures.
        network_of_all: the feature network learns all training images, also those that `data.per_class` leaves out.
        training: the training images of `data`, where they were read before.

    Raises:
        InputError: no such data or part.
    """
    if part not in PARTS:
        raise InputError(f"part {part!r}: the reference is one of {', '.join(PARTS)}")
    spec = as_spec(data)
    widest = spec.whole()

    @functools.cache
    def read(split: str, name: str) -> LabelledImages:
        if training is not None and name == "train" and spec == replace(widest, split=split):
            return training
        return load(widest, name, split=split)

    def part_of(wanted: DataSpec, name: str) -> LabelledImages:
        return narrow(read("standard" if name == "test" else wanted.split, name), wanted, name)

    def part_if_any(wanted: DataSpec, name: str) -> Optional[LabelledImages]:
        try:
            return part_of(wanted, name)
        except NoSuchPart:  # too few to hold any out, or all are learnt
            return None

    learnt = replace(widest, per_class=None if network_of_all else spec.per_class)
    return RealImages(
        spec,
        part,
        part_of(spec, part),
        part_of(spec, "train"),
        part_if_any(spec, "valid"),
        part_of(learnt, "train"),
        part_if_any(learnt, "valid"),
    )


def check_measurable(shape: Sequence[int], count: int, real: RealImages, *, allow_overlap: bool = False) -> None:
    """See that generated images can be measured, before a feature network learns or an image is drawn.

    Args:
        shape: (C, H, W) of the generated images. count: how many there will be.
        allow_overlap: go on where test images are training images, see `data.check_overlap`.

    Raises:
        InputError: images of another shape than the real ones; less than two; test images that are training images.
    """
    check_enough(count)
    for images in (real.reference, real.training):
        if tuple(shape) != tuple(images.shape):
            sizes = " and ".join(" x ".join(map(str, size)) for size in (shape, images.shape))
            raise InputError(f"the generated images and those of {real.spec} differ in shape ({sizes}): give data like them")
    if real.part == "test":
        check_overlap(real.training, real.reference, allow_overlap)


def check_enough(count: int) -> None:
    """See that there are enough generated images to measure anything.

    Raises:
        InputError: there are not.
    """
    if count < LEAST_IMAGES:
        raise InputError(f"{count} generated images are too few to measure anything: make at least {LEAST_IMAGES}")
