"""A misspelt run, path or data set is asked after by the name that is there, and nothing is written."""

from pathlib import Path

import pytest

from paddle_gan_aug.errors import InputError, did_you_mean, nearest
from paddle_gan_aug.files import did_you_mean_path
from paddle_gan_aug.runs.places import run_folder


def test_the_nearest_known_name():
    known = ["digits", "clothes", "cells"]
    assert nearest("digts", known) == "digits" and nearest("xyz", known) is None and nearest("xyz", known, 0) in known
    assert did_you_mean("cloths", known, before="; ") == "; did you mean clothes?"
    assert did_you_mean("xyz", known, "choose from digits", before="; ") == "choose from digits"
    assert nearest(12, [1, 123]) == "123"


def test_a_path_may_be_misspelt_in_any_part(tmp_path, monkeypatch):
    (tmp_path / "my-images" / "train" / "cat").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    monkeypatch.chdir(tmp_path)
    assert did_you_mean_path("my-imgaes") == "did you mean my-images?"
    assert did_you_mean_path("my-images/trian/cat") == f"did you mean {Path('my-images', 'train', 'cat')}?"
    assert did_you_mean_path(tmp_path / "my_images" / "train") == f"did you mean {tmp_path / 'my-images' / 'train'}?"
    assert did_you_mean_path("my-imgaes/none", otherwise="look") == "look"  # below the folder that was meant there is no such thing
    assert did_you_mean_path("hidden", otherwise="look") == "look"
    assert did_you_mean_path("mnits", ["mnist"], before="; ") == "; did you mean mnist?"


@pytest.fixture
def project(tmp_path, monkeypatch, tiny):
    """A project folder with a run `digits` and a folder of data `pictures`, which is the current folder."""
    (tmp_path / "work" / "mnist").mkdir(parents=True)
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "digits").symlink_to(tiny["conditional"], target_is_directory=True)
    (tmp_path / "pictures" / "cat").mkdir(parents=True)
    (tmp_path / "mine.yaml").write_text("preset: fast\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "arguments, meant",
    [
        (["generate", "digts", "--to", "new", "--count", "2"], "digits"),
        (["generate", "output/digts", "--to", "new", "--count", "2"], "output/digits"),
        (["predict", "digts", "pictures"], "digits"),
        (["export", "digist", "--to", "new"], "digits"),
        (["evaluate", "digts"], "digits"),
        (["evaluate", "picturs"], "pictures"),
        (["evaluate", "digits", "--data", "picturs"], "pictures"),
        (["augment", "--data", "DATA", "--run", "digts", "--to", "new"], "digits"),
        (["train", "--run", "digts", "--resume"], "digits"),
        (["train", "--data", "picturs"], "pictures"),
        (["train", "--data", "mnits"], "mnist"),
        (["train", "-c", "mien.yaml"], "mine.yaml"),
        (["classify", "--data", "DATA", "--generated", "digts"], "digits"),
        (["study", "--data", "picturs", "--dry-run"], "pictures"),
        (["study", "--report", "outptu"], "output"),
        (["dashboard", "outptu"], "output"),
    ],
    ids=lambda value: "-".join(value[:3]) if isinstance(value, list) else value,
)
def test_every_command_asks_after_the_name_that_is_there(here, project, small_mnist, arguments, meant):
    done = here.run([str(small_mnist) if word == "DATA" else word for word in arguments], project, 100)
    assert done.returncode == 2 and f"did you mean {meant}?" in done.stderr.splitlines()[-1], done.stderr
    assert not (project / "new").exists()


def test_in_python_too(project):
    with pytest.raises(InputError, match=r"^no run at digts: did you mean digits\?$"):
        run_folder("digts")
    with pytest.raises(InputError, match="no run at quite-different: a run is a folder such as"):
        run_folder("quite-different")
