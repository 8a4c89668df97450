"""The measurements: rows stored as they end and never done twice, a judge that knows real digits, equal losses with tuning on and off."""

import json

import numpy as np
import pytest
import yaml


@pytest.fixture(scope="module")
def judge(tmp_path_factory, small_mnist):
    """A run of `classify` on a few hundred digits."""
    import paddle_gan_aug

    folder = tmp_path_factory.mktemp("judge")
    overrides = {"data.source": str(small_mnist), "train.epochs": 12, "train.batch_size": 50}
    tested = paddle_gan_aug.classify(run="judge", output=folder, log=folder / "log", overrides=overrides, quiet=True)
    assert tested.accuracy > 0.7
    return tested.run.folder


TINY = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 50, "log.grid_images": 16}


def test_recipe_rows_are_stored_judged_and_skipped(cli, judge, small_mnist, tmp_path):
    recipes = tmp_path / "recipes.yaml"
    rows = [{"name": "tiny", "overrides": {**TINY, "data.source": str(small_mnist)}, "seeds": [0, 1], "marks": [2, 4], "samples": 200}]
    recipes.write_text(yaml.safe_dump(rows))
    command = ["benchmarks", "recipe", "--recipes", recipes, "--judge", judge, "--to", tmp_path / "results", "--json"]
    done = cli("benchmarks", "--json", *command[1:-1])
    found = json.loads(done.stdout)
    assert [(row["name"], row["seed"]) for row in found] == [("tiny", 0), ("tiny", 1)]
    first = found[0]
    assert [mark["step"] for mark in first["marks"]] == [2, 4]
    assert first["marks"][0]["count"] == 200
    assert sum(first["marks"][0]["classes"].values()) == pytest.approx(1, abs=1e-3)
    assert "500 to 599 of 600" in first["reference"]["source"]  # validation images: rows are there to choose by
    stored = tmp_path / "results" / "tiny-seed-0.json"
    assert json.loads(stored.read_text()) == first
    assert stored.with_suffix(".png").exists()
    stored.write_text(json.dumps({**first, "version": "kept"}))
    again = json.loads(cli("benchmarks", "--json", *command[1:-1]).stdout)
    assert again[0]["version"] == "kept"
    refused = cli(*command[:-1], "--only", "tinny", code=2)
    assert "no row of that name; it has tiny" in refused.stderr
    table = cli(*command[:-1], "--stored").stdout
    assert table.count("| tiny |") == 4  # two seeds, two marks each


def test_the_zoo_measures_every_kind_of_gan_at_one_budget(cli, judge, tmp_path):
    recipes, results = tmp_path / "zoo.yaml", tmp_path / "results"
    small = {**TINY, "train.accumulate": 2}
    rows = [
        {"name": name, "preset": name, "overrides": small, "seeds": [0], "images": 400, "samples": 100, "evaluate": 200}
        for name in ("projection", "infogan")
    ]
    rows[1]["overrides"] = {**small, "train.discriminator_steps": 2}
    recipes.write_text(yaml.safe_dump(rows))
    done = cli("benchmarks", "zoo", "--recipes", recipes, "--judge", judge, "--to", results)
    conditional, coded = (json.loads((results / f"{name}-seed-0.json").read_text()) for name in ("projection", "infogan"))
    assert ([mark["step"] for mark in conditional["marks"]], [mark["step"] for mark in coded["marks"]]) == ([4], [2])
    assert 0 <= conditional["marks"][0]["smallest_agreement"] <= conditional["marks"][0]["agreement"] <= 1
    assert coded["marks"][0]["code_accuracy"] >= 0.1 and "agreement" not in coded["marks"][0]
    assert conditional["marks"][0]["frechet"] > 0
    assert all(mark["feature_network"].startswith("mnist-") for mark in [*conditional["marks"], *coded["marks"]])
    assert done.stdout.count("\n") == 4
    stored = cli("benchmarks", "zoo", "--recipes", recipes, "--judge", judge, "--to", results, "--stored")
    assert stored.stdout == done.stdout


@pytest.mark.parametrize("name", ["zoo", "zoo-fashion", "diffaugment"])
def test_shipped_lists_can_be_read(name):
    from pathlib import Path

    from benchmarks.recipes import read_recipes
    from paddle_gan_aug.config.loading import load_config, presets

    rows = read_recipes(Path(__file__).resolve().parents[2] / "benchmarks" / "rows" / f"{name}.yaml")
    assert len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        options = load_config(row["preset"], row["overrides"]).train
        if "images" in row:
            assert row["marks"] == [row["images"] // (options.batch_size * options.discriminator_steps)]
    if name == "zoo":
        of_noise = {preset for preset in presets() if load_config(preset).algorithm in ("classic", "gan", "infogan")}
        assert of_noise == {row["preset"] for row in rows}


def test_agreement_and_codes_are_read_by_the_judge(judge):
    from benchmarks.judge import Judge
    from paddle_gan_aug.data import load, to_network

    real = load("mnist", "valid").subset(range(400))
    images = to_network(real.images)
    told = Judge(judge, "valid", count=400)
    right = told.read(images, labels=real.labels, codes=(real.labels + 3) % 10)
    assert right["agreement"] > 0.7 and right["code_accuracy"] == pytest.approx(right["agreement"], abs=0.02)
    assert right["diversity_within"] == pytest.approx(1.0, abs=1e-3)
    firsts = [int((real.labels == label).argmax()) for label in range(10)]
    prototypes = told.read(images[firsts * 5], labels=real.labels[firsts * 5])
    assert prototypes["diversity_within"] == pytest.approx(0, abs=1e-5) and prototypes["diversity"] > 0.8
    assert told.read(images, labels=(real.labels + 1) % 10)["agreement"] < 0.2
    assert "agreement" not in told.read(images)


def test_the_judge_reads_real_digits_as_they_are(judge):
    from benchmarks.judge import Judge
    from paddle_gan_aug.data import load, to_network

    images = load("mnist", "valid").subset(range(400))
    numbers = Judge(judge, "valid", count=400).read(to_network(images.images))
    assert numbers["diversity"] == pytest.approx(1.0, abs=1e-3)
    assert numbers["smallest_class"] > 0.04
    grey = Judge(judge, "valid", count=400).read(np.zeros((20, 1, 28, 28), "float32"))
    assert grey["diversity"] == 0
    assert max(grey["classes"].values()) == 1
    fives = Judge(judge, "valid", class_name="5", count=200)
    only = load("mnist", "valid", class_name="5").subset(range(200))
    assert fives.read(to_network(only.images))["read_as_class"] > 0.6


def test_one_class_that_was_asked_for_by_label_is_read_as_that(judge):
    """Labels and a class at once: the share read as the class is of the images, whatever the labels add."""
    from benchmarks.judge import Judge
    from paddle_gan_aug.data import load, to_network

    fives = load("mnist", "valid", class_name="5").subset(range(200))
    numbers = Judge(judge, "valid", class_name="5", count=200).read(to_network(fives.images), labels=fives.labels)
    assert numbers["read_as_class"] == numbers["agreement"] == numbers["classes"]["5"] > 0.6
    assert numbers["diversity_within"] == pytest.approx(1.0, abs=1e-3)


def test_a_rows_judge_reads_the_images_as_the_row_learns_them(judge, small_mnist, monkeypatch):
    from types import SimpleNamespace

    from benchmarks import recipes

    asked = []
    monkeypatch.setattr(recipes, "Judge", lambda *arguments: asked.append(arguments))
    overrides = {"data.source": str(small_mnist), "data.image_size": 14, "data.per_class": 5}
    recipes.JudgedAt({"preset": "classic", "overrides": overrides, "marks": [1]}, judge, 0, print).on_begin(SimpleNamespace())
    ((_, part, _, source),) = asked
    assert (part, str(source), source.image_size, source.per_class) == ("valid", str(small_mnist), 14, 5)


def test_samples_of_a_run_are_judged(cli, judge, small, small_mnist, tmp_path):
    cli("train", "--data", small_mnist, *small, "--steps", 2, "--run", "r")
    cli("benchmarks", "samples", cli.output / "r", "--judge", judge, "--count", 50, "--to", tmp_path / "samples.json")
    row = json.loads((tmp_path / "samples.json").read_text())[0]
    assert (row["run"], row["step"], row["count"], row["judge"]) == ("r", 2, 50, "judge")
    assert "test" in row["reference"]["source"]
    wrong = cli("benchmarks", "samples", cli.output / "r", "--judge", cli.output / "r", code=2)
    assert "must be a run of classify" in wrong.stderr


def test_tuning_changes_the_time_and_not_the_losses(cli):
    result = json.loads(cli("benchmarks", "--json", "tuning", "--steps", "fast transpose", "--turns", 1).stdout)
    assert result["largest_loss_difference"] < 1e-3
    assert result["process"]["cpu_tuning"] is True
    assert result["peer"]["cpu_tuning"] is False
    assert result["ratio"] == pytest.approx(result["settings_ms"] / result["paddle_ms"], rel=0.02)


def test_every_metric_of_runs_in_one_table(cli, small, tmp_path):
    cli("train", *small, "--steps", 2, "--run", "r")
    done = cli("benchmarks", "quality", cli.output / "r", "--count", 200, "--part", "valid", "--to", tmp_path / "quality.json")
    (row,) = json.loads((tmp_path / "quality.json").read_text())
    assert (row["run"], row["count"], row["reference"]["part"]) == ("r", 200, "valid")
    assert row["seconds"] > 0
    assert done.stdout.count("\n") == 4
    assert f"| r | {row['frechet']['value']:.3g} |" in done.stdout


def test_single_digits_are_counted_as_healthy_or_not(cli, judge, small_mnist, tmp_path):
    recipes = tmp_path / "digits.yaml"
    given = {**TINY, "data.source": str(small_mnist), "data.class_name": "5", "train.batch_size": 20, "health.every_steps": 2}
    climbs = {**given, "health.recover": True, "health.settle_steps": 2, "health.tries": 1}
    rows = [
        {"name": "left alone", "overrides": given, "seeds": [0], "marks": [6], "samples": 50},
        {"name": "climbs", "overrides": climbs, "seeds": [0], "marks": [6], "samples": 50},
    ]
    recipes.write_text(yaml.safe_dump(rows))
    done = cli("benchmarks", "collapse", "--recipes", recipes, "--judge", judge, "--to", tmp_path / "results")
    assert "0 of 2 runs end healthy" in done.stdout
    alone, climbs = (json.loads((tmp_path / "results" / f"{name}-seed-0.json").read_text()) for name in ("left-alone", "climbs"))
    assert alone["marks"][0]["read_as_class"] < 0.9
    assert "failed" not in alone
    assert [alarm["rung"] for alarm in climbs["alarms"]] == ["smaller-d-step", None]
    assert "could not be recovered" in climbs["failed"]


def test_recipe_files_that_are_none(cli, judge, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("- overrides: {}\n")
    assert "name and marks" in cli("benchmarks", "recipe", "--recipes", bad, "--judge", judge, code=2).stderr
    assert "cannot read" in cli("benchmarks", "recipe", "--recipes", tmp_path / "none.yaml", "--judge", judge, code=2).stderr
