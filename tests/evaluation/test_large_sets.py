"""Sets that do not fit into the memory are measured as others are, and of very large ones a part is compared in pairs."""

import numpy as np
import pytest

from paddle_gan_aug import runtime
from paddle_gan_aug.algorithms import reading
from paddle_gan_aug.augment.diffaugment import background
from paddle_gan_aug.data import cache, load
from paddle_gan_aug.data.rows import Rows, rows
from paddle_gan_aug.evaluation import feature_network, kept, samples
from paddle_gan_aug.evaluation import reference as references
from paddle_gan_aug.evaluation.measure import evaluate_images
from paddle_gan_aug.evaluation.registry import METRICS
from paddle_gan_aug.metrics import frechet, sides

COUNT = 400


@pytest.fixture
def measured(tmp_path, small_mnist, monkeypatch, process):
    """A function that measures 400 digits beside the small MNIST, with nothing known before."""
    test = load("mnist", "test").subset(slice(0, COUNT))
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path / "kept")
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "cache")
    network = feature_network.feature_network("mnist")

    def measure(**options):
        monkeypatch.setattr(references, "_references", {})
        images = options.pop("images", test.images)
        return evaluate_images(images, real=str(small_mnist), labels=test.labels, network=network, **options)

    return measure


def on_disk(monkeypatch, size=2000):
    for module, name in ((cache, "LARGE"), (reading, "HELD"), (sides, "HELD")):
        monkeypatch.setattr(module, name, size)
    monkeypatch.setattr(cache, "SMALL", 100)


def test_what_lies_on_the_disk_is_measured_alike(measured, monkeypatch, tmp_path):
    wanted = measured()
    on_disk(monkeypatch)
    images = rows(load("mnist", "test").images, np.arange(COUNT))
    assert isinstance(images, Rows)
    assert measured(images=images) == wanted and "in_pairs" not in wanted
    found = [row.path.name for row in cache.entries()]
    assert any(name.startswith("features-mnist-") for name in found)
    assert measured(images=images) == wanted  # from the cache


def test_frechet_distances_are_summed_in_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    features, others = rng.normal(3, 2, (1000, 7)).astype(np.float32), rng.normal(2, 1, (600, 7)).astype(np.float32)
    wanted = frechet.frechet_distance(features, others)
    monkeypatch.setattr(frechet, "AT_ONCE", 70)
    assert frechet.frechet_distance(features, others) == pytest.approx(wanted, rel=1e-9)
    mean, covariance = frechet.moments(features)
    assert np.allclose(mean, features.mean(0, dtype=np.float64), rtol=1e-12)
    assert np.allclose(covariance, np.cov(features.astype(np.float64), rowvar=False), rtol=1e-10)
    with pytest.raises(ValueError, match="there are NaN"):
        frechet.frechet_distance(features, np.concatenate([features[:-1], np.full((1, 7), np.nan)]))


def test_large_sides_are_compared_in_part(measured, monkeypatch):
    wanted = measured()
    for name, value in (("PAIRED", 300), ("SOME", 80), ("LEARNT", 90)):
        monkeypatch.setattr(sides, name, value)
    for name, value in (("PAIRED", 300), ("SOME", 80), ("LEARNT", 90)):
        monkeypatch.setattr(references, name, value)
    monkeypatch.setattr(kept, "cache_folder", lambda: cache.cache_folder() / "again")
    found = measured()
    assert found["in_pairs"] == {"generated": 80, "real": 100, "training": 90} and found["count"] == COUNT
    whole = ["frechet", "class_histogram", "confident", "smallest_class", "agreement"]
    assert [found[name] for name in whole] == [wanted[name] for name in whole]
    assert found["memorisation"]["exact_duplicates"] == wanted["memorisation"]["exact_duplicates"] == 0
    assert found["diversity"]["repeated"] == wanted["diversity"]["repeated"]
    pairs = ["kid", "coverage", "diversity", "memorisation"]
    assert all(found[name]["value"] != wanted[name]["value"] for name in pairs) and set(found) == {*wanted, "in_pairs"}
    assert measured() == found and all(name in METRICS for name in whole + pairs)


def test_some_of_many_are_always_the_same():
    some = sides.some_of(100_000, 20_000)
    assert len(np.unique(some)) == 20_000 and (np.diff(some) > 0).all() and (some == sides.some_of(100_000, 20_000)).all()
    shares = np.bincount(some % 10) / len(some)  # of sets whose classes come in turn
    assert abs(shares - 0.1).max() < 0.01


def test_samples_are_drawn_in_pieces(tiny, monkeypatch):
    from paddle_gan_aug import open_run

    algorithm = open_run(tiny["conditional"]).algorithm
    whole = samples.draw_samples(algorithm, 55, runtime.rng(0, "x"))
    monkeypatch.setattr(samples, "DRAWN_AT_ONCE", 20)
    pieces = samples.draw_samples(algorithm, 55, runtime.rng(0, "x"))
    assert pieces.labels.tolist() == whole.labels.tolist() and pieces.images.shape == whole.images.shape
    assert abs(pieces.images.astype(int) - whole.images).max() <= 1  # sums of another batch are rounded otherwise


@pytest.mark.parametrize("channels", [1, 3])
def test_the_background_is_the_median_along_the_edges(channels):
    images = np.random.default_rng(0).integers(0, 256, (2101, channels, 9, 6), dtype=np.uint8)
    edges = [images[:, :, [0, -1], :], images[:, :, :, [0, -1]]]
    flat = np.concatenate([part.transpose(1, 0, 2, 3).reshape(channels, -1) for part in edges], axis=1)
    assert (background(images) == np.median(flat, axis=1) / 127.5 - 1).all()
    two = np.array([[[[10, 10], [200, 200]]]], np.uint8)
    assert background(two).tolist() == [105 / 127.5 - 1]
