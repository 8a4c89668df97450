"""Precision, recall, density and coverage: the published constants, and small sets counted by hand."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from paddle_gan_aug.metrics.prdc import precision_recall_density_coverage

LINE = np.arange(4.0)[:, None]  # 0, 1, 2, 3: with k = 1 every ball reaches 1 far, its edge left out


def test_the_published_constants():
    """Naeem et al. 2020: 10,000 against 10,000 draws from N(0, I) in 1,000 dimensions, k = 5.

    They are of one draw of an unknown seed. Eight draws gave .479 ± .012, .477 ± .011, 1.013 ± .090 and .969 ± .009 (mean,
    standard deviation); the tolerance is three deviations.
    """
    real, fake = np.random.default_rng(1).standard_normal((2, 10_000, 1000))
    measured = precision_recall_density_coverage(real, fake)
    published = {"precision": (0.4772, 0.04), "recall": (0.4705, 0.035), "density": (1.0555, 0.27), "coverage": (0.9735, 0.027)}
    for name, (value, tolerance) in published.items():
        assert measured[name] == pytest.approx(value, abs=tolerance), name


def test_it_counts_as_the_definitions_do():
    """Against the definitions written out on all distances at once."""
    rng = np.random.default_rng(2)
    real, fake = rng.standard_normal((300, 4)), rng.standard_normal((200, 4)) * 0.8 + 0.3
    for k in (1, 3, 5):
        real_radii, fake_radii = (np.sort(cdist(rows, rows), axis=1)[:, k] for rows in (real, fake))
        between = cdist(real, fake)
        expected = {
            "precision": (between < real_radii[:, None]).any(0).mean(),
            "recall": (between < fake_radii).any(1).mean(),
            "density": (between < real_radii[:, None]).sum() / (k * len(fake)),
            "coverage": (between.min(1) < real_radii).mean(),
        }
        assert precision_recall_density_coverage(real, fake, neighbours=k) == pytest.approx(expected)


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
