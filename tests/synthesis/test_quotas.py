"""Counts that are exact, and an order that mixes classes."""

from collections import Counter

import numpy as np
import pytest

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.synthesis.quotas import equal, interleaved, lacking


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({}, [0, 0, 540]),  # up to the largest class
        ({"per_class": 1000}, [400, 400, 940]),
        ({"per_class": 100}, [0, 0, 40]),  # larger classes lose nothing
        ({"ratio": 1}, [600, 600, 1140]),
        ({"ratio": 0.5}, [300, 300, 840]),
    ],
)
def test_what_classes_lack(arguments, expected):
    assert lacking([600, 600, 60], **arguments).tolist() == expected


@pytest.mark.parametrize(
    "counts, arguments, words",
    [
        ([3, 4], {"per_class": 5, "ratio": 1}, "one of them"),
        ([0, 0], {}, "no image"),
        ([3, 4], {"per_class": 0}, "at least one"),
        ([3, 4], {"ratio": 0}, "above 0"),
        ([3, 4], {"ratio": float("inf")}, "above 0"),
    ],
)
def test_impossible_wishes(counts, arguments, words):
    with pytest.raises(InputError, match=words):
        lacking(counts, **arguments)
    with pytest.raises(InputError, match="at least one"):
        equal([0, 1], 0)


@pytest.mark.parametrize("counts", [[5, 5, 5], [600, 60, 6], [0, 7], [1], []])
def test_the_mixed_order_has_everything_once_and_any_stretch_has_every_class_in_proportion(counts):
    order = list(interleaved(counts))
    assert Counter(c for c, _ in order) == {c: n for c, n in enumerate(counts) if n}
    for c, n in enumerate(counts):
        assert [number for class_, number in order if class_ == c] == list(range(n))
    last = Counter(c for c, _ in order[len(order) - len(order) // 6 :])  # what a reader may take for validation
    for c, n in enumerate(counts):
        assert abs(last[c] - n / 6) <= 1.5


def test_equal_counts_take_turns():
    assert [c for c, _ in interleaved([2, 2, 2])] == [0, 1, 2, 0, 1, 2]
    assert equal((3, 4), 7) == {3: 7, 4: 7}
    assert isinstance(lacking([1, 2])[0], np.integer)
