"""Sorting images into categories in rounds, each of which is judged without labels and mended if it went wrong.

A sorting from random weights often ends with two kinds of image in one category, and a few images of a third in a category of their own.
It shows without labels: that one category is far larger than the others, this one far smaller, and the sorting scores less. It does not
mend itself, for two kinds that share a category learn the same features. So the largest category is split in two along the direction in
which its images differ most, the smallest is given up to make room, and the next round decides: what scores less than before is undone.
"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np
from paddle import Tensor

from .losses import clustering_loss

ROUND = 100  # steps
BALANCE = 2.0  # the weight of even categories, as in `clustering_loss`
SMALL = 0.7  # a category with less than this share of its due is a reason to mend
STRENGTH = 0.5  # logits by which the halves of a category differ, for images one standard deviation from its middle


def sorting_score(logits: Tensor, moved_logits: Tensor) -> float:
    """How well images are sorted, without labels: the negative of `clustering_loss`, over all images at once.

    Args:
        logits: float32 [N, K], of images as they are. moved_logits: float32 [N, K], of the same images changed.

    Returns:
        Nats; at best `best_score(K)`, and 0 where all images are in one category.
    """
    return -float(clustering_loss(logits, moved_logits, BALANCE))


def best_score(categories: int) -> float:
    """The score of `categories` that are sure, steady and equally frequent."""
    return BALANCE * float(np.log(categories))


def lopsided(shares: np.ndarray) -> bool:
    """Whether categories with these shares of the images, float [K], are to be mended; see `SMALL`."""
    return bool(shares.min() < SMALL / len(shares))


def split(weight: np.ndarray, bias: np.ndarray, features: np.ndarray, large: int, small: int) -> Tuple[np.ndarray, np.ndarray]:
    """Split a category in two along the first principal component of its images' features; another one is given up for it.

    Args:
        weight: float32 [F, K], of the linear layer that reads the categories. bias: float32 [K].
        features: float32 [N, F], of the images in the category `large`.
        large: the category that becomes two. small: the one that is given up.

    Returns:
        (weight, bias), new ones. The logits of `large` and `small` are what that of `large` was, plus and minus
        `STRENGTH` standard deviations of the component.
    """
    middle = features.mean(0)
    axis = np.linalg.svd(features - middle, full_matrices=False)[2][0]
    axis = axis * STRENGTH / (((features - middle) @ axis).std() or 1.0)
    weight, bias = weight.copy(), bias.copy()
    former, level = weight[:, large].copy(), bias[large]
    for category, sign in ((large, 1), (small, -1)):
        weight[:, category], bias[category] = former + sign * axis, level - sign * (middle @ axis)
    return weight, bias


class Sortings:
    """The rounds of a run's sorting, from step 1 on, and what became of each.

    Args:
        rounds: how many there are, of `ROUND` steps each; 0 = none.

    Attributes:
        scores: the `sorting_score` after each round that has ended.
        kept: the number of the round whose sorting is kept, counted from 1; 0 before the first has ended.
        undone: whether a round was undone. Nothing is split any more after that.
    """

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.scores: List[float] = []
        self.kept, self.undone = 0, False

    @property
    def last_step(self) -> int:
        """The step with which the last round ends; 0 without any."""
        return self.rounds * ROUND

    def ends(self, step: int) -> bool:
        """Whether a round ends with `step`."""
        return step % ROUND == 0

    def judge(self, score: float) -> bool:
        """Note the score of the round that has ended; returns whether its sorting is kept, because it is the best so far."""
        better = not self.scores or score > self.scores[self.kept - 1]
        self.scores.append(score)
        self.kept, self.undone = (len(self.scores), self.undone) if better else (self.kept, True)
        return better

    def finding(self, shares: np.ndarray) -> str:
        """What there is to say about the round that has just ended. `shares`: of the categories that are kept, float [K]."""
        number = len(self.scores)
        text = f"sorting round {number} of {self.rounds} scores {self.scores[-1]:.2f} (at most {best_score(len(shares)):.2f})"
        if self.kept != number:
            text += f", less than round {self.kept}: undone"
        if lopsided(shares):
            text += f"; category {shares.argmin()} holds {shares.min():.1%} of the images and category {shares.argmax()} {shares.max():.1%}"
            text += ": the large one is split, the small one given up" if self.mends else ": look at category-….png"
        return text

    @property
    def mends(self) -> bool:
        """Whether a lopsided sorting is mended now: a round follows that can judge it, and none was undone."""
        return len(self.scores) < self.rounds and not self.undone

    def state(self) -> Dict[str, Any]:
        """What a resumed run must know, as plain JSON."""
        return {"scores": list(self.scores), "kept": self.kept, "undone": self.undone}

    def load_state(self, state: Dict[str, Any]) -> None:
        """Set what `state` returned."""
        self.scores, self.kept, self.undone = list(state["scores"]), int(state["kept"]), bool(state["undone"])
