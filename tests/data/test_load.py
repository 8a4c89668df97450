"""`load` is the door for every kind of data; whoever knocks wrongly is told what it takes."""

import numpy as np
import pytest

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import READERS, DataSpec, as_spec, load, write_idx, write_mnist_json
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import PACKAGE_PARENT


def test_mnist_by_mode(mnist_train, mnist_test):
    assert mnist_train.class_names == tuple("0123456789") and mnist_train.shape == (1, 28, 28)
    assert mnist_train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist_train.counts().tolist() == [4932, 5678, 4968, 5101, 4859, 4506, 4951, 5175, 4842, 4988]
    assert mnist_test.counts().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist_test.source == "mnist, test files"


def test_one_digit(mnist_train, mnist_test):
    single = load(class_name=3)
    assert len(single) == 5101 and set(single.labels) == {3} and single.source.endswith("class 3")
    assert single.fingerprint() == mnist_train.of_class(3).fingerprint() == load(part="train", class_name="3").fingerprint()
    assert load(part="test", class_name=np.int64(3)).fingerprint() == mnist_test.of_class(3).fingerprint()
    assert len(load(class_name=3, split="full")) == 6131


def test_mnist_by_its_path_from_anywhere(tmp_path, monkeypatch, mnist_test):
    monkeypatch.chdir(PACKAGE_PARENT / "work")
    assert load("mnist", "test").fingerprint() == load("work/mnist", "test").fingerprint() == mnist_test.fingerprint()
    monkeypatch.chdir(tmp_path)
    assert load("mnist", "test").fingerprint() == mnist_test.fingerprint()


def test_mnist_that_is_not_there(other_project):
    with pytest.raises(InputError, match="looked for work/mnist in .*project.*git checkout"):
        load()


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_an_idx_folder(idx_folder, kind):
    folder = idx_folder(size=(6, 9))
    train, valid, test = (load(kind(folder), mode) for mode in ("train", "valid", "test"))
    assert (len(train), len(valid), len(test)) == (10, 2, 5) and train.shape == (1, 6, 9)
    assert train.labels.tolist() == list(range(10)) and valid.labels.tolist() == [0, 1]
    assert str(folder) in train.source and len(load(folder, split="full")) == 12


def test_a_relative_folder_is_found_from_the_project(idx_folder, other_project, monkeypatch):
    idx_folder().rename(other_project / "digits")
    (other_project / "deeper").mkdir()
    monkeypatch.chdir(other_project / "deeper")
    assert load("digits", "test").source == "digits, test files"


def test_classes_come_from_the_training_labels(idx_folder):
    few = load(idx_folder("few", train_labels=[0, 1] * 6, test_labels=[0]), "test")
    many = load(idx_folder("many", train_labels=[*range(47)], test_labels=[0]), "test")
    assert (len(few.class_names), len(many.class_names), many.class_names[46]) == (10, 47, "46")
    with pytest.raises(InputError, match="the test labels go to 12, those of its classes from 0 to 9: label 12"):
        load(idx_folder("odd", test_labels=[12]), "test")


def test_a_folder_with_test_files_only(idx_folder):
    folder = idx_folder()
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        (folder / name).unlink()
    assert len(load(folder, "test")) == 5
    with pytest.raises(InputError, match="no train-images-idx3-ubyte"):
        load(folder)


def test_an_idx_folder_without_images(idx_folder):
    with pytest.raises(InputError, match="no training images"):
        load(idx_folder(train_labels=()))


@pytest.fixture
def json_parts(mnist_train, mnist_test):
    return {
        "train": (mnist_train.images[:12], mnist_train.labels[:12]),
        "valid": (mnist_train.images[12:15], mnist_train.labels[12:15]),
        "test": (mnist_test.images[:4], mnist_test.labels[:4]),
    }


@pytest.mark.parametrize("name", ["mnist.json.gz", "digits.json"])
def test_a_json_file(other_project, json_parts, mnist_train, name):
    write_mnist_json(name, json_parts)
    assert load(name).fingerprint() == mnist_train.subset(slice(0, 12)).fingerprint()
    assert load(name, "valid").fingerprint() == mnist_train.subset(slice(12, 15)).fingerprint()
    assert load(name, split="full").fingerprint() == mnist_train.subset(slice(0, 15)).fingerprint()
    assert load(name, "test").labels.tolist() == [7, 2, 1, 0]
    assert load(name, "train", class_name=1).labels.tolist() == [1, 1, 1]
    assert load(name).source == f"{name}, part train"
    assert len(list((other_project / "output" / ".cache").iterdir())) == 1


def test_a_json_file_with_training_images_only(other_project, json_parts):
    write_mnist_json("x.json.gz", {"train": json_parts["train"]})
    assert (len(load("x.json.gz")), len(load("x.json.gz", "valid")), len(load("x.json.gz", split="full"))) == (10, 2, 12)
    with pytest.raises(InputError, match="x.json.gz has no test images"):
        load("x.json.gz", "test")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"part": "eval"}, "unknown part 'eval'.*train, valid, test.*nearest: "),
        ({"part": "trian"}, "nearest: train"),
        ({"part": "Valid"}, "nearest: valid"),
        ({"split": "half"}, "data.split: expected one of standard, full, got 'half'"),
        ({"part": "valid", "split": "full"}, "no validation images with split 'full'"),
        ({"mode": "train"}, "no setting mode: did you mean"),
        ({"class_name": 10}, "no class '10' .*0, 1, 2"),
        ({"class_name": "three"}, "no class 'three'"),
        ({"data": "no/such/place"}, "^no/such/place does not exist: give the path of a file or a folder of images, or mnist$"),
        ({"data": "mnist.json.gz"}, "mnist.json.gz does not exist"),
        ({"data": "."}, "is an empty folder"),
        ({"data": ""}, "data: '' is no path"),
    ],
)
def test_what_is_refused(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        load(**arguments)
    assert "\n" not in str(caught.value)


def test_a_kind_that_is_not_known(tmp_path):
    (tmp_path / "digits.data").write_text("1,2,3")
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", np.zeros((1, 2, 2), np.uint8))
    for path in (tmp_path / "digits.data", tmp_path / "train-images-idx3-ubyte.gz"):
        with pytest.raises(InputError, match="none of the kinds") as caught:
            load(path)
        assert all(reader.what in str(caught.value) for reader in READERS)


def test_a_source_says_how_to_read_any_kind(idx_folder):
    folder = str(idx_folder(train_labels=tuple(range(10)) * 6))
    assert load(DataSpec(folder, image_size=32, channels=3)).shape == (3, 32, 32)
    assert load(DataSpec(folder, valid_share=0.5), "valid").counts().tolist() == [3] * 10
    assert set(load(DataSpec(folder, classes=(8, "9"))).labels) == {8, 9}
    assert load(DataSpec(folder, per_class=2)).counts().tolist() == [2] * 10
    assert str(DataSpec(folder)) == folder and load(DataSpec(folder)).fingerprint() == load(folder).fingerprint()


def test_a_source_of_a_configuration():
    config = load_config(overrides={"data.classes": [3, "5"], "data.per_class": 7, "data.image_size": 32, "data.channels": 3})
    source = DataSpec.of(config.data)
    assert source == DataSpec("mnist", image_size=32, channels=3, classes=("3", "5"), per_class=7)
    assert source.renamed("x") == DataSpec("x", image_size=32, channels=3)
    data = load(source)
    assert data.counts()[[3, 5]].tolist() == [7, 7] and len(data) == 14 and data.shape == (3, 32, 32)
    assert as_spec(source) is source and as_spec("x") == DataSpec("x")


# ---- files in the order of their classes ----


def write_sorted(idx_folder, kind, counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    if kind == "idx":
        return idx_folder(train_labels=labels, test_labels=range(len(counts)))
    write_mnist_json("sorted.json.gz", {"train": (np.random.default_rng(1).integers(0, 256, (len(labels), 1, 28, 28), np.uint8), labels)})
    return "sorted.json.gz"


@pytest.mark.parametrize("kind", ["idx", "json"])
def test_files_sorted_by_class_lose_no_class(idx_folder, other_project, kind, capsys):
    data = write_sorted(idx_folder, kind, [30] * 6)
    train, valid = load(data), load(data, "valid")
    assert train.counts()[:6].tolist() == [25] * 6 and valid.counts()[:6].tolist() == [5] * 6
    assert "0.167 of each class by seed 0" in train.source
    told = capsys.readouterr().err
    assert told.count("a sixth of each validates instead") == 1 and str(data) in told
    full = load(data, split="full")
    assert full.labels.tolist() == np.repeat(range(6), 30).tolist() and "seed" not in full.source, "all of it, in the file's order"
    assert load(DataSpec(str(data), seed=1), "valid").fingerprint() != valid.fingerprint()


def test_a_lone_image_of_a_sorted_file_trains(idx_folder):
    folder = idx_folder(train_labels=[0] * 12 + [1] * 12 + [2], test_labels=[0, 1, 2])
    assert load(folder).counts()[:3].tolist() == [10, 10, 1] and load(folder, "valid").counts()[:3].tolist() == [2, 2, 0]


# ---- EMNIST ----


def write_emnist(folder, name, labels, rng, mapping=None, prefix="test"):
    """EMNIST's files as they are downloaded; returns the images as they should be seen."""
    folder.mkdir(exist_ok=True)
    upright = rng.integers(0, 256, (len(labels), 6, 6), np.uint8)
    for part in ("train", prefix):
        write_idx(folder / f"{name}{part}-images-idx3-ubyte.gz", upright.transpose(0, 2, 1))
        write_idx(folder / f"{name}{part}-labels-idx1-ubyte.gz", np.array(labels, np.uint8))
    if mapping:
        (folder / mapping).write_text("".join(f"{i} {64 + i} {96 + i}\n" for i in range(1, 27)))
    return upright


@pytest.mark.parametrize("mapping", ["emnist-letters-mapping.txt", None])
def test_emnist_letters_as_downloaded(tmp_path, rng, mapping, capsys):
    labels = rng.permutation(np.repeat(range(1, 27), 12))
    upright = write_emnist(tmp_path / "gzip", "emnist-letters-", labels, rng, mapping)
    full, test = load(tmp_path / "gzip", split="full"), load(tmp_path / "gzip", "test")
    assert full.class_names == test.class_names == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert (full.images[:, 0] == upright).all() and (test.images[:, 0] == upright).all()
    assert (full.labels == labels - 1).all() and full.counts().tolist() == [12] * 26
    assert full.source.endswith("training files, turned upright")
    assert "26 classes" in capsys.readouterr().err


def test_emnist_under_the_names_of_mnist_is_known_by_its_mapping(tmp_path, rng):
    upright = write_emnist(tmp_path / "set", "", [*range(1, 27)] * 2, rng, "emnist-letters-mapping.txt", "t10k")
    data = load(tmp_path / "set", "test")
    assert data.class_names[0] == "A" and len(data.class_names) == 26 and (data.images[:, 0] == upright).all()


@pytest.mark.parametrize(
    "name, classes",
    [
        ("balanced", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"),
        ("byclass", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
        ("bymerge", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"),
        ("digits", "0123456789"),
        ("mnist", "0123456789"),
    ],
)
def test_the_other_sets_of_emnist(tmp_path, rng, name, classes):
    write_emnist(tmp_path / "set", f"emnist-{name}-", range(len(classes)), rng)
    assert load(tmp_path / "set", "test").class_names == tuple(classes)


def test_one_of_several_sets_is_named_by_its_file(tmp_path, rng):
    for name in ("letters", "digits"):
        write_emnist(tmp_path / "gzip", f"emnist-{name}-", [1, 2, 3], rng)
    with pytest.raises(InputError, match="holds 2 sets .*emnist-digits, emnist-letters.*emnist-digits-train-images-idx3-ubyte.gz"):
        load(tmp_path / "gzip")
    assert load(tmp_path / "gzip" / "emnist-letters-train-images-idx3-ubyte.gz", "test").class_names[0] == "A"


@pytest.mark.parametrize(
    "text, message", [("1 65\n2\n", "is no mapping"), ("1 65\n2 65\n", "twice"), ("", "no class"), ("1 65\n", "label 2")]
)
def test_a_mapping_that_does_not_fit(tmp_path, rng, text, message):
    write_emnist(tmp_path / "set", "emnist-letters-", [1, 2], rng)
    (tmp_path / "set" / "emnist-letters-mapping.txt").write_text(text)
    with pytest.raises(InputError, match=message) as refused:
        load(tmp_path / "set")
    assert "\n" not in str(refused.value)
