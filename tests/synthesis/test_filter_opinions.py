"""What a classifier is worth that says which generated images to keep: it is measured on real images that it did not learn."""

import numpy as np
import pytest
from candidate_arrays import arrays, rng

from paddle_gan_aug.synthesis.candidates import Reference
from paddle_gan_aug.synthesis.filter_chain import FilterChain
from paddle_gan_aug.synthesis.filters import KEPT
from paddle_gan_aug.synthesis.held_out import HeldOut


def held_out(right_of, sure=0.99):
    """A `HeldOut` of two classes: right_of = ((right, images) of each class), every reading as sure as said."""
    labels = np.repeat([0, 1], [count for _, count in right_of])
    read = np.concatenate([np.where(np.arange(count) < right, c, 1 - c) for c, (right, count) in enumerate(right_of)])
    p = np.full((len(labels), 2), 1 - sure)
    p[np.arange(len(labels)), read] = sure
    return HeldOut(p, labels)


@pytest.mark.parametrize(
    "right_of, known",
    [
        (((98, 100), (14, 20)), (True, True)),
        (((100, 100), (0, 20)), (False, False)),  # all are read as the first class: that is no knowledge of it either
        (((95, 100), (1, 20)), (False, False)),
        (((98, 100), (5, 20)), (True, True)),
        (((17, 17), (3, 3)), (True, True)),
        (((17, 17), (1, 3)), (False, False)),  # by chance in 3 of 20 cases
        (((50, 100), (50, 100)), (False, False)),
        (((10, 100), (10, 100)), (False, False)),  # the wrong way round
        (((30, 30), (0, 0)), (True, True)),  # nothing is held against a class without held-out images
    ],
)
def test_whether_a_class_is_known(right_of, known):
    found = held_out(right_of)
    assert (bool(found.knows(0)), bool(found.knows(1))) == known
    assert found.counts(1) == right_of[1][::-1]


def test_opinions_step_aside_for_a_class_that_nobody_knows():
    found = arrays(4, probabilities=np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.02, 0.98]]))
    names = ["agreement", "confidence", "entropy"]
    for right_of, expected in (
        (((20, 20), (20, 20)), [KEPT, "other-class", "ambiguous", "other-class"]),
        (((20, 20), (0, 20)), [KEPT] * 4),
    ):
        settings = {"entropy": {"limit": 0.5}}  # what the user sets holds
        chain = FilterChain(Reference(reading=held_out(right_of)), "ab", names, settings)
        assert chain.judge(found, rng()) == expected


def test_limits_of_opinions_come_from_held_out_images():
    """A classifier that is sure of no real image needs not be sure of generated ones; a sure one changes nothing; nor does a setting."""
    p = np.array([[0.9, 0.1], [0.7, 0.3], [0.95, 0.05]])
    sure, unsure = held_out(((50, 50), (50, 50)), 0.99), held_out(((50, 50), (50, 50)), 0.85)
    found = arrays(3, probabilities=p)
    for reading, settings, expected in (
        (None, {}, ["ambiguous", "ambiguous", KEPT]),
        (sure, {}, ["ambiguous", "ambiguous", KEPT]),
        (unsure, {}, [KEPT, "ambiguous", KEPT]),
        (unsure, {"entropy": {"limit": 0.3}}, ["ambiguous", "ambiguous", KEPT]),
    ):
        assert FilterChain(Reference(reading=reading), "ab", ["entropy"], settings).judge(found, rng()) == expected
    five = HeldOut(np.tile([0.4, 0.15, 0.15, 0.15, 0.15], (20, 1)), np.zeros(20, int))
    seen = arrays(2, probabilities=np.array([[0.41, 0.39, 0.1, 0.05, 0.05], [0.39, 0.3, 0.2, 0.06, 0.05]]))
    assert FilterChain(Reference(reading=five), "abcde", ["confidence"]).judge(seen, rng()) == [KEPT, "unsure"]
    assert FilterChain(Reference(), "abcde", ["confidence"]).judge(seen, rng()) == ["unsure"] * 2
