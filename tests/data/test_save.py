"""Images that are saved as class folders are read back as they were."""

import numpy as np
import pytest

from paddle_gan_aug.data import LabelledImages, load, load_test, save
from paddle_gan_aug.errors import InputError


@pytest.fixture
def data(other_project, rng):
    def make(channels=1, names=("2", "10", "cat")):
        images = rng.integers(0, 256, (13, channels, 6, 6), dtype=np.uint8)
        return LabelledImages(images, rng.permutation(np.arange(13) % 3), names, "here")

    return make


@pytest.mark.parametrize("channels", [1, 3])
def test_saved_images_are_read_back_exactly(data, tmp_path, channels):
    images = data(channels)
    folder = images.save(tmp_path / "saved")
    again = load_test(folder)
    assert again.fingerprint() == images.fingerprint()
    assert folder == tmp_path / "saved" and (folder / "10").is_dir() and len(again.files) == 13
    assert len(load(folder, "train")) + len(load(folder, "valid")) == 13


def test_black_images_are_read_back_as_they_are(other_project, tmp_path):
    images = LabelledImages(np.zeros((2, 1, 6, 6), np.uint8), np.array([0, 1]), ("a", "b"), "here")
    assert load_test(images.save(tmp_path / "saved")).fingerprint() == images.fingerprint()


def test_what_was_interrupted_is_no_data(data, tmp_path, monkeypatch):
    to_picture, drawn = save.to_picture, []

    def interrupted(image):
        drawn.append(image)
        if len(drawn) == 8:
            raise KeyboardInterrupt
        return to_picture(image)

    monkeypatch.setattr(save, "to_picture", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data().save(tmp_path / "saved")
    assert len(list(tmp_path.glob("saved/*/*.png"))) == 7
    with pytest.raises(InputError, match="saved holds a set that is not finished: .* make it again in another folder"):
        load_test(tmp_path / "saved")


def test_nothing_is_overwritten(data, tmp_path):
    folder = data().save(tmp_path / "saved")
    for taken in (folder, folder / "manifest.jsonl"):
        with pytest.raises(InputError, match="is not empty: nothing is overwritten"):
            data().save(taken)
    (tmp_path / "empty").mkdir()
    assert data().save(str(tmp_path / "empty")) == tmp_path / "empty"


@pytest.mark.parametrize("name", ["a/b", ".hidden", "grid.png"])
def test_a_class_that_is_no_folder_leaves_nothing(data, tmp_path, name):
    with pytest.raises(InputError, match="class"):
        data(names=("a", "b", name)).save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_full_disk_is_one_clear_error(data, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("PIL.Image.Image.save", full)
    with pytest.raises(InputError, match="cannot write the images into .*saved: No space left on device"):
        data().save(tmp_path / "saved")
    assert not (tmp_path / "saved" / "manifest.jsonl").exists()
