"""Which random numbers an image is made of. Image number i of a class, under a seed, is the same for everybody who draws it."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Optional, Sequence, Tuple, Union

import numpy as np

from .. import runtime
from ..console import listed
from ..data import to_uint8
from ..data.images import class_index
from ..errors import InputError

if TYPE_CHECKING:
    from ..algorithms.base import Algorithm

DRAWN_AT_ONCE = 500  # images: the size of a product, and so the last bits of its result
UNLABELLED = "unlabelled"  # the class of the images of a GAN that knows no classes


def stream_of(algorithm: Algorithm, index: Optional[int]) -> str:
    """The name of the random stream of the latents of a class. A run of one class draws the same images alone and beside others."""
    return f"generate class {index}" if algorithm.conditional else "generate"


def latents_of(algorithm: Algorithm, stream: str, indices: Sequence[int], seed: int, truncation: Optional[float] = None) -> np.ndarray:
    """Latents number `indices` of a stream, float32 [N, latent_dim]: each is a function of (seed, stream, index) alone.

    Args:
        truncation: As for `Algorithm.latents`.
    """
    return np.concatenate([algorithm.latents(1, runtime.rng(seed, stream, index), truncation) for index in indices])


def draw(algorithm: Algorithm, labels: np.ndarray, seed: int) -> np.ndarray:
    """One image for each label, uint8 [N, C, H, W]: the k-th image of a class is number k of the stream of that class.

    Args:
        algorithm: One that makes images.
        labels: int64 [N], the class of each image; all the same for an algorithm that is not conditional.
        seed: The root seed.
    """
    order, drawn = [], []
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        latents = latents_of(algorithm, stream_of(algorithm, int(label)), range(len(places)), seed)
        classes = np.full(len(places), label) if algorithm.conditional else None
        drawn.append(to_uint8(algorithm.draw(latents, classes, DRAWN_AT_ONCE)))
        order.append(places)
    return np.concatenate(drawn)[np.argsort(np.concatenate(order))]


def labels_asked_for(run: Any, n: int, labels: Any) -> Tuple[np.ndarray, Tuple[str, ...]]:
    """The labels of `Run.sample`, int64 [n], and the names of the classes.

    Raises:
        InputError: `labels` names a class that the run cannot draw, or another number of classes than one or `n`.
    """
    names, algorithm, own = tuple(run.state["data"]["class_names"]), run.algorithm, run.config.data.class_name
    if not algorithm.conditional:
        names = (UNLABELLED,) if own is None else names
        made = [0 if own is None else class_index(names, own, f"run {run.folder.name}")]
        if labels is None:
            return np.full(n, made[0], np.int64), names
        if own is None:
            raise InputError(f"labels: run {run.folder.name} makes images without classes: leave labels out")
    else:
        made = list(range(algorithm.classes) if algorithm.learnt_classes is None else algorithm.learnt_classes)
        if labels is None:
            return algorithm.labels_in_turn(n), names
    given = [labels] * n if _is_one(labels) else list(labels)
    if len(given) != n:
        raise InputError(f"labels: {len(given)} classes for {n} images: give one class, or one for each image")
    indices = np.array([class_index(names, label, f"run {run.folder.name}") for label in given], np.int64)
    strange = [names[index] for index in indices.tolist() if index not in made]
    if strange:
        known = listed(names[index] for index in made)
        raise InputError(f"labels: run {run.folder.name} has not learnt the class {strange[0]}; it has learnt {known}")
    return indices, names


def _is_one(labels: Union[str, int, Sequence[Union[str, int]]]) -> bool:
    if isinstance(labels, str):
        return True
    try:
        operator.index(labels)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def number_of_images(n: Any) -> int:
    """`n` as an int.

    Raises:
        InputError: It is no whole number from 1.
    """
    try:
        number = operator.index(n)
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"n is {n}: ask for at least one image")
    return number
