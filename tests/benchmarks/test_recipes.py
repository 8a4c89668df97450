"""Recipes: rows are stored as they end and never done twice, and their tables are made of stored ones."""

import json

import pytest
import yaml

TINY = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 50, "log.grid_images": 16}


def test_recipe_rows_are_stored_and_skipped(cli, small_mnist, tmp_path):
    recipes = tmp_path / "recipes.yaml"
    rows = [{"name": "tiny", "overrides": {**TINY, "data.source": str(small_mnist)}, "seeds": [0, 1], "marks": [2, 4], "samples": 200}]
    recipes.write_text(yaml.safe_dump(rows))
    command = ["benchmarks", "recipe", "--recipes", recipes, "--to", tmp_path / "results", "--json"]
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


def test_the_zoo_measures_every_kind_of_gan_at_one_budget(cli, tmp_path):
    recipes, results = tmp_path / "zoo.yaml", tmp_path / "results"
    small = {**TINY, "train.accumulate": 2}
    rows = [
        {"name": name, "preset": name, "overrides": small, "seeds": [0], "images": 400, "samples": 100, "evaluate": 200}
        for name in ("projection", "infogan")
    ]
    rows[1]["overrides"] = {**small, "train.discriminator_steps": 2, "code.sorting_rounds": 0}
    recipes.write_text(yaml.safe_dump(rows))
    done = cli("benchmarks", "zoo", "--recipes", recipes, "--to", results)
    conditional, coded = (json.loads((results / f"{name}-seed-0.json").read_text()) for name in ("projection", "infogan"))
    assert ([mark["step"] for mark in conditional["marks"]], [mark["step"] for mark in coded["marks"]]) == ([4], [2])
    assert 0 <= conditional["marks"][0]["smallest_agreement"] <= conditional["marks"][0]["agreement"] <= 1
    assert coded["marks"][0]["code_accuracy"] >= 0.1 and "agreement" not in coded["marks"][0]
    assert conditional["marks"][0]["frechet"] > 0
    assert all(mark["feature_network"].startswith("mnist-") for mark in [*conditional["marks"], *coded["marks"]])
    assert done.stdout.count("\n") == 4
    stored = cli("benchmarks", "zoo", "--recipes", recipes, "--to", results, "--stored")
    assert stored.stdout == done.stdout


@pytest.mark.parametrize("name", ["zoo", "zoo-fashion", "diffaugment", "augment-gan", "stacked-mnist", "leaderboard"])
def test_shipped_lists_can_be_read(name):
    from pathlib import Path

    from benchmarks.recipes import read_recipes
    from paddle_gan_aug.config.loading import load_config, presets

    rows = read_recipes(Path(__file__).resolve().parents[2] / "benchmarks" / "rows" / f"{name}.yaml")
    assert len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        options = load_config(row["preset"] or "classifier", row["overrides"]).train
        assert row["marks"] or row["preset"] is None
        if "images" in row:
            assert row["marks"] == [row["images"] // (options.batch_size * options.discriminator_steps)]
    if name == "zoo":
        of_noise = {preset for preset in presets() if load_config(preset).algorithm in ("classic", "gan", "infogan")}
        assert of_noise == {row["preset"] for row in rows}


def test_single_digits_are_counted_as_healthy_or_not(cli, small_mnist, tmp_path):
    recipes = tmp_path / "digits.yaml"
    given = {**TINY, "data.source": str(small_mnist), "data.class_name": "5", "train.batch_size": 20, "health.every_steps": 2}
    climbs = {**given, "health.recover": True, "health.settle_steps": 2, "health.tries": 1}
    rows = [
        {"name": "left alone", "overrides": given, "seeds": [0], "marks": [6], "samples": 50},
        {"name": "climbs", "overrides": climbs, "seeds": [0], "marks": [6], "samples": 50},
    ]
    recipes.write_text(yaml.safe_dump(rows))
    done = cli("benchmarks", "collapse", "--recipes", recipes, "--to", tmp_path / "results")
    assert "0 of 2 runs end healthy" in done.stdout
    alone, climbs = (json.loads((tmp_path / "results" / f"{name}-seed-0.json").read_text()) for name in ("left-alone", "climbs"))
    assert alone["marks"][0]["read_as_class"] < 0.9
    assert "failed" not in alone
    assert [alarm["rung"] for alarm in climbs["alarms"]] == ["smaller-d-step", None]
    assert "could not be recovered" in climbs["failed"]


def test_recipe_files_that_are_none(cli, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("- overrides: {}\n")
    assert "name and marks" in cli("benchmarks", "recipe", "--recipes", bad, code=2).stderr
    assert "cannot read" in cli("benchmarks", "recipe", "--recipes", tmp_path / "none.yaml", code=2).stderr


def test_a_row_is_measured_against_the_images_that_it_learns(small_mnist, monkeypatch):
    from types import SimpleNamespace

    from benchmarks import recipes

    asked = []
    monkeypatch.setattr(recipes, "reference_for", lambda spec: asked.append(spec))
    monkeypatch.setattr(recipes, "provenance", lambda reference: {})
    overrides = {"data.source": str(small_mnist), "data.image_size": 14, "data.per_class": 5}
    recipes.MeasuredAt({"preset": "classic", "overrides": overrides, "marks": [1]}, 0, print).on_begin(SimpleNamespace())
    (spec,) = asked
    assert (str(spec), spec.image_size, spec.per_class) == (str(small_mnist), 14, 5)
