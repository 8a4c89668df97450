"""Sheets of the data's own images, before and after."""

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.augment.policies import POLICIES
from paddle_gan_aug.augment.preview import draw_previews, policy_sheet, preview_sheet
from paddle_gan_aug.augment.transforms import TRANSFORMS
from paddle_gan_aug.data import DataSpec, load
from paddle_gan_aug.errors import InputError


def test_two_files_that_are_the_same_each_time(small_mnist, tmp_path):
    data = DataSpec(str(small_mnist))
    for name in ("a", "b"):
        paths = draw_previews(data, to=tmp_path / name)
        assert [path.name for path in paths] == ["transforms.png", "policies.png"]
    assert all((tmp_path / "a" / path.name).read_bytes() == path.read_bytes() for path in paths)
    assert Image.open(paths[0]).size[1] == len(TRANSFORMS) * 58 - 2
    assert Image.open(paths[1]).size[1] == 3 * 58 - 2
    paths = draw_previews(DataSpec(str(small_mnist), channels=3), to=tmp_path / "sheet.png")
    assert [path.name for path in paths] == ["sheet.png", "sheet-policies.png"]
    with pytest.raises(InputError, match="exists"):
        draw_previews(data, to=tmp_path / "sheet.png")


def test_before_stands_beside_after(small_mnist):
    images = load(str(small_mnist), "train").images[:6]
    sheet = policy_sheet(images, POLICIES["digits"], np.random.default_rng(0))
    left = sheet.shape[1] - (12 * 58 - 2)  # every image is shown at twice its size
    for i, image in enumerate(images):
        np.testing.assert_array_equal(sheet[:56:2, left + 116 * i : left + 116 * i + 56 : 2, 0], image[0])
        assert (sheet[:56:2, left + 116 * i + 58 : left + 116 * i + 114 : 2, 0] != image[0]).any()


def test_the_preview_shows_every_transform(small_mnist):
    digits = load(str(small_mnist), "train").images[:3]
    for images in (digits, np.random.default_rng(1).integers(0, 256, (1, 3, 32, 32)).astype(np.uint8)):
        sheet = preview_sheet(images, np.random.default_rng(0))
        side = 2 * images.shape[2]
        assert sheet.dtype == np.uint8 and sheet.shape[2] == 3 and sheet.shape[0] == len(TRANSFORMS) * (side + 2) - 2
        width = len(images) * 2 * (side + 2) - 2
        before = sheet[:side, -width : -width + side]
        twice = images[0].transpose(1, 2, 0).repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(before, np.broadcast_to(twice, before.shape))
        assert (sheet[:, :-width] < 128).any()  # the names
    np.testing.assert_array_equal(sheet, preview_sheet(images, np.random.default_rng(0)))
    with pytest.raises(ValueError, match="N >= 1"):
        preview_sheet(digits[:0], np.random.default_rng(0))
