"""Names of runs, and which run a name means."""

import pytest

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.runs.continuing import resumable
from paddle_gan_aug.runs.places import check_run_name, default_name, is_run, run_folder, unused_folder


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
