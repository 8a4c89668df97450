"""Which values are black and white: the same answer for arrays, pictures, IDX and JSON, or a refusal that says how to state it."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.data import DataSpec, load, load_test, read_images, write_idx
from paddle_gan_aug.errors import InputError


@pytest.fixture
def digits(mnist_train):
    """60 real digits, uint8 [60, 28, 28], from 0 to 255."""
    return mnist_train.images[:60, 0]


def with_one(array, value):
    array = array.copy()
    array[0, 0, 0] = value
    return array


AS_ITS_BYTES = {  # digits -> the same digits in another range, whose overshoot is cut off
    "0 to 255": lambda x: x,
    "0 to 255 in floats": lambda x: x.astype(float),
    "0 to 1": lambda x: x / 255,
    "0 to 1 in 32 bits": lambda x: (x / 255).astype(np.float32),
    "0 to 1 and a rounding": lambda x: with_one(x / 255, 1.0000001),
    "0 to 1 and a rounding below": lambda x: with_one(x / 255, -1e-7),
    "0 to 1 and what a bicubic resize adds": lambda x: with_one(with_one(x / 255, 1.03), -0.03),
    "-1 to 1": lambda x: x / 127.5 - 1,
    "-1 to 1 and what a bicubic resize adds": lambda x: with_one(x / 127.5 - 1, 1.06),
    "0 to 255 and what a bicubic resize adds": lambda x: with_one(x + 0.25, -7.5),
}


@pytest.mark.parametrize("form", AS_ITS_BYTES)
def test_ranges_that_are_told(tmp_path, digits, form):
    array = AS_ITS_BYTES[form](digits)
    np.savez(tmp_path / "d.npz", images=array)
    read = load_test(tmp_path / "d.npz").images[:, 0]
    assert (np.delete(read.reshape(-1), 0) == np.delete(digits.reshape(-1), 0)).all()
    assert read[0, 0, 0] == (255 if array[0, 0, 0] > 0 else 0)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
def test_bright_pictures_from_minus_one_to_one(tmp_path, digits, kind):
    bright = 127 + (digits // 2.125).astype(np.uint8)
    assert (bright.min(), bright.max()) == (127, 247)
    np.savez(tmp_path / "d.npz", images=(bright / 127.5 - 1).astype(kind))
    assert (load_test(tmp_path / "d.npz").images[:, 0] == bright).all()


def test_an_overshoot_of_bright_pictures_from_zero_to_one(tmp_path, digits):
    soft = with_one(0.2 + digits / 400, -0.03)
    np.savez(tmp_path / "d.npz", images=soft)
    assert np.abs(load_test(tmp_path / "d.npz").images[:, 0] - 255 * soft.clip(0, 1)).max() <= 0.51


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, float])
def test_zeros_and_ones_are_black_and_white(tmp_path, digits, kind):
    np.savez(tmp_path / "d.npz", images=(digits > 99).astype(kind))
    assert (load_test(tmp_path / "d.npz").images[:, 0] == 255 * (digits > 99)).all()


def test_zeros_and_ones_of_pictures_and_idx_files(tmp_path, digits, monkeypatch):
    monkeypatch.chdir(tmp_path)
    masks, soft = (digits > 99).astype(np.uint8), digits
    for i in range(12):
        for name, array in (("masks", masks), ("soft", soft), ("binary", masks.astype(bool))):
            (tmp_path / name / "x").mkdir(parents=True, exist_ok=True)
            Image.fromarray(array[i]).save(tmp_path / name / "x" / f"{i:02}.png")
    assert (load_test("masks").images[:, 0] == 255 * masks[:12]).all()
    assert (load_test("binary").images == load_test("masks").images).all()
    assert (load_test(DataSpec("masks", image_size=14)).images == load_test(DataSpec("binary", image_size=14)).images).all()
    assert (load_test("soft").images[:, 0] == soft[:12]).all()
    Image.fromarray(masks[0]).save(tmp_path / "soft" / "x" / "12.png")  # one dark picture among others is no mask
    assert load_test("soft").images[12].max() == 1
    (tmp_path / "idx").mkdir()
    write_idx(tmp_path / "idx" / "t10k-images-idx3-ubyte", masks)
    write_idx(tmp_path / "idx" / "t10k-labels-idx1-ubyte", np.zeros(60, np.uint8))
    assert (load("idx", "test").images[:, 0] == 255 * masks).all()


@pytest.mark.parametrize("kind", ["folders", "lists", "table", "idx"])
def test_the_training_images_tell_whether_a_set_is_one_of_masks(tmp_path, digits, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    masks = (digits[:12] > 99).astype(np.uint8)
    for name, train, test in (("masks", masks, with_one(masks, 2)), ("soft", digits[:12], masks)):
        write_parts(tmp_path / name, kind, train, test)
        place = f"{name}/t.csv" if kind == "table" else name
        read, factor = load(place, "test").images[:, 0], 255 if name == "masks" else 1
        learnt = load(place, split="full").images[:, 0]
        assert sorted(image.tobytes() for image in learnt) == sorted(image.tobytes() for image in factor * train)
        assert (read == np.minimum(factor * test.astype(int), 255)).all()


def write_parts(folder, kind, train, test):
    folder.mkdir()
    if kind == "idx":
        for part, images in (("train", train), ("t10k", test)):
            write_idx(folder / f"{part}-images-idx3-ubyte", images)
            write_idx(folder / f"{part}-labels-idx1-ubyte", np.zeros(len(images), np.uint8))
        return
    rows = []
    for part, images in (("train", train), ("test", test)):
        (folder / (part if kind == "folders" else f"in_{part}") / "x").mkdir(parents=True)
        for i, image in enumerate(images):
            rows.append((part, f"{part if kind == 'folders' else f'in_{part}'}/x/{i:02}.png"))
            Image.fromarray(image).save(folder / rows[-1][1])
    if kind == "lists":
        for part in ("train", "test"):
            (folder / f"{part}.txt").write_text("".join(f"{file} 0\n" for of_part, file in rows if of_part == part))
    if kind == "table":
        (folder / "t.csv").write_text("file,label,split\n" + "".join(f"{file},0,{part}\n" for part, file in rows))


def test_a_written_set_is_not_told_from_its_values(tmp_path, digits):
    Image.fromarray((digits[0] > 99).astype(np.uint8)).save(tmp_path / "0.png")
    assert read_images(tmp_path)[0].max() == 255
    (tmp_path / "manifest.jsonl").write_text('{"file": "0.png"}\n')
    assert read_images(tmp_path)[0].max() == 1  # black images of a collapsed GAN


REFUSED = {
    "a mean of 0 and a deviation of 1": (lambda x: (x / 255 - 0.1307) / 0.3081, "from -0.4242 to 2.821.*data.window=\\[-0.4242,2.821\\]"),
    "16 bits": (lambda x: x.astype(np.uint16) * 257, "from 0 to 65535.*data.window=\\[0,65535\\]"),
    "12 bits": (lambda x: x.astype(float) * 16, "from 0 to 4080.*data.window"),
    "0 to 2": (lambda x: x / 127.5, "from 0 to 2.*data.window=\\[0,2\\]"),
    "not finite": (lambda x: with_one(x / 255, np.nan), "1 values that are not finite"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_ranges_that_are_not_known(tmp_path, digits, form):
    make, message = REFUSED[form]
    np.savez(tmp_path / "d.npz", images=make(digits))
    with pytest.raises(InputError, match=message) as refused:
        load(tmp_path / "d.npz")
    assert "\n" not in str(refused.value)


STATED = {
    "a mean of 0 and a deviation of 1": (lambda x: (x / 255 - 0.1307) / 0.3081, (-0.1307 / 0.3081, 0.8693 / 0.3081)),
    "12 bits": (lambda x: x.astype(np.uint16) * 16, (0, 4080)),
    "half": (lambda x: x / 255 - 0.5, (-0.5, 0.5)),
    "bytes": (lambda x: x, (0, 255)),
}


@pytest.mark.parametrize("form", STATED)
def test_a_window_that_is_stated(tmp_path, digits, form):
    make, window = STATED[form]
    np.savez(tmp_path / "d.npz", images=make(digits))
    assert (load_test(DataSpec(str(tmp_path / "d.npz"), window=window)).images[:, 0] == digits).all()


def test_a_window_cuts_what_lies_outside(tmp_path):
    np.savez(tmp_path / "d.npz", images=np.array([[[-9, 10], [20, 99]]]))
    assert load_test(DataSpec(str(tmp_path / "d.npz"), window=(10, 30))).images.ravel().tolist() == [0, 0, 128, 255]


@pytest.mark.parametrize("numbers, window, expected", [([0, 0.5, 1.03], None, [0, 128, 255]), ([-0.4, 0.8, 2], (-0.4, 2), [0, 128, 255])])
def test_json_files_too(other_project, numbers, window, expected):
    with open("x.json", "w") as file:
        json.dump([[[numbers * 261 + [0]], [7]]], file)
    for _ in range(2):  # converted, then from the cache
        assert load(DataSpec("x.json", window=window), split="full").images.reshape(-1)[:3].tolist() == expected


def test_a_window_that_is_none():
    with pytest.raises(InputError, match=r"data.window is \[5, 5\]"):
        DataSpec("x", window=(5, 5))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda x: (x // 16)[:, None], "between 0 and 15.*data.window"),
        (lambda x: (x / 255 - 0.5)[:, None], "between 64 and 191.*data.window"),
        (lambda x: np.repeat(x[:1], 60, 0)[:, None], "all 60 images are equal"),
        (lambda x: np.repeat(x[:, None], 3, 1), "all images are grey.*data.channels 1"),
    ],
)
def test_what_looks_wrong_is_said_once(tmp_path, digits, capsys, monkeypatch, make, message):
    monkeypatch.setattr("paddle_gan_aug.data.notices._printed", set())
    np.savez(tmp_path / "d.npz", images=make(digits))
    for _ in range(2):
        load(tmp_path / "d.npz", split="full")
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)


def test_nothing_is_said_of_good_data(capsys, monkeypatch):
    monkeypatch.setattr("paddle_gan_aug.data.notices._printed", set())
    load("mnist"), load("mnist", "test")
    assert capsys.readouterr().err == ""
