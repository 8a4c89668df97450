"""Sheets of the data's own images, before and after."""

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.augment.policies import POLICIES
from paddle_gan_aug.augment.preview import draw_previews, policy_sheet
from paddle_gan_aug.augment.transforms import TRANSFORMS
from paddle_gan_aug.data import load
from paddle_gan_aug.errors import InputError


def test_two_files_that_are_the_same_each_time(small_mnist, tmp_path):
    for name in ("a", "b"):
        paths = draw_previews(small_mnist, tmp_path / name)
        assert [path.name for path in paths] == ["transforms.png", "policies.png"]
    assert all((tmp_path / "a" / path.name).read_bytes() == path.read_bytes() for path in paths)
    assert Image.open(paths[0]).size[1] == len(TRANSFORMS) * 58 - 2
    assert Image.open(paths[1]).size[1] == 3 * 58 - 2
    paths = draw_previews(small_mnist, tmp_path / "sheet.png", channels=3)
    assert [path.name for path in paths] == ["sheet.png", "sheet-policies.png"]
    with pytest.raises(InputError, match="exists"):
        draw_previews(small_mnist, tmp_path / "sheet.png")


def test_before_stands_beside_after(small_mnist):
    images = load(str(small_mnist), "train").images[:6]
    sheet = policy_sheet(images, POLICIES["digits"], np.random.default_rng(0))
    left = sheet.shape[1] - (12 * 58 - 2)  # every image is shown at twice its size
    for i, image in enumerate(images):
        np.testing.assert_array_equal(sheet[:56:2, left + 116 * i : left + 116 * i + 56 : 2, 0], image[0])
        assert (sheet[:56:2, left + 116 * i + 58 : left + 116 * i + 114 : 2, 0] != image[0]).any()
