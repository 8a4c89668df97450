"""What the headers of picture files say, in little memory."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Callable, List, Tuple

import numpy as np

Look = Tuple[Tuple[int, int], int]  # ((width, height), channels) of a picture


@dataclass(frozen=True)
class Looks:
    """What the headers of files say.

    Attributes:
        kinds: the different looks. codes: int32 [N], which of them each file has; -1 of a file that cannot be used.
    """

    kinds: List[Look]
    codes: np.ndarray

    def usable(self) -> np.ndarray:
        """The places of the usable files, int64 [M]."""
        return np.flatnonzero(self.codes >= 0)

    def counts(self) -> "Counter[Look]":
        """How many usable files have each look, in the order in which they come first."""
        found = np.bincount(self.codes[self.codes >= 0], minlength=len(self.kinds)).tolist()
        return Counter({look: count for look, count in zip(self.kinds, found) if count})


    def first(self, wanted: Callable[[Look], bool]) -> int:
        """The place of the first usable file whose look is wanted; one has to be there."""
        codes = [code for code, look in enumerate(self.kinds) if wanted(look)]
        return int(np.flatnonzero(np.isin(self.codes, codes))[0])


def summed(counts: "Counter[Look]", part: Callable[[Look], Any]) -> Counter:
    """Return how many files have each `part` of their look."""
    found: Counter = Counter()
    for look, count in counts.items():
        found[part(look)] += count
    return found
