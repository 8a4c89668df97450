"""One row in a table makes a kind of data known to `load`, to `evaluate` and to `predict`, also from outside the package."""

import errno
import os
import sys
import types

import numpy as np
import pytest

from paddle_gan_aug.classification import predict as predict_module
from paddle_gan_aug.data import READERS, DataSpec, ImageSet, LabelledImages, Reader, load, load_test, read_image_set, read_images
from paddle_gan_aug.data.few_labels import _read
from paddle_gan_aug.data.readers import _function, reader_of
from paddle_gan_aug.errors import InputError

COUNT = 12


def is_raw(path):
    return path.suffix == ".raw"


def open_raw(path, spec):
    def read_part(part):
        if part != "all":
            return None
        images = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 1, 4, 4)
        return LabelledImages(images, np.arange(len(images)) % 2, ("even", "odd"), str(spec))

    return read_part


def read_raw(path, spec):
    images = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 1, 4, 4)
    return ImageSet(images, [f"image {i}" for i in range(len(images))])


@pytest.fixture(params=[None, "outside.raw:read_raw"])
def raw(request, monkeypatch, tmp_path, rng):
    """A file of a kind that a row outside the package makes known: (path, its pixels, whether it is read without labels)."""
    module = types.ModuleType("outside.raw")
    module.is_raw, module.open_raw, module.read_raw = is_raw, open_raw, read_raw
    monkeypatch.setitem(sys.modules, "outside", types.ModuleType("outside"))
    monkeypatch.setitem(sys.modules, "outside.raw", module)
    row = Reader("a .raw file of 4 x 4 pixels", "outside.raw:is_raw", "outside.raw:open_raw", images=request.param)
    monkeypatch.setattr("paddle_gan_aug.data.readers.READERS", READERS)
    READERS.append(row)
    pixels = rng.integers(0, 256, (COUNT, 1, 4, 4), dtype=np.uint8)
    (tmp_path / "data.raw").write_bytes(pixels.tobytes())
    yield tmp_path / "data.raw", pixels, request.param is not None
    READERS.remove(row)


def test_every_row_names_functions():
    for reader in READERS:
        assert all(callable(_function(name)) for name in (reader.understands, reader.open, reader.images) if name)


def test_a_reader_is_reached_from_everywhere(raw):
    path, pixels, unlabelled = raw
    assert len(load(path, "train")) == 10 and (load_test(path).images == pixels).all()
    images, labels, names = read_images(path)
    assert (images == pixels).all()
    assert (labels is None and names is None) if unlabelled else (labels.tolist() == [0, 1] * 6 and names == ("even", "odd"))
    assert read_images(path, image_size=8, channels=3)[0].shape == (COUNT, 3, 8, 8)
    names, images = predict_module._read(path, [1, 4, 4], False, _section(path))
    assert (images == pixels).all() and names[1] == ("image 1" if unlabelled else "data.raw:1")
    with pytest.raises(InputError, match="the classifier learnt"):
        predict_module._read(path, [3, 4, 4], False, _section(path))


def _section(path):
    from paddle_gan_aug.config.loading import load_config

    return load_config("classifier", {"data.source": str(path)}).data


def test_the_kinds_are_listed_where_none_fits(raw, tmp_path):
    (tmp_path / "x.unknown").write_bytes(b"1")
    for read in (load, read_images):
        with pytest.raises(InputError, match="a .raw file of 4 x 4 pixels"):
            read(tmp_path / "x.unknown")


def test_images_of_every_kind_are_read_without_parts(idx_folder, tmp_path, mnist_test):
    folder = idx_folder(size=(8, 8))
    images, labels, names = read_images(folder)
    assert len(images) == 5 and labels.tolist() == [0, 1, 2, 3, 4] and len(names) == 10  # the test images
    found = read_image_set(folder, DataSpec(str(folder)))
    assert found.names[0] == f"{folder.name}:0"


def test_a_picture_alone(tmp_path, mnist_test):
    mnist_test.subset([0]).show().save(tmp_path / "a.png")
    found = read_image_set(tmp_path / "a.png", DataSpec("", image_size=28))
    assert found.names == ["a.png"] and found.images.shape == (1, 1, 28, 28) and found.labels is None
    assert found.others == {((112, 112), 1): 1}


def test_rows_in_front_win(tmp_path, monkeypatch):
    monkeypatch.setattr("paddle_gan_aug.data.readers.READERS", [Reader("mine", f"{__name__}:is_raw", f"{__name__}:open_raw"), *READERS])
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or types.SimpleNamespace(is_raw=is_raw, open_raw=open_raw))
    assert reader_of(tmp_path / "x.raw").what == "mine" and reader_of(tmp_path / "x") is None


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENAMETOOLONG])
def test_a_path_that_the_system_refuses_is_one_line(monkeypatch, number):
    monkeypatch.setattr(Reader, "understands_path", failing(OSError(number, os.strerror(number), "/a/b")))
    for read in (load, load_test, lambda name: read_image_set(name, DataSpec(name)), read_unlabelled):
        with pytest.raises(InputError, match=f"^cannot read .*mnist: {os.strerror(number)}: /a/b$"):
            read("work/mnist")


def test_a_disk_that_is_full_is_no_fault_of_the_path(monkeypatch):
    monkeypatch.setattr(Reader, "understands_path", failing(OSError(errno.ENOSPC, "No space left on device", "/a/b")))
    with pytest.raises(OSError, match="No space left"):
        load("work/mnist")


def failing(error):
    def function(*_):
        raise error

    return function


def read_unlabelled(name):
    return _read(name, DataSpec(name), None)
