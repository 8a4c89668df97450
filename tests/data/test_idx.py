"""IDX files: the shipped MNIST is the real one, what is written is read back, and every damage has its own message."""

import gzip
import shutil
import struct
import tracemalloc

import numpy as np
import pytest

from paddle_gan_aug.data import idx_file_names, is_idx_folder, load, read_idx, read_idx_folder, write_idx
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import PACKAGE_PARENT

MNIST = PACKAGE_PARENT / "work" / "mnist"
GOOD = struct.pack(">HBBI", 0, 8, 1, 3) + b"\1\2\3"


def test_the_shipped_training_part():
    images, labels = read_idx_folder(MNIST, "train")
    assert images.shape == (60000, 1, 28, 28) and images.dtype == np.uint8
    assert labels.dtype == np.int64 and labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_the_shipped_test_part():
    images, labels = read_idx_folder(MNIST, "test")
    assert images.shape == (10000, 1, 28, 28) and labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.parametrize("name", ["x-idx3-ubyte", "x-idx3-ubyte.gz"])
@pytest.mark.parametrize("shape", [(7,), (3, 4, 5), (0, 28, 28), (2, 1, 1, 3)])
def test_written_is_read_back(tmp_path, rng, name, shape):
    array = rng.integers(0, 256, shape, dtype=np.uint8)
    write_idx(tmp_path / name, array)
    again = read_idx(tmp_path / name)
    assert again.dtype == np.uint8 and again.shape == shape and (again == array).all()
    again[...] = 0  # the caller owns it


def test_the_bytes_are_the_formats_and_the_same_each_time(tmp_path):
    array = np.array([1, 2, 3], np.uint8)
    write_idx(tmp_path / "raw", array)
    assert (tmp_path / "raw").read_bytes() == GOOD
    write_idx(tmp_path / "a.gz", array)
    write_idx(tmp_path / "other.gz", array)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "other.gz").read_bytes()
    assert (tmp_path / "a.gz").read_bytes()[4:8] == b"\0\0\0\0"  # no time


def test_compression_is_told_by_content(tmp_path):
    (tmp_path / "raw.gz").write_bytes(GOOD)
    (tmp_path / "packed").write_bytes(gzip.compress(GOOD))
    assert read_idx(tmp_path / "raw.gz").tolist() == read_idx(tmp_path / "packed").tolist() == [1, 2, 3]


def test_only_uint8_is_written(tmp_path):
    for array in (np.zeros(3), np.uint8(3)):
        with pytest.raises(ValueError, match="uint8"):
            write_idx(tmp_path / "x", array)
    assert not list(tmp_path.iterdir())


BROKEN = {
    "empty": (b"", "truncated"),
    "header cut": (GOOD[:6], "truncated.*header"),
    "data cut": (GOOD[:-1], "truncated.*3 bytes, 2"),
    "trailing": (GOOD + b"xy", "2 trailing bytes"),
    "not idx": (b"<html><body>", "wrong magic number 0x3c68746d"),
    "unknown type": (b"\0\0\x07\1" + GOOD[4:], "wrong magic number"),
    "no dimensions": (b"\0\0\x08\0", "wrong magic number"),
    "float32": (b"\0\0\x0d\1" + GOOD[4:], "float32, not uint8"),
    "int32": (b"\0\0\x0c\1" + GOOD[4:], "int32, not uint8"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("content, message", BROKEN.values(), ids=BROKEN)
def test_broken_content(tmp_path, content, message, packed):
    path = tmp_path / "broken"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(InputError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda data: data[:-9], "truncated"),
        (lambda data: data[:12], "truncated"),
        (lambda data: flip(data, -6), "damaged gzip.*CRC"),
        (lambda data: flip(data, len(data) // 2), "damaged gzip"),
        (lambda data: data + b"garbage", "damaged gzip"),
    ],
)
def test_broken_gzip(tmp_path, rng, damage, message):
    path = tmp_path / "x.gz"
    write_idx(path, rng.integers(0, 20, 5000, dtype=np.uint8))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        read_idx(path)


def test_missing_or_a_folder(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(InputError, match="cannot read"):
        read_idx(tmp_path)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("rename", [lambda name: name, lambda name: name.replace("-idx", ".idx"), lambda name: f"{name}/{name}"])
def test_names_of_a_folder(idx_folder, tmp_path, suffix, rename):
    standard = idx_folder(suffix=suffix)
    renamed = tmp_path / "renamed"
    for file in standard.iterdir():
        name = file.name[: -len(suffix) or None]
        target = renamed / (rename(name) + suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    if suffix and "/" in rename("x"):
        return  # packed files are not found inside folders of their name: unpackers do not make such
    for part, labels in (("train", [*range(10), 0, 1]), ("test", [0, 1, 2, 3, 4])):
        images, found = read_idx_folder(renamed, part)
        assert found.tolist() == labels and (images == read_idx_folder(standard, part)[0]).all()
    assert is_idx_folder(renamed) and not is_idx_folder(tmp_path)


def test_a_missing_file_is_named(idx_folder):
    folder = idx_folder()
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match="no t10k-labels-idx1-ubyte"):
        read_idx_folder(folder, "test")
    assert len(read_idx_folder(folder, "train")[1]) == 12


def test_counts_that_differ(idx_folder):
    folder = idx_folder()
    write_idx(folder / "train-labels-idx1-ubyte.gz", np.zeros(11, np.uint8))
    with pytest.raises(InputError, match="12 train images but 11 train labels"):
        read_idx_folder(folder, "train")


def test_swapped_files(idx_folder):
    folder = idx_folder()
    images, labels = (folder / f"{name}.gz" for name in idx_file_names("train"))
    images.rename(folder / "x")
    labels.rename(images)
    (folder / "x").rename(labels)
    with pytest.raises(InputError, match=r"hold \[12\] and \[12, 28, 28\]"):
        read_idx_folder(folder, "train")


def damage_one_pixel(folder):
    path = folder / "t10k-images-idx3-ubyte.gz"
    array = read_idx(path)
    array[77, 3, 3] ^= 1
    write_idx(folder / "t10k-images-idx3-ubyte.gz", array)


def cut_labels(folder):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("damage, message", [(damage_one_pixel, "SHA-256"), (cut_labels, "truncated")])
def test_damage_to_the_shipped_files_says_how_to_restore(other_project, damage, message):
    folder = other_project / "work" / "mnist"
    for name in idx_file_names("test"):
        shutil.copy(MNIST / f"{name}.gz", folder)
    read_idx_folder(folder, "test")
    damage(folder)
    with pytest.raises(InputError, match=f"damaged.*{message}.*git checkout -- work/mnist"):
        read_idx_folder(folder, "test")
    elsewhere = folder.rename(other_project / "elsewhere")
    if damage is damage_one_pixel:  # only the shipped set must be MNIST
        assert len(read_idx_folder(elsewhere, "test")[1]) == 10000


# ---- hostile files -----------------------------------------------------------------------------------------------------


def head(*shape):
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(2**32 - 1,), (2**32 - 1,) * 3, (2**32 - 1,) * 255, (2**32 - 1, 2**32 - 1, 0), (1, 1) + (0,) * 99])
def test_a_header_that_promises_more_than_there_is(tmp_path, shape, packed):
    content = head(*shape) + b"12345" * (0 not in shape)
    (tmp_path / "x").write_bytes(gzip.compress(content) if packed else content)
    tracemalloc.start()
    with pytest.raises(InputError, match="5 are there|a shape that is none") as refused:
        read_idx(tmp_path / "x")
    assert "\n" not in str(refused.value) and tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_a_gzip_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr("paddle_gan_aug.data.compressed.LARGE", 1 << 20)
    (tmp_path / "x.gz").write_bytes(gzip.compress(head(4 << 20) + bytes(4 << 20)))
    with pytest.raises(InputError, match="x.gz unpacks from .* bytes or more"):
        read_idx(tmp_path / "x.gz")


def test_of_what_follows_a_file_no_more_is_read_than_a_message_needs(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(GOOD + bytes(5 << 20)))
    with pytest.raises(InputError, match="has 1048576 or more trailing bytes"):
        read_idx(tmp_path / "x.gz")


def write_set(folder, images_of, labels):
    """Training and test files; `images_of` = {"train": uint8 [N, H, W], "test": the same}, `labels` their labels."""
    folder.mkdir()
    for part, images in images_of.items():
        for name, array in zip(idx_file_names(part), (images, np.asarray(labels[: len(images)], np.uint8))):
            write_idx(folder / f"{name}.gz", array)
    return folder


def test_dark_test_images_without_any_training_image(tmp_path):
    """The training images decide whether a set consists of masks; without any the test images do."""
    masks = np.tile(np.eye(8, dtype=np.uint8), (4, 1, 1))
    folder = write_set(tmp_path / "masks", {"train": masks[:0], "test": masks}, [0, 1, 0, 1])
    assert (load(folder, "test").images == 255 * masks[:, None]).all()
    with pytest.raises(InputError, match="has no training images"):
        load(folder)


@pytest.mark.parametrize("row", ["1000000000000 66", "256 66", "-5 66", "1 55296", "1 1114112"])
def test_a_mapping_of_impossible_labels_or_characters(tmp_path, row):
    images = np.full((2, 8, 8), 200, np.uint8)
    folder = write_set(tmp_path / "letters", {"train": images, "test": images}, [0, 0])
    (folder / "mapping.txt").write_text(f"0 65\n{row}\n")
    with pytest.raises(InputError, match=r"mapping.txt is no mapping: a label and the code of its character on each line"):
        load(folder, "test")
    (folder / "mapping.txt").write_text("0 65\n255 66\n")
    assert load(folder, "test").class_names == ("A", "B")
