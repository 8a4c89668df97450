"""The graph baseline: its neighbours by hand, and a line where its package is not installed."""

import importlib.util

import numpy as np
import pytest

from benchmarks.graph_labels import nearest, vae_features


def test_nearest_points_are_those_of_all_distances():
    points = np.random.default_rng(0).normal(size=(1203, 5)).astype(np.float32)
    indices, distances = nearest(points, 4)
    apart = np.linalg.norm(points[:, None].astype(np.float64) - points[None], axis=2)
    assert (indices[:, 0] == np.arange(1203)).all() and (indices == apart.argsort(1)[:, :5]).all()
    assert np.abs(distances - np.sort(apart, 1)[:, :5]).max() < 1e-2


def test_features_of_a_vae_depend_on_the_image():
    images = np.random.default_rng(0).integers(0, 256, (256, 1, 8, 8)).astype(np.uint8)
    features = vae_features(images, np.concatenate([images, images[:3]]), 1)
    assert features.shape == (259, 20) and features.std(0).min() > 0
    again = np.linalg.norm(features[256:] - features[:3], axis=1)  # a batch of another size may be rounded otherwise, by some CPUs
    others = np.linalg.norm(features[256:, None] - features[None, 3:256], axis=2)
    assert again.max() < 1e-4 * others.min()


@pytest.mark.skipif(importlib.util.find_spec("graphlearning") is not None, reason="the package is installed")
def test_a_missing_package_is_a_line(here, small_mnist, tmp_path):
    done = here("benchmarks", "graph-labels", "--data", small_mnist, "--to", tmp_path / "none", code=2)
    assert "graph-labels needs the package graphlearning" in done.stderr and len(done.stderr.strip().splitlines()) == 1
