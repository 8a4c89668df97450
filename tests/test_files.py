"""Files are written whole or not at all, and found from where the user stands."""

import json
import os

import pytest

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import atomic_write, find_path, make_folder, project_root, sha256, write_json


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(ZeroDivisionError), atomic_write(path, "w") as file:
        file.write("half")
        raise ZeroDivisionError
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["file.json"]
    with atomic_write(path) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_paths_are_found_from_the_current_folder_and_from_the_project(tmp_path, monkeypatch):
    (tmp_path / "project" / "work" / "mnist").mkdir(parents=True)
    (tmp_path / "project" / "output" / "run").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "work")
    assert project_root() == tmp_path / "project"
    assert find_path("output/run") == tmp_path / "project" / "output" / "run"
    assert str(find_path("mnist")) == "mnist"
    assert str(find_path("not/there")) == "not/there"
    monkeypatch.chdir(tmp_path)
    assert (project_root() / "work" / "mnist").is_dir()  # beside the package


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write into folder"):
        make_folder(tmp_path / "file")
    with pytest.raises(InputError, match="choose another"):
        make_folder("/proc/nothing")
    assert make_folder(tmp_path / "a" / "b").is_dir()
