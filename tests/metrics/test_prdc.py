"""Precision, recall, density and coverage: the published constants, and small sets counted by hand."""

import numpy as np
import pytest

from paddle_gan_aug.metrics import precision_recall_density_coverage

LINE = np.arange(4.0)[:, None]  # 0, 1, 2, 3: with k = 1 every ball reaches 1 far, its edge left out


def test_the_published_constants():
    """Naeem et al. 2020: 10,000 against 10,000 draws from N(0, I) in 1,000 dimensions, k = 5.

    They are of one draw of an unknown seed. Tolerances: three standard deviations over draws.
    """
    real, fake = np.random.default_rng(0).standard_normal((2, 10_000, 1000))
    measured = precision_recall_density_coverage(real, fake)
    published = {"precision": 0.4772, "recall": 0.4705, "density": 1.0555, "coverage": 0.9735}
    assert measured == pytest.approx(published, abs=0.02)


def test_by_hand():
    fake = np.array([[0.5], [2.9], [10.0]])  # k = 1 balls: 0.5 and 2.9 reach 2.4 far, 10 reaches 7.1
    measured = precision_recall_density_coverage(LINE, fake, neighbours=1)
    # 0.5 lies in the balls of 0 and 1, 2.9 in those of 2 and 3, 10 in none. All four real ones are covered and in a ball of 0.5 or 2.9.
    assert measured == pytest.approx({"precision": 2 / 3, "recall": 1, "density": 4 / 3, "coverage": 1})


def test_one_image_repeated_is_precise_but_covers_little():
    fake = np.full((10, 1), 1.5)
    measured = precision_recall_density_coverage(LINE, fake, neighbours=1)
    assert measured == pytest.approx({"precision": 1, "recall": 0, "density": 2, "coverage": 0.5})


def test_sets_far_apart():
    assert set(precision_recall_density_coverage(LINE, LINE + 100, neighbours=2).values()) == {0}


def test_pieces_change_nothing(monkeypatch):
    real, fake = np.random.default_rng(1).standard_normal((2, 1500, 8))
    whole = precision_recall_density_coverage(real, fake)
    monkeypatch.setattr("paddle_gan_aug.metrics.prdc.CHUNK_MEGABYTES", 0.1)
    assert precision_recall_density_coverage(real, fake) == whole


@pytest.mark.parametrize(
    ("real", "fake", "options", "message"),
    [
        (np.zeros((5, 2)), np.zeros((9, 2)), {}, "5 rows are too few, at least 6"),
        (np.zeros((9, 2)), np.full((9, 2), np.inf), {}, "infinite"),
        (np.zeros((9, 2)), np.zeros((9, 3)), {}, "width"),
        (np.zeros((9, 2)), np.zeros((9, 2)), {"neighbours": 0}, "1 or more"),
    ],
)
def test_bad_input(real, fake, options, message):
    with pytest.raises(ValueError, match=message):
        precision_recall_density_coverage(real, fake, **options)
