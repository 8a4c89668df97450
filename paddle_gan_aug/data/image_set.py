"""Images that need no labels and no parts, such as generated ones, or those that a classifier is to predict."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Tuple

import numpy as np


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images as files hold them.

    Attributes:
        images: uint8 [N, C, H, W].
        names: what each image is called: the path of its file below the folder, or the file's name and the index.
        labels: int64 [N], indices into `class_names`, or None.
        class_names: the names of the classes, or None without labels.
        others: ((width, height), channels) -> how many pictures of this kind were resized, cropped, or changed in depth.
    """

    images: np.ndarray
    names: "Sequence[str]"
    labels: Optional[np.ndarray] = None
    class_names: Optional[Tuple[str, ...]] = None
    others: Counter = field(default_factory=Counter)


def numbered(name: str, count: int) -> "Sequence[str]":
    """Return the names of `count` images that lie in one file, "data.npz:0" and so on."""
    return Numbered(name, range(count))


class Numbered(Sequence):
    """The names "data.npz:0" and so on, which are made when they are asked for."""

    def __init__(self, name: str, numbers: range) -> None:
        self.name, self.numbers = name, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, key: Any) -> Any:
        found = self.numbers[key]
        return Numbered(self.name, found) if isinstance(found, range) else f"{self.name}:{found}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]
