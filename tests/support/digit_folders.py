"""Real digits in class folders, as a user of `augment` has them."""

import hashlib

import pytest
from PIL import Image

from paddle_gan_aug.data import load

BESIDE = {"paddle_gan_aug.json", "images.csv", "label_list.txt", "train_list.txt"}
QUICK = ["--steps", 3, "-o", "generator.width=0.05", "discriminator.width=0.05", "log.visualdl=false", "--filters", "none"]


@pytest.fixture(name="folder")
def digit_folder(tmp_path, small_mnist):
    """Real digits in class folders: 12 of "three", 9 of "five", 4 of "eight", in two picture formats."""
    images = load(str(small_mnist), "train")
    for digit, name, count in ((3, "three", 12), (5, "five", 9), (8, "eight", 4)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i, image in enumerate(images.of_class(digit).images[:count]):
            Image.fromarray(image[0]).save(tmp_path / "data" / name / f"{i}.{'bmp' if i % 2 else 'png'}")
    return tmp_path / "data"


def hashes(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
