"""What is read in samples and in sets."""

import json

import pytest


def test_samples_of_a_run_are_read(here, tiny, tmp_path):
    here("benchmarks", "samples", tiny["conditional"], tiny["5"], "--count", 50, "--to", tmp_path / "samples.json")
    conditional, five = json.loads((tmp_path / "samples.json").read_text())
    assert (conditional["run"], conditional["step"], conditional["count"]) == ("conditional", 3, 50)
    assert "test" in conditional["reference"]["source"] and conditional["feature_network"].startswith("small-mnist-")
    assert sum(conditional["classes"].values()) == pytest.approx(1, abs=1e-3)
    assert 0 <= conditional["smallest_agreement"] <= conditional["agreement"] <= 1 and "read_as_class" not in conditional
    assert five["read_as_class"] == five["agreement"] == five["classes"]["5"]


def test_agreement_counts_what_the_feature_network_reads(here, small_mnist):
    result = json.loads(here("benchmarks", "--json", "agreement", small_mnist).stdout)
    assert result["count"] == 600 and sum(result["counts"].values()) == 600
    assert sum(result["classes"][c] * n for c, n in result["counts"].items()) == pytest.approx(600 * result["agreement"])
    assert result["agreement"] > 0.95
