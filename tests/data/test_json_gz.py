"""mnist.json.gz: every circulating scale gives the same pixels, both ways, and every fault has its own message."""

import gzip
import json
import tracemalloc

import numpy as np
import pytest

from paddle_gan_aug.data import json_gz, read_mnist_json, write_mnist_json
from paddle_gan_aug.errors import InputError

IMAGE = [0.5] * 784


def write(path, value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    path.write_bytes(gzip.compress(text) if path.name.endswith(".gz") else text)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "set.json.gz"


@pytest.fixture
def parts(mnist_train, mnist_test):
    """Twelve real digits."""
    return {
        "train": (mnist_train.images[:6], mnist_train.labels[:6]),
        "valid": (mnist_train.images[6:8], mnist_train.labels[6:8]),
        "test": (mnist_test.images[:4], mnist_test.labels[:4]),
    }


def same(first, second):
    return list(first) == list(second) and all((a == b).all() and a.dtype == b.dtype for p in first for a, b in zip(first[p], second[p]))


@pytest.mark.parametrize("name", ["x.json.gz", "x.json"])
@pytest.mark.parametrize("scale", json_gz.SCALES)
def test_written_is_read_back(tmp_path, parts, scale, name):
    write_mnist_json(tmp_path / name, parts, scale)
    again = read_mnist_json(tmp_path / name, tmp_path / "cache")
    assert same(again, parts)
    assert again["train"][0].dtype == np.uint8 and again["train"][1].dtype == np.int64
    assert same(read_mnist_json(tmp_path / name, tmp_path / "cache"), parts)  # from the cache


@pytest.mark.parametrize("scale", json_gz.SCALES)
def test_every_grey_level_survives(path, scale):
    images = np.arange(4 * 784, dtype=np.uint8).reshape(4, 1, 28, 28)
    write_mnist_json(path, {"train": (images, [0, 1, 2, 9])}, scale)
    assert (read_mnist_json(path)["train"][0] == images).all()


def test_the_file_is_what_the_course_reads(path, parts):
    write_mnist_json(path, parts, "[0,1]")
    with gzip.open(path) as file:
        train, _, _ = json.load(file)
    assert len(train[0]) == 6 and len(train[0][0]) == 784 and train[1] == [5, 0, 4, 1, 9, 2]
    assert np.abs(np.array(train[0]) * 255 - parts["train"][0].reshape(6, 784)).max() < 0.001


def test_the_same_content_gives_the_same_bytes(path, parts):
    write_mnist_json(path, parts)
    first = path.read_bytes()
    write_mnist_json(path.with_name("other.json.gz"), parts)
    assert path.with_name("other.json.gz").read_bytes() == first


@pytest.mark.parametrize(
    "numbers, expected",
    [([-1, -0.5, 1], [0, 64, 255]), ([0, 0.5, 1], [0, 128, 255]), ([0, 1, 255], [0, 1, 255]), ([-1e-7, 0, 1.0], [0, 0, 255])],
)
def test_the_scale_is_told_from_the_whole_file(path, numbers, expected):
    # Only the last part shows the scale.
    write(path, [[[[0] * 784], [0]], [[], []], [[numbers * 261 + [0]], [7]]])
    images, labels = read_mnist_json(path)["test"]
    assert images.reshape(-1)[:3].tolist() == expected and labels.tolist() == [7]


@pytest.mark.parametrize("rest", [[], [None, None], [[], []], [[[], []], [[], []]], [None], [[[], []], None]])
def test_missing_parts(path, rest):
    write(path, [[[IMAGE, IMAGE], [3, 4]], *rest])
    assert list(read_mnist_json(path)) == ["train"]


def test_a_missing_validation_part(path):
    write(path, [[[IMAGE], [3]], None, [[IMAGE], [4]]])
    assert list(read_mnist_json(path)) == ["train", "test"]


def test_written_without_validation(path, parts):
    del parts["valid"]
    write_mnist_json(path, parts)
    assert same(read_mnist_json(path), parts)
    with gzip.open(path) as file:
        assert json.load(file)[1] == [[], []]


def test_indented_json_with_a_byte_order_mark(tmp_path, monkeypatch):
    monkeypatch.setattr(json_gz, "READ_CHARACTERS", 7)  # every list spans many reads
    text = json.dumps([[[IMAGE, [0] * 784], [3, 4]], None], indent=1)
    (tmp_path / "x.json").write_text(text, encoding="utf-8-sig")
    images, labels = read_mnist_json(tmp_path / "x.json")["train"]
    assert images[0].min() == 128 and not images[1].any() and labels.tolist() == [3, 4]


CONTENT = {
    "not json": (b"<!DOCTYPE html>", "neither gzip nor JSON"),
    "binary": (b"\x00\xff\xfe\x80" * 50, "neither gzip nor JSON"),
    "empty": (b"", "neither gzip nor JSON"),
    "object": ({"train": []}, "neither gzip nor JSON"),
    "nothing in it": ([], "no training images"),
    "no train": ([None, [[IMAGE], [1]]], "no training images"),
    "flat": ([1, 2, 3], "'\\[' expected, '1' found"),
    "images only": ([[[IMAGE]]], "',' expected, '\\]' found"),
    "four parts": ([[[IMAGE], [1]]] * 4, "'\\]' expected, ',' found \\(character"),
    "three lists in a part": ([[[IMAGE], [1], [2]]], "'\\]' expected"),
    "short image": ([[[IMAGE, IMAGE[:-1]], [1, 2]]], "image 1 of part 'train' has 783 values, not 784"),
    "nested image": ([[[[[0] * 28] * 28], [1]]], "image 0 of part 'train': not a list of numbers"),
    "text for a number": ([[[["0"] * 784], [1]]], "image 0 .* not numbers"),
    "null for a number": ([[[[None] * 784], [1]]], "image 0 .* not numbers"),
    "true for a number": ([[[[True] * 784], [1]]], "image 0 .* not numbers"),
    "fewer labels": ([[[IMAGE, IMAGE], [1]]], "2 images but 1 labels"),
    "labels without images": ([[[], [1]]], "0 images but 1 labels"),
    "label 10": ([[[IMAGE, IMAGE], [1, 10]]], "label 1 of part 'train' is 10"),
    "label -1": ([[[IMAGE], [-1]]], "label 0 of part 'train' is -1"),
    "label 1.5": ([[[IMAGE], [1.5]]], "is 1.5, not an integer"),
    "label text": ([[[IMAGE], ["1"]]], "is '1', not an integer"),
    "label true": ([[[IMAGE], [True]]], "is True, not an integer"),
    "bad eval label": ([[[IMAGE], [1]], None, [[IMAGE], [11]]], "label 0 of part 'test' is 11"),
    "nan": ([[[[float("nan")] * 784], [1]]], "image 0 .* NaN"),
    "infinity": ([[[[float("inf")] * 784], [1]]], "image 0 .* infinity"),
    "above 255": ([[[[256] * 784], [1]]], "pixels from 256 to 256"),
    "standardised": ([[[[-0.42, 2.8] * 392], [1]]], "pixels from -0.42 to 2.8"),
    "text after the end": (json.dumps([[[IMAGE], [1]]]).encode() + b" []", "follows the end"),
    "beyond all floats": (b"[[[[" + b"1e999, " * 783 + b"1]], [1]]]", "image 0 .* infinity"),
    "beyond 32 bits": (b"[[[[" + b"1e99, " * 783 + b"1]], [1]]]", "image 0 .* infinity"),
    "a whole number beyond all floats": (b"[[[[" + b"0.5, " * 783 + b"1" * 400 + b"]], [1]]]", "image 0 .* not numbers"),
    "a whole number beyond all texts": (b"[[[[" + b"0.5, " * 783 + b"1" * 9999 + b"]], [1]]]", "image 0 "),
    "nested without end": (b"[[[" + b"[" * 100_000 + b"]", "image 0 of part 'train': not a list of numbers"),
    "an object among numbers": ([[[[0.5] * 783 + [{}]], [1]]], "image 0 .* not numbers"),
    "a label of 10^12": ([[[IMAGE], [10**12]]], "label 0 of part 'train' is 1000000000000"),
    "an endless image": (b"[[[[" + b"0, " * 400_000, "the list has no end"),
    "cut in an image": (json.dumps([[[IMAGE], [1]]]).encode()[:500], "the list has no end"),
    "cut after the images": (json.dumps([[[IMAGE], [1]]]).encode()[:-6], "the end found"),
}


@pytest.mark.parametrize("content, message", CONTENT.values(), ids=CONTENT)
def test_faults_in_the_content(path, content, message):
    write(path, content)
    with pytest.raises(InputError, match=message) as caught:
        read_mnist_json(path, path.parent / "cache")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert not (path.parent / "cache").exists()


def test_faults_of_the_file(path, parts):
    with pytest.raises(InputError, match="does not exist"):
        read_mnist_json(path, path.parent)
    write_mnist_json(path, parts)
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(InputError, match="truncated"):
        read_mnist_json(path)
    path.write_bytes(good[:-8] + b"\0\0\0\0" + good[-4:])
    with pytest.raises(InputError, match="damaged gzip"):
        read_mnist_json(path)
    with pytest.raises(InputError, match="cannot read"):
        read_mnist_json(path.parent, path.parent)


def cache_of(folder):
    (file,) = folder.iterdir()
    return file


def test_the_cache_is_used_and_follows_the_content(path, parts, monkeypatch):
    cache = path.parent / "output" / ".cache"
    write_mnist_json(path, parts)
    read_mnist_json(path, cache)
    assert cache_of(cache).suffix == ".npz"
    with monkeypatch.context() as patch:
        patch.setattr(json_gz, "_convert", lambda path: pytest.fail("converted again"))
        assert same(read_mnist_json(path, cache), parts)
    parts["train"] = (parts["train"][0], parts["train"][1][::-1])
    write_mnist_json(path, parts)
    assert same(read_mnist_json(path, cache), parts) and len(list(cache.iterdir())) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"not a zip",
        lambda data: data[:-30],
        lambda data: data[: len(data) // 2],
        lambda data: data[:1000] + bytes([data[1000] ^ 1]) + data[1001:],
    ],
)
def test_a_damaged_cache_is_rebuilt(path, parts, damage):
    cache = path.parent / "cache"
    write_mnist_json(path, parts)
    read_mnist_json(path, cache)
    whole = cache_of(cache).read_bytes()
    cache_of(cache).write_bytes(damage(whole))
    assert same(read_mnist_json(path, cache), parts)
    assert cache_of(cache).stat().st_size == len(whole)


@pytest.mark.parametrize(
    "arrays",
    [
        {"other": np.zeros(3)},
        {"train_images": np.zeros((2, 1, 28, 28), np.uint8)},
        {"train_images": np.zeros((2, 28, 28), np.uint8), "train_labels": np.zeros(2, np.int64)},
        {"train_images": np.zeros((2, 1, 28, 28), np.uint8), "train_labels": np.array([{}, {}], object)},
    ],
)
def test_a_foreign_cache_is_rebuilt(path, parts, arrays):
    cache = path.parent / "cache"
    write_mnist_json(path, parts)
    read_mnist_json(path, cache)
    np.savez(cache_of(cache), **arrays)
    assert same(read_mnist_json(path, cache), parts)


def test_a_cache_that_cannot_be_written_does_not_matter(path, parts):
    write_mnist_json(path, parts)
    (path.parent / "file").write_text("in the way of a folder")
    assert same(read_mnist_json(path, path.parent / "file" / "cache"), parts)


def test_reading_is_light_on_memory(path, mnist_train):
    count = 1000
    write_mnist_json(path, {"train": (mnist_train.images[:count], mnist_train.labels[:count])})
    tracemalloc.start()
    read_mnist_json(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Three float32 copies at most and the reading buffers; the same as Python floats would be 32 bytes a pixel on top of the text.
    assert peak < 12 * 784 * count + (6 << 20)


@pytest.mark.parametrize(
    "images, labels, scale, message",
    [
        (np.zeros((2, 1, 28, 28), np.uint8), [1, 2], "0..255", "unknown pixel scale '0..255'"),
        (np.zeros((2, 1, 28, 28)), [1, 2], "[0,1]", "float64"),
        (np.zeros((2, 3, 28, 28), np.uint8), [1, 2], "[0,1]", r"\[2, 3, 28, 28\]"),
        (np.zeros((2, 1, 32, 32), np.uint8), [1, 2], "[0,1]", r"\[2, 1, 32, 32\]"),
        (np.zeros((2, 1, 28, 28), np.uint8), [1], "[0,1]", "one label"),
        (np.zeros((2, 1, 28, 28), np.uint8), [1, 10], "[0,1]", "from 0 to 9"),
        (np.zeros((0, 1, 28, 28), np.uint8), [], "[0,1]", "needs training images"),
    ],
)
def test_what_cannot_be_written(path, images, labels, scale, message):
    with pytest.raises(InputError, match=message):
        write_mnist_json(path, {"train": (images, labels)}, scale)
    assert not path.exists()


LEVELS = {
    "bright": range(127, 248),
    "brighter": range(128, 256),
    "a little below the middle": range(122, 256),
    "clearly below the middle": range(120, 130),
    "white": [255],
    "black": [0],
    "nearly black": [0, 1],
    "just below the middle": [127],
    "just above the middle": [128],
    "all": range(256),
}


@pytest.mark.parametrize("scale", ["[-1,1]", "[0,1]", "0-255"])
@pytest.mark.parametrize("levels", LEVELS)
def test_every_set_is_written_and_read_back_exactly(path, rng, levels, scale):
    parts = {"train": (rng.choice(list(LEVELS[levels]), (3, 1, 28, 28)).astype(np.uint8), np.arange(3))}
    write_mnist_json(path, parts, scale)
    assert same(read_mnist_json(path), parts)


def test_unknown_part(path, parts):
    with pytest.raises(InputError, match="unknown part 'eval'"):
        write_mnist_json(path, {**parts, "eval": parts["test"]})


def test_a_gzip_bomb(path, monkeypatch):
    monkeypatch.setattr("paddle_gan_aug.data.compressed.LARGE", 1 << 20)
    write(path, b"[" + b" " * (8 << 20))
    with pytest.raises(InputError, match="unpacks from .* bytes or more"):
        read_mnist_json(path)
