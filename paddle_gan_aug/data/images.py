"""Why one type for every data set: whoever trains or judges should not care which file an image came from.

Images stay uint8 until a batch needs them: a quarter of the memory, and a hash that is the same on every machine.
"""

import dataclasses
import hashlib
import json
import operator
from typing import Optional

import numpy as np

from ..errors import InputError, NoSuchPart

CLASSES_IN_A_MESSAGE = 30


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with their labels, the names of the classes, and where they came from.

    Attributes:
        images: uint8 [N, C, H, W], 0 is black, C-contiguous (made so if it was not), read-only.
        labels: int64 [N], indices into `class_names`, read-only.
        class_names: one name per class; classes without images count too.
        source: provenance in words: which data set, which part of it.
        files: the picture file of each image, N paths; None where the images do not lie in files of their own.

    Raises:
        ValueError: a wrong type or shape, counts that differ, a label outside the classes, a class named twice.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    source: str
    files: Optional[tuple] = None

    def __post_init__(self):
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if self.files is not None:
            object.__setattr__(self, "files", tuple(self.files))
            if len(self.files) != len(self.labels):
                raise ValueError(f"{len(self.labels)} images but {len(self.files)} files")
        _check_arrays(self.images, self.labels)
        _check_classes(self.labels, self.class_names)
        for name in ("images", "labels"):
            # Subsets share memory: writing into one would silently change the other.
            array = np.ascontiguousarray(getattr(self, name)).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self):
        return len(self.labels)

    @property
    def shape(self):
        """(C, H, W) of one image."""
        return self.images.shape[1:]

    @property
    def channels(self):
        """C of one image: 1 is grey, 3 is colour."""
        return self.images.shape[1]

    @property
    def image_size(self):
        """The height of one image in pixels; `shape` has the width too, should they differ."""
        return self.images.shape[2]

    def subset(self, indices, note=""):
        """The images at `indices` (integers in any order, a mask, or a slice, which does not copy).

        `note` says in the provenance which they are; without it, how many.
        """
        if not isinstance(indices, slice):
            indices = np.asarray(indices)
            indices = indices if indices.size else indices.astype(np.int64)
        images, labels = self.images[indices], self.labels[indices]
        note = note or f"{len(labels)} of {len(self)} images"
        files = None if self.files is None else [self.files[i] for i in np.arange(len(self))[indices]]
        return LabelledImages(images, labels, self.class_names, f"{self.source}, {note}", files)

    def class_index(self, name_or_index):
        """The index of a class, see `class_index`."""
        return class_index(self.class_names, name_or_index, self.source)

    def of_class(self, name_or_index):
        """The images of one class, see `class_index`, in their order; labels and class names stay as they are.

        Raises:
            InputError: no such class, or no image of it.
        """
        index = self.class_index(name_or_index)
        chosen = np.flatnonzero(self.labels == index)
        if not len(chosen):
            filled = [self.class_names[i] for i in np.flatnonzero(self.counts())]
            raise InputError(
                f"no image of class {self.class_names[index]!r} in {self.source}: choose a class that has some ({_list_classes(filled)})"
            )
        return self.subset(chosen, f"class {self.class_names[index]}")

    def of_classes(self, names_or_indices):
        """The images of some classes, in their order; labels and class names stay as they are.

        Raises:
            InputError: no such class, none given, or no image of any.
        """
        wanted = sorted({self.class_index(name) for name in names_or_indices})
        chosen = np.flatnonzero(np.isin(self.labels, wanted))
        names = ", ".join(self.class_names[index] for index in wanted)
        if not len(chosen):
            raise NoSuchPart(f"no image of the classes {names or '(none named)'} in {self.source}")
        return self.subset(chosen, f"classes {names}")

    def counts(self):
        """Images per class: int64 [classes]."""
        return np.bincount(self.labels, minlength=len(self.class_names)).astype(np.int64)

    def fingerprint(self):
        """SHA-256 (64 hexadecimal digits) of the shape, the images, the labels and the class names; not of `source`."""
        digest = hashlib.sha256(json.dumps([self.images.shape, self.class_names]).encode())
        digest.update(self.images)
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8"))
        return digest.hexdigest()


def class_index(class_names, name_or_index, where):
    """The index of a class that a user names.

    Args:
        class_names: those there are. where: what has them, for the message.
        name_or_index: its name; or a number, an integer or its digits. With classes named by numbers it means the class of that number,
            3 the class "3" or "003" and never the one at place 3; else it is the place, from 0.

    Raises:
        InputError: no such class, or several of that number; the message lists the known ones.
    """
    text = name_or_index if isinstance(name_or_index, str) else str(operator.index(name_or_index))
    if text in class_names:
        return class_names.index(text)
    found = []
    if text.isdecimal():
        numbers = [int(name) if name.isdecimal() else None for name in class_names]
        named = any(number is not None for number in numbers)
        found = [i for i, number in enumerate(numbers) if number == int(text)] if named else [int(text)]
    if len(found) != 1 or found[0] >= len(class_names):
        problem = f"several classes {name_or_index}" if len(found) > 1 else f"no class {name_or_index!r}"
        raise InputError(f"{problem} in {where}: choose one of {_list_classes(class_names)}")
    return found[0]


def _check_arrays(images, labels):
    for name, array, dtype, dimensions in (("images", images, np.uint8, 4), ("labels", labels, np.int64, 1)):
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != dimensions:
            what = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
            raise ValueError(f"{name} must be a {np.dtype(dtype)} array of {dimensions} dimensions, not {what}")
    if 0 in images.shape[1:]:
        raise ValueError(f"images of shape {list(images.shape[1:])} have no pixels")
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images but {len(labels)} labels")


def _check_classes(labels, class_names):
    if not all(isinstance(name, str) for name in class_names) or len(set(class_names)) != len(class_names):
        raise ValueError(f"class names must be different strings, not {class_names}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(class_names):
        raise ValueError(f"labels from {labels.min()} to {labels.max()} do not fit the {len(class_names)} classes")


def _list_classes(names):
    more = f" and {len(names) - CLASSES_IN_A_MESSAGE} more" if len(names) > CLASSES_IN_A_MESSAGE else ""
    return (", ".join(names[:CLASSES_IN_A_MESSAGE]) or "none") + more


def concatenate(first, second, source=None):
    """Two `LabelledImages` with the same classes and image shape as one, `first` before `second`; `source` is its provenance in words.

    Raises:
        ValueError: the classes or the shapes differ.
    """
    if first.class_names != second.class_names or first.shape != second.shape:
        raise ValueError(f"cannot join {first.source} and {second.source}: their classes or image shapes differ")
    images = np.concatenate([first.images, second.images])
    labels = np.concatenate([first.labels, second.labels])
    files = None if first.files is None or second.files is None else first.files + second.files
    return LabelledImages(images, labels, first.class_names, source or f"{first.source} + {second.source}", files)


def to_network(images):
    """uint8 images of any shape as the networks take them: float32, x / 127.5 - 1, so 0 is -1 and 255 is 1.

    The range is that of tanh, the last layer of a DCGAN generator (Radford, Metz & Chintala 2016, arXiv:1511.06434, section 4).

    Raises:
        ValueError: not uint8 (floats may already have been scaled).
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise ValueError(f"to_network takes uint8 images, not {images.dtype}")
    scaled = images.astype(np.float32)
    scaled /= 127.5
    scaled -= 1
    return scaled


def to_uint8(images):
    """What a network gives (floats in [-1, 1], any shape) as uint8: the inverse of `to_network`, rounded and clipped.

    NaN becomes 0: a picture of a broken generator should be drawable; noticing the NaN is the work of the health checks.
    """
    scaled = np.rint((np.asarray(images, dtype=np.float32) + 1) * 127.5)
    return np.nan_to_num(np.clip(scaled, 0, 255), nan=0).astype(np.uint8)
