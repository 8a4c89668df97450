"""Results as text, and side by side."""

import json
from pathlib import Path

import pytest

from paddle_gan_aug.data import load
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.evaluation.measure import evaluate_images
from paddle_gan_aug.evaluation.registry import METRICS
from paddle_gan_aug.evaluation.result import Evaluation, compare, table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def results(process):
    images = load("mnist", "test").images
    return [evaluate_images(images[start : start + 200]) for start in (0, 200)]


def test_results_of_different_networks_refuse_to_be_compared(results):
    first, second = results
    compared = Evaluation(first).compare(Evaluation(second))
    assert compared == compare(first, second)
    assert compared["frechet"] == (first["frechet"]["value"], second["frechet"]["value"])
    assert set(compared) == {name for name, row in METRICS.items() if not row.on_request and not row.needs}
    other = {**second, "feature_network": {"name": "mnist-00000000", "accuracy": 0.99}}
    with pytest.raises(InputError, match="mnist-00000000 cannot be compared"):
        compare(first, other)
    with pytest.raises(InputError, match="200 and 400 images"):
        compare(first, {**second, "count": 400})
    with pytest.raises(InputError, match="different real images"):
        compare(first, {**second, "reference": {**second["reference"], "fingerprint": "0"}})


def test_the_table_has_a_row_for_each_metric(results):
    lines = Evaluation(results[0]).table().splitlines()
    assert lines[0].startswith("200 images against 200 validation images of mnist; features of mnist-")
    titles = [line.split("  ")[0] for line in lines[2:]]
    measured = [row.title for name, row in METRICS.items() if name in results[0]]
    assert titles == [*measured, "memorisation test", "near duplicates", "exact duplicates"]
    assert "frechet ↓" in titles and "recall ↑" in titles and "memorisation (0.5 or less)" in titles
    assert Evaluation(results[0]).values["frechet"] == results[0]["frechet"]["value"]


def test_stored_results_are_still_shown():
    stored = json.loads((ROOT / "work" / "results" / "set-60000-evaluate.json").read_text())
    assert f"{stored['frechet']['value']:.4g}" in table(stored)
