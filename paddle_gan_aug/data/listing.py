"""Lists of picture files with their labels, made before any file is opened, and the order of class names."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence, Tuple

import numpy as np

from ..errors import InputError
from .file_list import FileList, chosen_files

PART_NAMES = {  # a part -> the usual names of its folder, and the values of the column split, in lower case
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing", "eval"),
}


@dataclass(frozen=True)
class Listing:
    """Picture files with their labels.

    Attributes:
        root: the folder or the list file that names them.
        files: their paths.
        labels: int64 [N], for each file an index into `class_names`.
        class_names: the names of the classes.
    """

    root: Path
    files: Sequence[Path]
    labels: np.ndarray
    class_names: Tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", np.asarray(self.labels, np.int64))

    @property
    def names(self) -> Sequence[str]:
        """What messages call each file: the path below the root if it lies there."""
        if isinstance(self.files, FileList):
            return self.files.names
        base = self.root if self.root.is_dir() else self.root.parent
        return [str(file.relative_to(base)) if file.is_relative_to(base) else str(file) for file in self.files]

    def with_classes(self, class_names: Optional[Sequence[str]], where: object) -> "Listing":
        """Return the same files with labels into `class_names`; None = as they are.

        Raises:
            InputError: the listing has a class that is not among them. The message begins with `where`.
        """
        if class_names is None:
            return self
        known = tuple(class_names)
        for name in self.class_names:
            if name not in known:
                raise InputError(f"{where} has a class {name}, which the training images have not: they have {', '.join(known)}")
        return Listing(self.root, self.files, np.array([known.index(name) for name in self.class_names], np.int64)[self.labels], known)

    def subset(self, indices: np.ndarray) -> "Listing":
        """Return the files at `indices`, int [M]."""
        return Listing(self.root, chosen_files(self.files, indices), self.labels[indices], self.class_names)


def natural(name: str) -> str:
    """Return a key that sorts "2" before "10", and "b2" before "b10".

    It is one text, since a million keys must fit into the memory: numbers come before letters and begin with the count of their digits.
    Equal keys have equal names.
    """
    pieces = [piece for piece in re.split(r"(\d+)", name) if piece]
    keys = [_of_number(str(int(piece))) if piece.isdecimal() and len(piece) < 1000 else f"\1{piece}\0" for piece in pieces]
    return "".join([*keys, "\0\0", name])


def _of_number(digits: str) -> str:
    return f"\0{chr(len(digits) + 1)}{digits}"
