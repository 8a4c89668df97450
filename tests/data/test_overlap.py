"""Test images that are training images are found, exactly or nearly, and refused or told before anything is written."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.cli.main import main
from paddle_gan_aug.data import LabelledImages, check_overlap, load, test_part, write_mnist_json
from paddle_gan_aug.data.overlap import near, repeated
from paddle_gan_aug.errors import InputError

test_part.__test__ = False  # it is no test, for all its name


def as_jpeg(image, quality=85):
    buffer = io.BytesIO()
    Image.fromarray(image[0]).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))[None]


def test_mnist_has_none(mnist_train, mnist_test, capsys):
    assert not repeated(mnist_test.images, mnist_train.images).any() and not near(mnist_test.images, mnist_train.images).any()
    check_overlap(mnist_train, mnist_test)
    assert capsys.readouterr().err == ""


def test_copies_are_found(mnist_train, mnist_test):
    mixed = np.concatenate([mnist_test.images[:40], mnist_train.images[1000:1005], mnist_test.images[40:50]])
    assert np.flatnonzero(repeated(mixed, mnist_train.images)).tolist() == list(range(40, 45))
    one_pixel = mnist_train.images[1000:1005].copy()
    one_pixel[:, 0, 0, 0] = 9
    assert not repeated(one_pixel, mnist_train.images).any() and near(one_pixel, mnist_train.images).all()


def test_the_same_picture_at_another_quality_is_near(mnist_train):
    images = mnist_train.images[:1000]
    again = np.stack([as_jpeg(image) for image in images])
    assert near(again, mnist_train.images).mean() > 0.8
    darker = (images * 0.7 + 30).astype(np.uint8)
    assert near(darker, mnist_train.images).mean() > 0.95
    colour = np.repeat(images, 3, 1).repeat(3, 2).repeat(3, 3)
    assert near(colour, colour[::-1]).all()


def test_images_without_contrast_are_near_to_nothing():
    flat = np.full((5, 1, 8, 8), 7, np.uint8)
    assert not near(flat, flat + 1).any() and repeated(flat, flat).all()
    tiny = np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2)
    assert near(tiny, tiny).all()


def labelled(images, source):
    return LabelledImages(images, np.zeros(len(images), np.int64), ("a",), source)


def test_it_is_refused_or_counted(mnist_train, mnist_test, capsys):
    training = labelled(mnist_train.images[:100], "mine")
    test = labelled(np.concatenate([mnist_train.images[:3], mnist_test.images[:7]]), "theirs")
    with pytest.raises(InputError, match=r"^3 of the 10 test images \(theirs\) are training images \(mine\).*data.allow_overlap$"):
        check_overlap(training, test)
    check_overlap(training, test, allow=True)
    assert capsys.readouterr().err.count("3 of the 10 test images") == 1
    close = labelled(np.stack([as_jpeg(mnist_train.images[0], 95), mnist_test.images[0]]), "theirs")
    check_overlap(training, close)
    assert "1 of the 2 test images (theirs) nearly are training images (mine)" in capsys.readouterr().err


@pytest.fixture
def overlapping(other_project, mnist_train):
    """Two classes of 8 digits in set/train, 3 others and one of those again in set/test."""
    for label, name in enumerate("ab"):
        images = mnist_train.of_class(str(label)).images[:11, 0]
        for part, chosen in (("train", images[:8]), ("test", [*images[8:], images[0]])):
            (other_project / "set" / part / name).mkdir(parents=True)
            for i, image in enumerate(chosen):
                Image.fromarray(image).save(other_project / "set" / part / name / f"{i}.png")
    return other_project


# the two images that are there twice are among those that train, or among those that are held out: the whole trains here
@pytest.mark.parametrize(
    "command",
    [
        ["classify", "--data", "set", "--split", "full", "--steps", "2", "--batch-size", "8"],
        ["classify", "--data", "set/train", "--test", "set/train", "--steps", "2", "--batch-size", "8"],
        ["augment", "--data", "set", "--split", "full", "--to", "augmented", "--per-class", "10"],
    ],
)
def test_commands_refuse_before_they_write(overlapping, command, capsys):
    before = sorted(overlapping.rglob("*"))
    assert main([*command, "--output", "out", "--log", "log"]) == 2
    told = capsys.readouterr().err
    assert "test images" in told and "are training images" in told and "data.allow_overlap" in told and len(told.strip().splitlines()) == 1
    assert [path for path in sorted(overlapping.rglob("*")) if ".cache" not in str(path) and path.name != "output"] == before


def test_evaluate_refuses_too(other_project, mnist_train, mnist_test, capsys):
    parts = {"train": (mnist_train.images[:600], mnist_train.labels[:600])}
    parts["test"] = mnist_train.images[:200], mnist_train.labels[:200]
    write_mnist_json("digits.json", parts)
    np.savez("made.npz", images=mnist_test.images[:200])
    assert main(["evaluate", "made.npz", "--data", "digits.json", "--to", "page"]) == 2
    assert "data.allow_overlap" in capsys.readouterr().err and not (other_project / "page").exists()


def test_it_can_be_allowed(overlapping, capsys):
    command = ["classify", "--data", "set", "--split", "full", "--steps", "2", "--batch-size", "8", "--run", "c", "--json"]
    assert main([*command, "--allow-overlap", "--output", "out", "--log", "log", "-o", "classifier.width=0.25"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["test"]["count"] == 8 and "warning: 2 of the 8 test images" in err


def test_validation_images_that_train_are_told_once(overlapping, capsys):
    (overlapping / "set" / "test").rename(overlapping / "set" / "valid")
    for _ in range(2):
        assert len(load("set")) == 16
    told = capsys.readouterr().err
    assert told.count("2 of the 8 validation images (set, folder valid) are training images") == 1


def test_a_missing_test_part_is_none_and_a_damaged_one_an_error(idx_folder):
    folder = idx_folder()
    assert len(test_part(folder)) == 5
    images = folder / "t10k-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:50])
    with pytest.raises(InputError, match="truncated"):
        test_part(folder)
    images.unlink()
    with pytest.raises(InputError, match="no t10k-images"):
        test_part(folder)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert test_part(folder) is None


def test_validation_images_that_choose_are_no_test_images(here, tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("valid", 5), ("test", 5)):
        for name in "ab":
            folder = tmp_path / "d" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                Image.fromarray(rng.integers(0, 256, (28, 28), np.uint8)).save(folder / f"{i}.png")
    command = ["classify", "--data", tmp_path / "d", "--steps", 4, "--batch-size", 8, "--eval-every", 2]
    refused = here(*command, "--patience", 2, "--test", tmp_path / "d" / "valid", code=2).stderr
    assert "10 of the 10 test images" in refused and "validation images, which choose the step that is tested" in refused
    assert not here.output.exists()
    here(*command, "--test", tmp_path / "d" / "valid")  # they are only looked at
    here(*command, "--patience", 2)
