"""What real images alone decide is kept on the disk: the same numbers, worked out once, and anew where anything has changed."""

import numpy as np
import pytest

from paddle_gan_aug.data import load, notices
from paddle_gan_aug.evaluation import kept
from paddle_gan_aug.evaluation import reference as references
from paddle_gan_aug.evaluation.measure import evaluate_images


@pytest.fixture
def folder(tmp_path, monkeypatch, process):
    """The cache of a project of its own; what is kept in memory is forgotten."""
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path / "output" / ".cache")
    monkeypatch.setattr(references, "_references", {})
    return tmp_path / "output" / ".cache"


def files(folder):
    return sorted(path.name.split("-")[0] for path in folder.rglob("*") if path.suffix in (".json", ".safetensors"))


def test_floors_and_nearness_are_worked_out_once(folder, monkeypatch):
    images, labels = load("mnist", "test").images[:300], load("mnist", "test").labels[:300]
    first = evaluate_images(images, labels=labels)
    assert files(folder)[-2:] == ["floors", "nearness"]
    monkeypatch.setattr(references, "_references", {})

    def never(*given):
        raise AssertionError("it was worked out before")

    monkeypatch.setattr(references, "_floor", never)
    monkeypatch.setattr(references, "nearness", never)
    assert evaluate_images(images, labels=labels) == first
    with pytest.raises(AssertionError, match="worked out before"):
        evaluate_images(images[:299], labels=labels[:299])  # another count has other floors


def test_a_metric_that_is_added_later_joins_its_file(folder, monkeypatch):
    images = load("mnist", "test").images[:300]
    alone = evaluate_images(images, metrics=["kid"])
    monkeypatch.setattr(references, "_references", {})
    both = evaluate_images(images, metrics=["kid", "diversity"])
    assert both["kid"] == alone["kid"] and files(folder).count("floors") == 1
    (path,) = folder.rglob("floors-*.json")
    assert set(kept.read_entries(path)) == {"kid", "diversity"}


def test_a_damaged_file_costs_time_alone(folder, monkeypatch):
    images = load("mnist", "test").images[:300]
    first = evaluate_images(images)
    for path in [*folder.rglob("floors-*"), *folder.rglob("nearness-*")]:
        path.write_bytes(b"[5")
    monkeypatch.setattr(references, "_references", {})
    assert evaluate_images(images) == first
    (path,) = folder.rglob("floors-*.json")
    assert set(kept.read_entries(path)) >= {"frechet", "kid", "recall"}


def test_a_name_holds_all_that_the_numbers_depend_on(folder, monkeypatch):
    name = kept.path_of("network", "floors", ".json", "a", 5, 0)
    assert name == kept.path_of("network", "floors", ".json", "a", 5, 0)
    assert len({name, *(kept.path_of("network", "floors", ".json", *key) for key in (("b", 5, 0), ("a", 6, 0), ("a", 5, 1)))}) == 4
    monkeypatch.setattr(kept.runtime, "cpu_threads", lambda: 99)
    threads = kept.path_of("network", "floors", ".json", "a", 5, 0)
    monkeypatch.setattr(kept, "_code_of_metrics", lambda: "other")
    assert len({name, threads, kept.path_of("network", "floors", ".json", "a", 5, 0)}) == 3


def test_metrics_from_elsewhere_are_not_kept():
    assert kept.is_of_metrics("paddle_gan_aug.metrics.kid:measure_kid")
    assert not kept.is_of_metrics("paddle_gan_aug.evaluation.classifier_accuracy:measure_classifier_accuracy_score")
    assert not kept.is_of_metrics("mine.metrics:measure")


def test_a_folder_that_cannot_be_written_costs_time_and_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notices, "_printed", set())
    (tmp_path / "file").write_text("")
    made = kept.arrays(tmp_path / "file" / "a.safetensors", lambda: {"a": np.arange(3)})
    assert made["a"].tolist() == [0, 1, 2]
    kept.add_entries(tmp_path / "file" / "a.json", {"kid": {"floor": 1.0}})
    assert kept.read_entries(tmp_path / "file" / "a.json") == {}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("the cache ") and " cannot be written (" in line
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert kept.read_entries(tmp_path / "deep.json") == {}
