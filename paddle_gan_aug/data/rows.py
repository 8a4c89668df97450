"""Some rows of a large array, which are copied when they are asked for and no sooner."""

from typing import Any, Iterator, Optional, Union

import numpy as np

from . import cache
from .pieces import in_pieces

PIECE = 1 << 20  # bytes that are copied together


class Rows(np.lib.mixins.NDArrayOperatorsMixin):
    """Rows of an array by their places: a read-only array [N, ...] that takes no memory but for the places.

    A part of it that is small is an array, a part that is large is `Rows` again. Whatever else NumPy does with it, it does with a copy,
    which lies on the disk if it is large.

    Args:
        source: the array.
        places: int [N], indices into its first axis.
    """

    def __init__(self, source: np.ndarray, places: np.ndarray) -> None:
        self.source = source
        self.places = places.astype(np.int32 if len(source) <= np.iinfo(np.int32).max else np.int64, copy=False)
        self.shape, self.dtype, self.ndim = (len(places), *source.shape[1:]), source.dtype, source.ndim
        self.size = int(np.prod(self.shape, dtype=np.int64))
        self.nbytes = self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):
            first, rest = key[0], key[1:]
            if isinstance(first, (int, np.integer)):
                return self[first][rest]
            return _cut(rows(self, first), rest)
        places = self.places[key]
        return self.source[places] if not np.ndim(places) else rows(self.source, places)

    def __iter__(self) -> Iterator[np.ndarray]:
        for piece in self.pieces():
            yield from piece

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield all of it as arrays, some rows at a time."""
        for places in in_pieces(self.places, _at_once(self)):
            yield self.source[places]

    def min(self, *axis: Any, **options: Any) -> Any:
        """As of an array."""
        return np.asarray(self).min(*axis, **options) if axis or options else min(piece.min() for piece in self.pieces())

    def max(self, *axis: Any, **options: Any) -> Any:
        """As of an array."""
        return np.asarray(self).max(*axis, **options) if axis or options else max(piece.max() for piece in self.pieces())

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray:
        array = cache.filled(self.shape, self.dtype, self.pieces())
        return array if dtype is None else array.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        arrays = (np.asarray(given) if isinstance(given, Rows) else given for given in inputs)
        return getattr(ufunc, method)(*arrays, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)


Array = Union[np.ndarray, Rows]


def is_array(values: Any) -> bool:
    """Return whether something is an array, or rows of one."""
    return isinstance(values, (np.ndarray, Rows))


def rows(array: Array, key: Any, large: Optional[int] = None) -> Array:
    """Return `array[key]`: as a view of a slice, as a copy if it is small, else as `Rows`.

    Args:
        array: [N, ...].
        key: a slice, a mask, or whole numbers in any order.
        large: the bytes from which on it is no longer small; None = `cache.LARGE`.
    """
    if isinstance(key, slice):
        return array[key]
    key = np.asarray(key)
    if key.dtype == bool:
        key = np.flatnonzero(key)
    if len(key) * int(np.prod(array.shape[1:], dtype=np.int64)) * array.dtype.itemsize <= (cache.LARGE if large is None else large):
        return array[key] if isinstance(array, np.ndarray) else array.source[array.places[key]]
    if len(key) and not -len(array) <= key.min() <= key.max() < len(array):
        raise IndexError(f"places from {key.min()} to {key.max()} are not among {len(array)} rows")
    return Rows(array, np.where(key < 0, key + len(array), key)) if isinstance(array, np.ndarray) else Rows(array.source, array.places[key])


def joined(*arrays: Array) -> np.ndarray:
    """Return arrays one after the other along their first axis, as one that lies on the disk if it is large."""
    shape = (sum(map(len, arrays)), *arrays[0].shape[1:])
    pieces = (piece for array in arrays for piece in (array.pieces() if isinstance(array, Rows) else in_pieces(array, _at_once(array))))
    return cache.filled(shape, np.result_type(*(array.dtype for array in arrays)), pieces)


def contiguous(array: np.ndarray) -> np.ndarray:
    """Return an array whose values lie in C order: itself, or a copy, which lies on the disk if it is large."""
    return array if array.flags.c_contiguous else joined(array)


def _cut(array: Array, rest: Any) -> np.ndarray:
    """Return array[:, *rest]."""
    if isinstance(array, np.ndarray):
        return array[(slice(None), *rest)]
    first = array[:1][(slice(None), *rest)]
    pieces = (piece[(slice(None), *rest)] for piece in array.pieces())
    return cache.filled((len(array), *first.shape[1:]), array.dtype, pieces)


def _at_once(array: Array) -> int:
    return max(1, PIECE // max(1, int(np.prod(array.shape[1:], dtype=np.int64)) * array.dtype.itemsize))
