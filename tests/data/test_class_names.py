"""One rule says which class names can be the names of folders."""

import pytest

from paddle_gan_aug.data.class_names import class_folder
from paddle_gan_aug.errors import InputError


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0", "manifest.jsonl", "grid.png", "train_list.txt"])
def test_classes_that_are_no_folders(name):
    with pytest.raises(InputError, match="cannot be the name of a folder"):
        class_folder(name)


def test_a_hidden_folder_is_refused():
    with pytest.raises(InputError, match="hidden folder"):
        class_folder(".cat")


@pytest.mark.parametrize("name", ["cat", "3", "a b", "猫", "a.b"])
def test_other_names_stay(name):
    assert class_folder(name) == name
