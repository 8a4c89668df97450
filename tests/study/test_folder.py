"""Where a study writes: a folder of its own, outside the data."""

import json

import pytest
from small_studies import TINY, run

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.runs.places import check_run_name
from paddle_gan_aug.study.folder import name_of, noted_slowness
from paddle_gan_aug.study.study import run_study


def test_data_of_one_name_has_a_folder_of_its_own(npz, tmp_path, monkeypatch):
    (tmp_path / "work" / "mnist").mkdir(parents=True)  # a project of its own
    monkeypatch.chdir(tmp_path)
    for owner, count in (("ann", 12), ("bob", 13)):
        (tmp_path / owner).mkdir()
        npz((count, count, count), name=f"{owner}/digits.npz")

    def study(source, **options):
        return run_study(source, **{**TINY, "arms": ["classical"], "steps": 2, "keep": False, **options})

    first = study("ann/digits.npz")
    assert first.folder == tmp_path / "output" / "study-digits.npz" and first.data["labels"] == 36
    assert study("bob/digits.npz", dry_run=True).folder == tmp_path / "output" / "study-digits.npz-2"
    second = study("bob/digits.npz")
    assert second.folder == tmp_path / "output" / "study-digits.npz-2" and second.data["labels"] == 39
    assert json.loads((first.folder / "results.json").read_text())["data"]["labels"] == 36  # untouched
    assert study("bob/digits.npz").folder == second.folder and study(str(tmp_path / "ann" / "digits.npz")).folder == first.folder
    assert "digits" not in (first.folder / "data.json").read_text() and str(tmp_path) not in (first.folder / "data.json").read_text()

    npz((14, 14, 14), name="ann/digits.npz")  # images were added: the same study goes on
    assert study("ann/digits.npz").folder == first.folder
    (first.folder / "data.json").unlink()  # a study of an earlier version is known by its images
    assert study("ann/digits.npz").folder == first.folder and study("bob/digits.npz").folder == second.folder
    (second.folder / "data.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="data.json is no note on a study's data .*: remove it, and the study's command writes it anew"):
        study("bob/digits.npz")


@pytest.mark.parametrize(
    "source, name", [("..", "data"), (".photos", "photos"), ("a b/ü+", "ü-"), ("x" * 300, "x" * 80), ("图" * 40, "图" * 26)]
)
def test_names_of_data_make_names_of_runs(source, name):
    assert name_of(source) == name and check_run_name(f"{name}-classical")


def test_a_folder_of_something_else_is_refused(npz, tmp_path):
    (tmp_path / "study" / "checkpoints").mkdir(parents=True)
    with pytest.raises(InputError, match="study is not empty, and holds no study: choose an empty or new folder, or that of a study"):
        run(npz(), tmp_path, arms=["classical"])
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["checkpoints"]


@pytest.mark.parametrize("inside", ["to", "output", "log"])
def test_a_study_writes_nothing_into_the_data(study_data, tmp_path, inside):
    study_data().pool.save(tmp_path / "data")
    where = {"to": tmp_path / "study", "output": tmp_path / "output", "log": tmp_path / "log", inside: tmp_path / "data" / "x"}
    with pytest.raises(InputError, match=r"x lies inside the data .*data, where it would be taken for a part of it: choose another"):
        run_study(str(tmp_path / "data"), **{**TINY, **where}, arms=["classical"])
    assert not (tmp_path / "study").exists() and not (tmp_path / "data" / "x").exists()


def test_a_study_of_an_earlier_version_was_planned_for_the_machine_of_the_tables(tmp_path):
    assert noted_slowness(tmp_path) is None
    (tmp_path / "data.json").write_text('{"place": "a", "fingerprint": "b"}')
    assert noted_slowness(tmp_path) == 1
    (tmp_path / "data.json").write_text('{"place": "a", "fingerprint": "b", "slowness": null}')
    assert noted_slowness(tmp_path) is None
    (tmp_path / "data.json").unlink()
    (tmp_path / "study.json").write_text("{}")
    assert noted_slowness(tmp_path) == 1
