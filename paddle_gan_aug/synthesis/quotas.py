"""How many images of each class a set is to get: the same of each, or what each lacks beside the largest class of a
data set.
"""

import heapq
import math
from typing import Dict, Iterable, Iterator, Optional, Sequence, Tuple, TypeVar

import numpy as np

from ..errors import InputError

Class = TypeVar("Class")


def equal(classes: Iterable[Class], per_class: int) -> Dict[Class, int]:
    """The same number of images for each class, {class: per_class}.

    Raises:
        InputError: fewer than one each.
    """
    if per_class < 1:
        raise InputError(f"per_class is {per_class}: ask for at least one image of each class")
    return {c: per_class for c in classes}


def lacking(counts: Sequence[int], per_class: Optional[int] = None, ratio: Optional[float] = None) -> np.ndarray:
    """What each class lacks, int64 [classes].

    Args:
        counts: real images of each class, int [classes].
        per_class: real and generated images of each class together; None = as many as the largest class has, unless
            `ratio` is given.
        ratio: generated images for each real one of the largest class, at least; classes that lack more to be as large
            get more.

    Returns:
        With neither, what levels all classes to the largest. With `per_class`, what levels them to it (nothing for
        larger ones). With `ratio` r, what levels them to (1 + r) times the largest.

    Raises:
        InputError: both are given, or one is not positive; no image in any class.
    """
    counts = np.asarray(counts, dtype=np.int64)
    if per_class is not None and ratio is not None:
        raise InputError("per_class and `ratio` both say how many images to make: give one of them")
    if not counts.sum():
        raise InputError("the data has no image to count")
    if per_class is not None and per_class < 1:
        raise InputError(f"per_class is {per_class}: ask for at least one image of each class")
    if ratio is not None and not (ratio > 0 and math.isfinite(ratio)):
        raise InputError(
            f"ratio is {ratio}: give a number above 0, such as 1 for as many generated images as the largest class has real ones"
        )
    goal = per_class or (round((1 + ratio) * int(counts.max())) if ratio else int(counts.max()))
    return np.maximum(goal - counts, 0)


def interleaved(counts: Sequence[int]) -> Iterator[Tuple[int, int]]:
    """An order that mixes classes evenly: an iterator of (class position, number within the class), each class's
    numbers in order.

    Args:
        counts: how many of each class there are. A reader that takes the end of a file for validation then finds every
            class there.
    """

    def of_class(c: int, count: int) -> Iterator[Tuple[float, int, int]]:
        return (((number + 0.5) / count, c, number) for number in range(count))

    return ((c, number) for _, c, number in heapq.merge(*(of_class(c, count) for c, count in enumerate(counts))))
