"""One row in a table makes a kind of data known to `load`, to `evaluate` and to `predict`, also from outside the package."""

import errno
import os
import sys
import types

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.classification import predict as predict_module
from paddle_gan_aug.cli.main import main
from paddle_gan_aug.data import (
    READERS,
    DataSpec,
    ImageSet,
    LabelledImages,
    Reader,
    load,
    load_test,
    read_image_set,
    read_images,
    write_mnist_json,
)
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


def write_lists(folder, data):
    """Write a folder with train_list.txt, test_list.txt and labels.txt."""
    (folder / "pictures").mkdir(parents=True)
    for i, image in enumerate(data.images):
        Image.fromarray(image[0]).save(folder / "pictures" / f"{i}.PNG")
    rows = [f"pictures/{i}.PNG {label}\n" for i, label in enumerate(data.labels)]
    for part in ("train", "test"):
        (folder / f"{part}_list.txt").write_text("".join(rows))
    (folder / "labels.txt").write_text("".join(f"digit {name}\n" for name in data.class_names))
    return folder


@pytest.fixture
def of_kinds(other_project, idx_folder, mnist_test):
    """{kind: path} of forty digits in files whose extensions are in small letters."""
    data = mnist_test.subset(np.sort(np.concatenate([np.flatnonzero(mnist_test.labels == label)[:4] for label in range(10)])))
    np.savez(other_project / "data.npz", images=data.images[:, 0], labels=data.labels)
    for name in ("data.json", "packed.json.gz"):
        write_mnist_json(other_project / name, {"train": (data.images, data.labels), "test": (data.images, data.labels)})
    lists = write_lists(other_project / "lists", data)
    (other_project / "rows.csv").write_text("file,label\n" + "".join(f"lists/pictures/{i}.PNG,{n}\n" for i, n in enumerate(data.labels)))
    paths = {path.name: path for path in other_project.iterdir() if path.is_file()}
    return {**paths, "idx": idx_folder(other_project / "idx", range(10), range(5)), "lists": lists}


def in_capitals(path):
    """The path, with the extension in capitals, of a folder those of its files."""
    if path.is_dir():
        for file in path.glob("*.*"):
            in_capitals(file)
        return path
    stem, *extensions = path.name.split(".")
    return path.rename(path.with_name(".".join([stem, *map(str.upper, extensions)])))


@pytest.mark.parametrize("kind", ["data.npz", "data.json", "packed.json.gz", "rows.csv", "idx", "lists"])
def test_an_extension_in_capitals_is_the_same(of_kinds, kind):
    small = load_test(of_kinds[kind])
    path = in_capitals(of_kinds[kind])
    assert path.is_dir() or path.name == kind.split(".")[0] + kind[kind.index(".") :].upper()
    capital = load_test(path)
    assert capital.fingerprint() == small.fingerprint() and len(capital) == (5 if kind == "idx" else 40)
    assert capital.class_names == small.class_names
    assert capital.class_names[0] == ("digit 0" if kind == "lists" else "0")


def test_commands_take_files_with_extensions_in_capitals(of_kinds, capsys):
    settings = of_kinds["idx"].parent / "settings.YAML"
    settings.write_text("algorithm: classifier\ntrain: {steps: 2, batch_size: 4}\n")
    data = in_capitals(of_kinds["data.json"])
    where = ["--output", str(data.parent / "o"), "--log", str(data.parent / "l")]
    assert main(["classify", "-c", str(settings), "--data", str(data), "--run", "r", "--dry-run", "--allow-overlap", *where]) == 0
    assert "train steps 1 to 2" in capsys.readouterr().out
    study = data.parent / "study.YML"
    study.write_text("arms: [classical]\nseeds: 2\n")
    assert main(["study", "-c", str(study), "--data", str(in_capitals(of_kinds["data.npz"])), "--dry-run"]) == 0
    assert "arms        real, classical\n" in capsys.readouterr().out
