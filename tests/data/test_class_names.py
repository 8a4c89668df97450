"""One rule says which class names can be the names of folders."""

import numpy as np
import pytest

from paddle_gan_aug.data.class_names import check_class_folders, class_folder
from paddle_gan_aug.data.save import save_class_folders
from paddle_gan_aug.errors import InputError


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0", "manifest.jsonl", "grid.png", "train_list.txt", "\ud800"])
def test_classes_that_are_no_folders(name):
    with pytest.raises(InputError, match="cannot be the name of a folder"):
        class_folder(name)


def test_a_hidden_folder_is_refused():
    with pytest.raises(InputError, match="hidden folder"):
        class_folder(".cat")


@pytest.mark.parametrize("name", ["cat", "3", "a b", "猫", "a.b"])
def test_other_names_stay(name):
    assert class_folder(name) == name


def test_windows_refuses_more(monkeypatch):
    for name in ("what?", "end.", "nul"):
        assert class_folder(name) == name
    monkeypatch.setattr("paddle_gan_aug.data.class_names.os.name", "nt")
    for name in ("what?", "end.", "nul"):
        with pytest.raises(InputError, match="cannot be the name of a folder on Windows: rename it in the data, or write"):
            class_folder(name)
    assert class_folder("a b") == "a b"


def test_names_that_differ_by_case_alone_need_a_disk_that_tells_cases_apart(tmp_path, monkeypatch):
    check_class_folders(["a", "A", "b"], tmp_path / "set")
    save_class_folders(np.zeros((2, 1, 4, 4), np.uint8), ["a", "A"], tmp_path / "set")
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["A", "a", "manifest.jsonl"]
    monkeypatch.setattr("paddle_gan_aug.data.class_names.ignores_case", lambda folder: True)
    check_class_folders(["a", "b", "a"], tmp_path)
    with pytest.raises(InputError, match="classes 'A' and 'a' would share a folder, for .*other does not tell cases apart"):
        save_class_folders(np.zeros((2, 1, 4, 4), np.uint8), ["a", "A"], tmp_path / "other")
    assert not (tmp_path / "other").exists()
