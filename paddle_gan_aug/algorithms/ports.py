"""The inputs and outputs of exported networks. Nothing here imports Paddle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

NORMAL, UNIFORM, AROUND_ZERO, CATEGORY = "N(0, 1)", "U(0, 1)", "U(-1, 1)", "one 1 among zeros"
DRAWN = {  # how numbers are drawn -> NumPy code that draws {n} numbers for each of {count} items
    NORMAL: "rng.standard_normal(({count}, {n}), dtype=np.float32)",
    UNIFORM: "rng.random(({count}, {n}), dtype=np.float32)",
    AROUND_ZERO: "rng.uniform(-1, 1, ({count}, {n})).astype(np.float32)",
    CATEGORY: "np.eye({n}, dtype=np.float32)[rng.integers({n}, size={count})]",
}


@dataclass(frozen=True)
class Port:
    """An input or the output of an exported network.

    Attributes:
        name: its name in the model.
        shape: of one item; a batch has one axis more, the first.
        dtype: "float32" or "int64".
        meaning: what its numbers are.
        low, high: the range of its values; None = not bounded.
        parts: of numbers that are drawn at random, in their order: (how many, how: a name of `DRAWN`).
    """

    name: str
    shape: Tuple[int, ...]
    dtype: str
    meaning: str
    low: Optional[float] = None
    high: Optional[float] = None
    parts: Tuple[Tuple[int, str], ...] = ()
