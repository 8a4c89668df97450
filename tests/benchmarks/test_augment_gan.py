"""The choice of augment's GAN: trained runs are taken as they are, and what a classifier learns from them is read in validation images."""

import json

import pytest
import yaml

from benchmarks import augment_gan

NARROW = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 20, "generator.init_std": 0.3}


@pytest.fixture
def command(small_mnist, tmp_path, monkeypatch):
    for name, value in {"TAUGHT": 200, "CLASSIFIER_STEPS": 3, "TIMED_STEPS": 2, "WARM_UP": 1}.items():
        monkeypatch.setattr(augment_gan, name, value)
    data = {"data.source": str(small_mnist)}
    rows = [
        {"name": "small gan", "preset": "projection", "overrides": {**data, **NARROW}, "seeds": [4], "marks": [3], "evaluate": 100},
        {"name": "real images", "preset": None, "overrides": data, "seeds": [0]},
    ]
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump(rows))
    given = ["--recipes", tmp_path / "rows.yaml", "--to", tmp_path / "results", "--runs", tmp_path / "runs"]
    return ["augment-gan", *given]


def test_a_gan_and_real_images_are_judged_on_validation_images(here, command, tmp_path):
    gan, real = json.loads(here("benchmarks", "--json", *command).stdout)
    (mark,) = gan["marks"]
    assert (mark["step"], mark["taught"], len(mark["accuracy_scores"])) == (3, 200, 2)
    assert mark["accuracy_score"] == pytest.approx(sum(mark["accuracy_scores"]) / 2)
    assert mark["ms_a_step"] > 0 and isinstance(mark["copied"], bool)
    assert gan["reference"] == real["reference"] and "500 to 599 of 600" in gan["reference"]["source"]
    assert real["marks"][0]["taught"] == 500 and set(real["marks"][0]) == {"step", "taught", "accuracy_score", "accuracy_scores"}
    assert (tmp_path / "results" / "small-gan-seed-4.png").exists()
    table = here("benchmarks", *command, "--stored").stdout
    assert mark["frechet"] is None  # of 100 images, fewer than it needs
    assert 0 <= mark["recall"] <= 1 and 0 <= mark["precision"] <= 1
    assert "| small gan | 4 | 3 | – |" in table and f"| {mark['accuracy_score']:.2%} |" in table


def test_a_run_that_is_there_is_not_trained_again(here, command, tmp_path):
    here("benchmarks", *command, "--only", "small gan")
    config = tmp_path / "runs" / "small-gan-4" / "config.yaml"
    (tmp_path / "results" / "small-gan-seed-4.json").unlink()
    written = config.stat().st_mtime_ns
    here("benchmarks", *command, "--only", "small gan")
    assert config.stat().st_mtime_ns == written and (tmp_path / "results" / "small-gan-seed-4.json").exists()
    (tmp_path / "results" / "small-gan-seed-4.json").unlink()
    config.write_text(config.read_text().replace("batch_size: 20", "batch_size: 10"))
    refused = here("benchmarks", *command, "--only", "small gan", code=2).stderr
    assert "train.batch_size is 10, and its row has 20" in refused
