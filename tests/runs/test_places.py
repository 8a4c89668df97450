"""Names of runs, and which run a name means."""

import numpy as np
import pytest

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import LabelledImages
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.records.visualdl_file import read_records
from paddle_gan_aug.runs.continuing import resumable
from paddle_gan_aug.runs.places import check_run_name, default_name, is_run, log_name, run_folder, unused_folder


def test_two_nameless_runs_in_one_second(tmp_path):
    name = default_name(load_config("classic", {"data.class_name": "5"}))
    assert name.startswith("classic-mnist-5-")
    assert unused_folder(tmp_path, name) == tmp_path / name
    (tmp_path / name).mkdir()
    assert unused_folder(tmp_path, name) == tmp_path / f"{name}-2"
    (tmp_path / f"{name}-2").mkdir()
    assert unused_folder(tmp_path, name) == tmp_path / f"{name}-3"


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "a%b", "a:b", ""])
def test_a_name_that_is_no_folder_name(name):
    with pytest.raises(InputError, match="one folder name"):
        check_run_name(name)


@pytest.mark.parametrize("name", ["what?", "a*b", 'a"b', "<a>", "a|b", "end.", "end ", "nul", "Con.1", "COM1"])
def test_a_name_that_windows_refuses(name):
    with pytest.raises(InputError, match="one that Windows takes too"):
        check_run_name(name)


def test_other_names_stay():
    for name in ("digits-2", "a b", "null", "com10", "猫", "a.b", "gan@0.1+x"):
        assert check_run_name(name) == name


def test_a_run_is_a_folder_with_its_configuration(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    assert not is_run(folder)
    with pytest.raises(InputError, match="no run at"):
        run_folder(folder)
    (folder / "config.yaml").write_text("")
    assert is_run(folder) and run_folder(folder) == folder
    with pytest.raises(InputError, match=r"^no run at .*: it holds 1 run, the last mine: give the path of one$"):
        run_folder(tmp_path)


def test_a_misspelt_run_is_not_begun_anew(tmp_path):
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "config.yaml").write_text("")
    with pytest.raises(InputError, match="no run digit in .*did you mean digits?"):
        resumable("digit", tmp_path)
    assert resumable("digits", tmp_path) == tmp_path / "digits"
    assert resumable("other", tmp_path) is None  # a job that always says --resume begins with nothing


def test_a_classifier_is_not_taken_for_a_gan_to_go_on_with(tmp_path):
    for name, algorithm in (("gan", "classic"), ("reader", "classifier")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(f"algorithm: {algorithm}")
    assert resumable(None, tmp_path) == tmp_path / "gan"
    assert resumable(None, tmp_path, classifiers=True) == tmp_path / "reader"
    (tmp_path / "reader" / "config.yaml").write_text("algorithm: [")
    assert resumable(None, tmp_path, classifiers=True) is None


def test_folders_of_one_name_have_records_of_their_own(tmp_path):
    log, first, second = tmp_path / "log", tmp_path / "a" / "x", tmp_path / "b" / "x"
    first.mkdir(parents=True), second.mkdir(parents=True)
    names = [log_name(folder, log, began=False) for folder in (first, second, first, second, second)]
    assert names == ["x", "x-2", "x", "x-2", "x-2"] and sorted(path.name for path in log.iterdir()) == ["x", "x-2"]
    assert log_name(second, tmp_path / "other", began=True) == "x"
    moved = first.rename(tmp_path / "moved")
    (tmp_path / "log" / "x").rename(tmp_path / "log" / "moved")  # the records of the run are moved and named with it
    assert log_name(moved, log, began=True) == "moved"
    assert log_name(second, log, began=True) == "x-2"


def test_records_without_a_mark_belong_to_what_had_begun(tmp_path):
    log, old, new = tmp_path / "log", tmp_path / "a" / "x", tmp_path / "b" / "x"
    for folder in (log / "x", old, new):
        folder.mkdir(parents=True)
    assert [log_name(new, log, began=False), log_name(old, log, began=True), log_name(new, log, began=True)] == ["x-2", "x", "x-2"]


def test_a_log_folder_that_cannot_be_written_is_no_reason_to_stop(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "log").write_text("a file")
    assert log_name(tmp_path / "x", tmp_path / "log", began=False) == "x"


def test_runs_of_one_name_that_share_a_log_folder_by_the_command_line(here, small_mnist, tmp_path):
    quick = ["--data", small_mnist, "--run", "x", "--log", tmp_path / "log", "-o", "log.every_steps=1", "train.batch_size=20"]
    small = ["generator.width=0.1", "discriminator.width=0.1", "log.grid_images=8", "health.samples=8"]
    for output in ("a", "b"):
        here("train", *quick, *small, "--steps", 2, "--output", tmp_path / output)
    here("train", *quick[2:6], "--resume", "--steps", 3, "--output", tmp_path / "b")
    steps = {}
    for name in ("x", "x-2"):
        records = tmp_path / "log" / name / "g_loss" / f"vdlrecords.{name}.log"
        steps[name] = [value.id for _, value in read_records(records) if value.tag == "loss"]
    assert steps == {"x": [1, 2], "x-2": [1, 2, 3]}


@pytest.mark.parametrize("inside", ["output", "log"])
def test_a_run_writes_nothing_into_its_data(here, tmp_path, inside):
    images = LabelledImages(np.zeros((6, 1, 16, 16), np.uint8), np.array([0, 1] * 3), ("a", "b"), "few")
    images.save(tmp_path / "data")
    place = tmp_path / "data" / inside
    told = here("train", "--data", tmp_path / "data", f"--{inside}", place, "--steps", 1, "--run", "r", code=2).stderr
    assert "lies inside the data" in told and told.count("\n") == 1 and not place.exists()
