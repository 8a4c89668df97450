"""npz files: every layout, labels and names, of this project and of others; whatever is wrong is one clear line."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from paddle_gan_aug.data import DataSpec, load, load_test
from paddle_gan_aug.data.npz import read_npz
from paddle_gan_aug.errors import InputError


@pytest.fixture
def digits(mnist_train):
    return mnist_train.subset(range(60))


def test_a_labelled_npz_is_data(tmp_path, digits):
    names = np.array([f"digit {i}" for i in range(10)])
    np.savez(tmp_path / "d.npz", images=digits.images, labels=digits.labels.astype("uint8"), class_names=names)
    train, valid = load(tmp_path / "d.npz"), load(tmp_path / "d.npz", "valid")
    assert len(train) + len(valid) == 60 and train.class_names == tuple(names) and train.shape == (1, 28, 28)
    assert (np.bincount(valid.labels) == np.maximum(1, np.round(digits.counts() / 6))).all()
    whole = load_test(tmp_path / "d.npz")
    assert (whole.images == digits.images).all() and (whole.labels == digits.labels).all()
    assert load(DataSpec(str(tmp_path / "d.npz"), image_size=32, channels=3)).shape == (3, 32, 32)
    with pytest.raises(InputError, match="no test images.*--test.*--part valid"):
        load(tmp_path / "d.npz", "test")


def test_without_labels_there_is_one_class(tmp_path, digits):
    np.savez(tmp_path / "d.npz", images=digits.images[:, 0])
    assert load(tmp_path / "d.npz").class_names == ("images",)


def test_a_layout_that_the_shape_leaves_open(tmp_path):
    images = np.arange(2 * 3 * 8 * 3, dtype=np.uint8).reshape(2, 3, 8, 3)
    np.savez(tmp_path / "d.npz", images=images)
    with pytest.raises(InputError, match="may be NCHW or NHWC: store an array layout"):
        load_test(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", images=images, layout="NHWC")
    assert (load_test(tmp_path / "d.npz").images == images.transpose(0, 3, 1, 2)).all()


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"labels": np.array([0, 2])}, "class 1 has no image"),
        ({"labels": np.array([0])}, "must be 2 whole numbers"),
        ({"labels": np.array([0, -1])}, "whole numbers from 0"),
        ({"labels": np.array([0, 1]), "class_names": np.array(["a"])}, "go up to 1, but class_names are 1"),
        ({"labels": np.array([0, 1]), "class_names": np.array(["a", "a"])}, "different texts"),
        ({"labels": np.array([0, 1]), "class_names": np.array(["a", None])}, "cannot be read"),
        ({"layout": "CHWN"}, "layout says CHWN"),
        ({"layout": "NHWC"}, "layout says NHWC"),
    ],
)
def test_what_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "d.npz", images=np.zeros((2, 1, 9, 9), np.uint8), **arrays)
    with pytest.raises(InputError, match=message) as refused:
        load_test(tmp_path / "d.npz")
    assert "\n" not in str(refused.value)


# ---- as others write them ----------------------------------------------------------------------------------------------


@pytest.fixture
def parts(mnist_train):
    """{part: (images [N, 28, 28], labels [N])}, of the digits 0 to 4."""
    chosen = np.flatnonzero(mnist_train.labels < 5)
    halves = {"train": chosen[:60], "valid": chosen[60:70], "test": chosen[70:90]}
    return {part: (mnist_train.images[places, 0], mnist_train.labels[places]) for part, places in halves.items()}


def test_medmnist(tmp_path, parts):
    arrays = {}
    for part, name in (("train", "train"), ("valid", "val"), ("test", "test")):
        arrays[f"{name}_images"], arrays[f"{name}_labels"] = parts[part][0], parts[part][1][:, None].astype(np.uint8)
    np.savez(tmp_path / "d.npz", **arrays)
    for part, (images, labels) in parts.items():
        read = load(tmp_path / "d.npz", part)
        assert (read.images[:, 0] == images).all() and (read.labels == labels).all() and read.class_names == tuple("01234")
    assert (load_test(tmp_path / "d.npz").labels == parts["test"][1]).all()
    assert (read_npz(tmp_path / "d.npz")[1] == parts["test"][1]).all()
    with pytest.raises(InputError, match="validation images of its own"):
        load(DataSpec(str(tmp_path / "d.npz"), valid_share=0.1))


@pytest.mark.parametrize("x, y", [("x_{}", "y_{}"), ("X_{}", "y_{}")])
def test_keras(tmp_path, parts, x, y):
    (images, labels), (test_images, test_labels) = parts["train"], parts["test"]
    names = [name.format(part) for part in ("train", "test") for name in (x, y)]
    np.savez(tmp_path / "d.npz", **dict(zip(names, (images, labels, test_images, test_labels))))
    assert load(tmp_path / "d.npz").shape == (1, 28, 28) and len(load(tmp_path / "d.npz", split="full")) == 60
    assert (load(tmp_path / "d.npz", "test").images[:, 0] == test_images).all()
    assert 0 < len(load(tmp_path / "d.npz", "valid")) < 15


def test_parts_have_the_range_and_the_classes_of_the_training_part(tmp_path, parts):
    (images, labels), (test_images, test_labels) = parts["train"], parts["test"]
    dark = test_images.clip(0, 120) / 127.5 - 1  # alone it might be anything
    np.savez(tmp_path / "d.npz", x_train=images / 127.5 - 1, y_train=labels, x_test=dark[:1], y_test=test_labels[:1])
    assert (load(tmp_path / "d.npz", "test").images[0, 0] == test_images[0].clip(0, 120)).all()
    assert load(tmp_path / "d.npz", "test").class_names == tuple("01234")
    np.savez(tmp_path / "d.npz", x_train=images, y_train=labels, x_test=test_images, y_test=test_labels + 1)
    with pytest.raises(InputError, match="y_test go up to 5, but the training classes are 5"):
        load(tmp_path / "d.npz", "test")
    np.savez(tmp_path / "d.npz", x_train=images)
    with pytest.raises(InputError, match="no array y_train beside x_train"):
        load(tmp_path / "d.npz")


LABELS = {
    "a column": lambda y: y[:, None],
    "one-hot": lambda y: np.eye(5)[y],
    "one-hot in bits": lambda y: np.eye(5, dtype=bool)[y],
    "floats": lambda y: y.astype(np.float32),
    "small unsigned": lambda y: y.astype(np.uint8),
    "texts of numbers": lambda y: y.astype(str),
}


@pytest.mark.parametrize("form", LABELS)
def test_labels_of_every_form(tmp_path, parts, form):
    images, labels = parts["train"]
    np.savez(tmp_path / "d.npz", images=images, labels=LABELS[form](labels))
    read = load_test(tmp_path / "d.npz")
    assert (read.labels == labels).all() and read.class_names == tuple("01234")


@pytest.mark.parametrize("kind", ["U", "S"])
def test_texts_are_classes(tmp_path, parts, kind):
    images, labels = parts["train"]
    texts = np.array(["b10", "b2", "a", "d", "c"])[labels].astype(kind)
    np.savez(tmp_path / "d.npz", images=images, labels=texts)
    read = load_test(tmp_path / "d.npz")
    assert read.class_names == ("a", "b2", "b10", "c", "d")
    assert [read.class_names[label] for label in read.labels] == texts.astype("U").tolist()
    np.savez(tmp_path / "d.npz", images=images, labels=texts, class_names=np.array(["c", "a"]))
    with pytest.raises(InputError, match="has a class '.*', which is none of the known ones: c, a"):
        load_test(tmp_path / "d.npz")


@pytest.mark.parametrize(
    "labels, message",
    [
        (np.array([[1, 1, 0], [0, 1, 0]]), "multi-label: image 0 has 2 of 3 classes"),
        (np.array([[0, 0, 0], [0, 1, 0]]), "multi-label: image 0 has 0 of 3 classes"),
        (np.array([[0, 2], [1, 0]]), "zeros with a one in each row"),
        (np.array([0.5, 1]), "fractions"),
        (np.array([np.nan, 1]), "fractions, NaN"),
        (np.array([0, 1j]), "whole numbers from 0, or texts"),
        (np.array([0, 10**12]), "go up to 1000000000000: number the classes"),
        (np.array([0, 2**64 - 1], np.uint64), "go up to 18446744073709551615: number the classes"),
        (np.array(3), "must be 2 whole numbers"),
        (np.array([b"\xff", b"a"]), "not Unicode"),
        (np.frombuffer(b"\xff\xff\xff\x00a\0\0\0", "<U1"), "not Unicode"),
        (np.array(["\ud800", "a"]), "not Unicode"),
    ],
)
def test_labels_that_are_refused(tmp_path, labels, message):
    np.savez(tmp_path / "d.npz", images=np.zeros((2, 9, 9), np.uint8), labels=labels)
    for read in (load_test, read_npz):
        with pytest.raises(InputError, match=message) as refused:
            read(tmp_path / "d.npz")
        assert "\n" not in str(refused.value)


# ---- malformed and hostile ---------------------------------------------------------------------------------------------


def member(shape="(2, 9, 9)", dtype="|u1", data=bytes(162), version=b"\1\0"):
    """An .npy file by hand."""
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(head)) + head.encode() + data


def zipped(content, compression=zipfile.ZIP_STORED, name="images.npy"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        file.writestr(name, content)
    return buffer.getvalue()


def patched(content, marker, offset, value):
    """Bytes with a field of every zip header of this kind set."""
    at = content.index(marker)
    return content[: at + offset] + value + content[at + offset + len(value) :]


def encrypted(content):
    return patched(patched(content, b"PK\3\4", 6, b"\1\0"), b"PK\1\2", 8, b"\1\0")


def unknown_method(content):
    return patched(patched(content, b"PK\3\4", 8, b"\x63\0"), b"PK\1\2", 10, b"\x63\0")


def damaged_deflate():
    content = bytearray(zipped(member(data=np.random.default_rng(0).bytes(162)), zipfile.ZIP_DEFLATED))
    content[60:120] = b"\xff" * 60
    return bytes(content)


HOSTILE = {
    "an npy renamed": (member(), "is a single array .*np.savez"),
    "no zip": (b"hello", "cannot be read as an .npz"),
    "empty": (b"", "cannot be read as an .npz"),
    "10^12 elements": (zipped(member("(1000000000000,)")), "its header says uint8"),
    "10^12 elements of no size": (zipped(member("(1000000000000,)", "|S0", b"")), "its header says"),
    "a negative side": (zipped(member("(-2, -9, 9)")), "its header says"),
    "damaged deflate data": (damaged_deflate(), "images: "),
    "unknown compression": (unknown_method(zipped(member())), "compression"),
    "the encryption flag": (encrypted(zipped(member())), "encrypted"),
    "a member that is no npy": (zipped(b"hello, I am no array"), "images: "),
    "a text of a header": (zipped(member("open('x')")), "images: "),
    "brackets without end": (zipped(member("(" * 90)), "images: "),
    "an unknown version": (zipped(member(version=b"\x09\0")), "version 9"),
    "objects": (zipped(member(dtype="|O")), "Python objects"),
    "cut": (zipped(member())[:-40], "cannot be read as an .npz"),
    "a name of another array": (zipped(member(), name="pictures.npy"), "no array named images; it has pictures"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files(tmp_path, case):
    content, message = HOSTILE[case]
    (tmp_path / "d.npz").write_bytes(content)
    tracemalloc.start()
    for read in (load_test, load, read_npz):
        with pytest.raises(InputError, match=message) as refused:
            read(tmp_path / "d.npz")
        assert "\n" not in str(refused.value)
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_a_zip_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr("paddle_gan_aug.data.compressed.LARGE", 1 << 20)
    (tmp_path / "d.npz").write_bytes(zipped(member("(2, 1000, 1000)", data=bytes(2_000_000)), zipfile.ZIP_DEFLATED))
    with pytest.raises(InputError, match="unpacks from .* to 2,000,128 bytes"):
        load(tmp_path / "d.npz")


def test_compressed_files_and_columns_first_are_read(tmp_path, digits):
    np.savez_compressed(tmp_path / "d.npz", images=np.asfortranarray(digits.images[:, 0]), labels=digits.labels)
    assert (load_test(tmp_path / "d.npz").images == digits.images).all()


@pytest.mark.parametrize("images, labels", [("x_test", "y_test"), ("test_images", "test_labels")])
def test_test_images_alone_are_tested_and_not_trained_on(tmp_path, digits, images, labels):
    np.savez(tmp_path / "d.npz", **{images: digits.images, labels: digits.labels})
    for mode in ("train", "valid"):
        for split in ("standard", "full")[: 2 if mode == "train" else 1]:
            with pytest.raises(InputError, match="has no (training|validation) images"):
                load(tmp_path / "d.npz", mode, split=split)
    for test in (load_test(tmp_path / "d.npz"), load(tmp_path / "d.npz", "test")):
        assert (test.images == digits.images).all() and (test.labels == digits.labels).all()


@pytest.mark.parametrize("name", ["images", "x_train", "train_images"])
def test_no_image(tmp_path, name):
    np.savez(tmp_path / "d.npz", **{name: np.zeros((0, 28, 28), np.uint8), "labels": np.zeros(0, int), "y_train": np.zeros(0, int)})
    with pytest.raises(InputError, match=f"{name} holds no image"):
        load(tmp_path / "d.npz")


@pytest.mark.parametrize("shape", [(0, 0), (2, 0), (0, 0, 0)])
def test_training_labels_without_columns(tmp_path, shape):
    """The training labels name the classes of the test labels."""
    images = np.full((2, 8, 8), 200, np.uint8)
    np.savez(tmp_path / "d.npz", x_train=images, y_train=np.zeros(shape, np.int64), x_test=images, y_test=[0, 0])
    with pytest.raises(InputError, match=rf"y_train must be whole numbers from 0, got int64 \[{', '.join(map(str, shape))}\]$"):
        load(tmp_path / "d.npz", "test")
