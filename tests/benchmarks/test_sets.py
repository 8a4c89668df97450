"""The measurements of sets: on tiny runs, but with every stage."""

import functools
import json

import pytest
import yaml

from benchmarks import sets
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.synthesis.filters import Filters


def test_a_classifier_accuracy_score_row_is_computed_once(here, small_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "project_root", lambda: tmp_path)
    narrow = {"generator.width": 0.05, "discriminator.width": 0.05, "train.steps": 2, "train.batch_size": 20, "generator.init_std": 0.3}
    common = {"data": str(small_mnist), "steps": 4, "seeds": [3], "overrides": {"train.batch_size": 50}}
    made = {"preset": "projection", "gan_overrides": narrow, "overrides": {"train.batch_size": 50, "generated.per_class": 20}}
    rows = [
        {"name": "real", **common},
        {"name": "made", **common, **made},
        {"name": "renewed", **common, **made, "every_steps": 2},
        {"name": "taught", **common, **made, "teacher": {"train.steps": 3, "train.batch_size": 50}},
    ]
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump(rows))
    command = ["cas", "--rows", tmp_path / "rows.yaml", "--to", tmp_path / "results"]
    found = json.loads(here("benchmarks", "--json", *command).stdout)
    assert [row["name"] for row in found] == ["real", "made", "renewed", "taught"]
    assert all(0 <= row["accuracy"] <= 1 and row["steps"] == 4 for row in found)
    state = json.loads((tmp_path / "output" / "cas" / "small-mnist-made-3" / "checkpoints" / "step-4" / "state.json").read_text())
    assert state["generated"]["runs"][0]["run"] == "small-mnist-projection-0"
    taught = json.loads((tmp_path / "output" / "cas" / "small-mnist-taught-3" / "checkpoints" / "step-4" / "state.json").read_text())
    assert taught["generated"]["teacher"]["run"] == "small-mnist-teacher" and "| taught | none | – | soft | 4 |" in sets.score_table(found)
    stored = json.loads((tmp_path / "results" / "real-seed-3.json").read_text())
    (tmp_path / "results" / "real-seed-3.json").write_text(json.dumps({**stored, "accuracy": 0.5}))
    assert json.loads(here("benchmarks", "--json", *command).stdout)[0]["accuracy"] == 0.5  # not computed again
    table = here("benchmarks", *command).stdout
    assert "| real | – | – | hard | 4 | 50.00 % | 50.00 – 50.00 | 1 | – |" in table
    (tmp_path / "rows.yaml").write_text("- {name: a, presset: b}")
    with pytest.raises(InputError, match="list of rows"):
        sets.read_rows(tmp_path / "rows.yaml")


def test_writing_speed_says_where_the_time_goes(here, tiny):
    result = json.loads(here("benchmarks", "--json", "generation", tiny["5"], "--count", 600).stdout)
    assert result["count"] == 600 and result["images_per_second"] == pytest.approx(600 / result["seconds"], rel=0.05)
    assert result["networks"] > 0 and result["encoding_and_writing"] > 0


def test_uneven_classes_are_levelled_and_counted(here, tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "augment_data", functools.partial(sets.augment_data, filters=Filters("none")))
    preset = tmp_path / "tiny.yaml"
    narrow = "{width: 0.05, conditioning: embedding}"
    preset.write_text(f"{{algorithm: gan, generator: {narrow}, discriminator: {narrow}, train: {{steps: 2, batch_size: 10}}}}")
    given = ["--digits", "3", "8", "--counts", 40, 10, "--gan", preset, "--to", tmp_path / "found.json"]
    here("benchmarks", "imbalanced", *given)
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["table"][:2] == [["3", 40, 0, 40], ["8", 10, 30, 40]]
    assert "2 --digits and 1 --counts" in here("benchmarks", "imbalanced", "--digits", 3, 8, "--counts", 40, code=2).stderr
    assert found["files"] == {"3": 40, "8": 40} and found["in_manifest"] == {"3": 0, "8": 30}


def test_the_shipped_rows_are_rows():
    for name, count in (("cas", 7), ("cas-fashion", 6)):
        assert len(sets.read_rows(f"benchmarks/rows/{name}.yaml")) == count
