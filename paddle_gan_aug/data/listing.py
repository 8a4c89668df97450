"""Lists of picture files with their labels, made before any file is opened, and the order of class names."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from ..errors import InputError

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
        labels: for each file an index into `class_names`.
        class_names: the names of the classes.
    """

    root: Path
    files: List[Path]
    labels: List[int]
    class_names: Tuple[str, ...]

    @property
    def names(self) -> List[str]:
        """What messages call each file: the path below the root if it lies there."""
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
        return Listing(self.root, self.files, [known.index(self.class_names[label]) for label in self.labels], known)

    def subset(self, indices: Sequence[int]) -> "Listing":
        """Return the files at `indices`."""
        return Listing(self.root, [self.files[i] for i in indices], [self.labels[i] for i in indices], self.class_names)


def natural(name: str) -> Tuple[List[Tuple[int, int, str]], str]:
    """Return a key that sorts "2" before "10", and "b2" before "b10"."""
    pieces = [piece for piece in re.split(r"(\d+)", name) if piece]
    return [(0, int(piece), "") if piece.isdecimal() and len(piece) < 1000 else (1, 0, piece) for piece in pieces], name
