"""`LabelledImages`, the one type for every data set, and the conversion between its pixels and those of a network.

Code that trains or measures does not depend on the files that images came from. Images stay uint8 until a batch needs them,
which takes a quarter of the memory and gives the same hash on every machine.
"""

import dataclasses
import functools
import hashlib
import json
import operator
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Sequence, Tuple, Union

import numpy as np

from ..console import listed
from ..errors import InputError, NoSuchPart
from ..pictures import enlarged, grid
from .file_list import FileList, chosen_files
from .pieces import in_pieces
from .rows import contiguous, is_array, joined, rows
from .save import save_class_folders

if TYPE_CHECKING:
    from PIL import Image

HASHED_AT_ONCE = 1000  # images
MOST_DIGITS = 1000  # of the number of a class


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with their labels, the names of the classes, and where they came from.

    Attributes:
        images: uint8 [N, C, H, W], 0 is black, C-contiguous (made so if it was not), read-only. Large sets lie in a file that is mapped,
            and a subset of such a set in `Rows` of it: as an array to index and to loop over.
        labels: int64 [N], indices into `class_names`, read-only.
        class_names: one name per class; classes without images count too.
        source: the provenance in words: which data set, and which part of it.
        files: the picture file of each image, a sequence of N paths; None where the images do not lie in files of their own.

    Raises:
        ValueError: a wrong type or shape, counts that differ, a label outside the classes, a class named twice.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    source: str
    files: Optional[Sequence] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if self.files is not None:
            object.__setattr__(self, "files", self.files if isinstance(self.files, FileList) else tuple(self.files))
            if len(self.files) != len(self.labels):
                raise ValueError(f"{len(self.labels)} images but {len(self.files)} files")
        _check_arrays(self.images, self.labels)
        _check_classes(self.labels, self.class_names)
        for name in ("images", "labels"):
            array = getattr(self, name)
            if isinstance(array, np.ndarray):  # subsets share memory: writing into one would silently change the other
                array = contiguous(array).view()
                array.flags.writeable = False
                object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> Tuple[int, int, int]:
        """(C, H, W) of one image."""
        return self.images.shape[1:]

    @property
    def channels(self) -> int:
        """C of one image: 1 is grey, 3 is colour."""
        return self.images.shape[1]

    @property
    def image_size(self) -> int:
        """The height of one image in pixels; `shape` has the width too, should they differ."""
        return self.images.shape[2]

    @property
    def filled_classes(self) -> Tuple[str, ...]:
        """The names of the classes that have images."""
        return tuple(self.class_names[label] for label in np.flatnonzero(self.counts()))

    def subset(self, indices: Any, note: str = "") -> "LabelledImages":
        """Return the images at `indices`: integers in any order, a mask, or a slice. A slice and a large result copy no image.

        `note` describes them in the provenance; without it the provenance says how many they are.
        """
        if not isinstance(indices, slice):
            indices = np.asarray(indices)
            indices = indices if indices.size else indices.astype(np.int64)
        images, labels = rows(self.images, indices), self.labels[indices]
        note = note or f"{len(labels)} of {len(self)} images"
        files = None if self.files is None else chosen_files(self.files, indices)
        return LabelledImages(images, labels, self.class_names, f"{self.source}, {note}", files)

    def class_index(self, name_or_index: Union[str, int]) -> int:
        """Return the index of a class, see `class_index`."""
        return class_index(self.class_names, name_or_index, self.source)

    def of_class(self, name_or_index: Union[str, int]) -> "LabelledImages":
        """Return the images of one class, see `class_index`, in their order; labels and class names stay as they are.

        Raises:
            InputError: no such class, or no image of it.
        """
        index = self.class_index(name_or_index)
        chosen = np.flatnonzero(self.labels == index)
        if not len(chosen):
            problem = f"no image of class {self.class_names[index]!r} in {self.source}"
            raise InputError(f"{problem}: choose a class that has some ({listed(self.filled_classes)})")
        return self.subset(chosen, f"class {self.class_names[index]}")

    def of_classes(self, names_or_indices: Iterable[Union[str, int]]) -> "LabelledImages":
        """Return the images of some classes, in their order; labels and class names stay as they are.

        Raises:
            InputError: no such class, none given, or no image of any.
        """
        indices = sorted({self.class_index(name) for name in names_or_indices})
        chosen = np.flatnonzero(np.isin(self.labels, indices))
        names = ", ".join(self.class_names[index] for index in indices)
        if not len(chosen):
            raise NoSuchPart(f"no image of the classes {names or '(none named)'} in {self.source}")
        return self.subset(chosen, f"classes {names}")

    def counts(self) -> np.ndarray:
        """Return the number of images of each class, int64 [classes]."""
        return np.bincount(self.labels, minlength=len(self.class_names)).astype(np.int64)

    def fingerprint(self) -> str:
        """Return the SHA-256 (64 hexadecimal digits) of the shape, the images, the labels and the class names, not of `source`.

        It is computed once for each object.
        """
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(json.dumps([self.images.shape, self.class_names]).encode())
        for piece in in_pieces(self.images, HASHED_AT_ONCE):
            digest.update(np.ascontiguousarray(piece))
        digest.update(np.ascontiguousarray(self.labels, dtype="<i8"))
        return digest.hexdigest()

    def grid(self, *, count: int = 100, columns: int = 10) -> np.ndarray:
        """Lay out the first images row by row.

        Args:
            count: how many images are shown at most.
            columns: images per row.

        Returns:
            uint8 [H, W] of grey images, uint8 [H, W, 3] of colour images.

        Raises:
            ValueError: there is no image, or `count` or `columns` is below 1.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        sheet = grid(self.images[:count], columns)
        return sheet[:, :, 0] if self.channels == 1 else sheet

    def show(self, *, count: int = 100, columns: int = 10) -> "Image.Image":
        """Return the `grid` as a Pillow image, which a notebook displays; small images are enlarged by a whole factor."""
        from PIL import Image

        return Image.fromarray(enlarged(self.grid(count=count, columns=columns)))

    def _repr_png_(self) -> Optional[bytes]:
        return self.show()._repr_png_() if len(self) else None

    def save(self, folder: Union[str, Path]) -> Path:
        """Write the images as class folders of PNG files, with a manifest.jsonl that keeps their order.

        `load_test(folder)` reads them all back as they are; `load(folder, "train")` holds out validation images. What is read
        back has the same fingerprint if every class has an image and the classes are in the natural order of their names.

        Args:
            folder: a folder that is missing or empty.

        Returns:
            The path of the folder.

        Raises:
            InputError: the folder is not empty or cannot be written, or a class cannot be the name of a folder.
        """
        return save_class_folders(self.images, [self.class_names[label] for label in self.labels], folder)


def class_index(class_names: Sequence[str], name_or_index: Union[str, int], where: str) -> int:
    """Return the index of a class that a user names.

    Args:
        class_names: the known classes.
        name_or_index: the class name, or a number: an integer or its digits. If classes are named by numbers, 3 means the class
            "3" or "003" and never the class at index 3; else it is the index, from 0.
        where: what has these classes, for the message.

    Raises:
        InputError: there is no such class, or there are several of that number. The message lists the known classes.
    """
    text = name_or_index if isinstance(name_or_index, str) else str(operator.index(name_or_index))
    if text in class_names:
        return class_names.index(text)
    indices = []
    asked, numbers = _number(text), [_number(name) for name in class_names]
    if asked is not None:
        named = any(number is not None for number in numbers)
        indices = [i for i, number in enumerate(numbers) if number == asked] if named else [asked]
    if len(indices) != 1 or indices[0] >= len(class_names):
        problem = f"several classes {name_or_index}" if len(indices) > 1 else f"no class {name_or_index!r}"
        raise InputError(f"{problem} in {where}: choose one of {listed(class_names) or 'none'}")
    return indices[0]


def _number(text: str) -> Optional[int]:
    """Return the number that a text of digits says; None of other texts, and of so many digits that Python reads no number from them."""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def check_several_classes(images: LabelledImages) -> None:
    """Check that images are of several classes: of one class alone, every reading is right.

    Raises:
        InputError: they are not.
    """
    if len(images.filled_classes) < 2:
        problem = f"{images.source} has images of one class alone ({listed(images.filled_classes)}): a classifier tells classes apart"
        raise InputError(f"{problem}; give data with at least two, such as a folder with a folder of pictures for each class")


def _check_arrays(images: np.ndarray, labels: np.ndarray) -> None:
    for name, array, dtype, dimensions in (("images", images, np.uint8, 4), ("labels", labels, np.int64, 1)):
        if not is_array(array) or array.dtype != dtype or array.ndim != dimensions:
            what = f"{array.dtype} {list(array.shape)}" if is_array(array) else type(array).__name__
            raise ValueError(f"{name} must be a {np.dtype(dtype)} array of {dimensions} dimensions, not {what}")
    if 0 in images.shape[1:]:
        raise ValueError(f"images of shape {list(images.shape[1:])} have no pixels")
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images but {len(labels)} labels")


def _check_classes(labels: np.ndarray, class_names: Sequence[str]) -> None:
    if not all(isinstance(name, str) for name in class_names) or len(set(class_names)) != len(class_names):
        raise ValueError(f"class names must be different strings, not {class_names}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(class_names):
        raise ValueError(f"labels from {labels.min()} to {labels.max()} do not fit the {len(class_names)} classes")


def concatenate(first: LabelledImages, second: LabelledImages, source: Optional[str] = None) -> LabelledImages:
    """Join two `LabelledImages` with the same classes and image shape, `first` before `second`.

    Args:
        first, second: the images.
        source: the provenance of the result in words; None = both provenances.

    Raises:
        ValueError: the classes differ. InputError: the shapes differ.
    """
    if first.class_names != second.class_names:
        raise ValueError(f"cannot join {first.source} and {second.source}: their classes differ")
    if first.shape != second.shape:
        shapes = " and ".join(f"{part.source} has images of shape {' x '.join(map(str, part.shape))}" for part in (first, second))
        raise InputError(f"{shapes}: give both one size and colour (data.image_size, data.channels)")
    images = joined(first.images, second.images)
    labels = np.concatenate([first.labels, second.labels])
    files = None if first.files is None or second.files is None else [*first.files, *second.files]
    return LabelledImages(images, labels, first.class_names, source or f"{first.source} + {second.source}", files)


def to_network(images: np.ndarray) -> np.ndarray:
    """Scale uint8 images of any shape to what networks take: float32, x / 127.5 - 1, so that 0 becomes -1 and 255 becomes 1.

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


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Convert what a network gives, floats in [-1, 1] of any shape, to uint8: the inverse of `to_network`, rounded and clipped.

    NaN becomes 0, so that the samples of a broken generator can be drawn. The health checks notice the NaN.
    """
    scaled = np.rint((np.asarray(images, dtype=np.float32) + 1) * 127.5)
    return np.nan_to_num(np.clip(scaled, 0, 255), nan=0).astype(np.uint8)
