"""Other programs read a set as it was meant: PaddleClas, torchvision and Keras. The rules of all three are written down here; where
torchvision or Keras is installed, it reads the set itself."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import paddle_gan_aug
from paddle_gan_aug.data import load
from paddle_gan_aug.synthesis.generate import generate
from paddle_gan_aug.synthesis.writers import write_lists

LISTS = ("train_list.txt", "val_list.txt", "test_list.txt", "label_list.txt", "images.csv")


def read_as_paddleclas(root, name, delimiter=" "):
    """[(path, label)] as its ImageNetDataset reads a list: each line stripped, divided at every delimiter, its first two parts taken."""
    rows = []
    with open(root / name, encoding="utf-8") as file:
        for line in file:
            parts = line.strip().split(delimiter)
            assert (root / parts[0]).exists()
            rows.append((root / parts[0], int(np.int64(parts[1]))))
    return rows


def class_map_of_paddleclas(path):
    """{number: class} as its Topk reads class_id_map_file: divided at the first blank."""
    parts = [line.partition(" ") for line in path.read_text(encoding="utf-8").splitlines()]
    return {int(number): name for number, _, name in parts}


def read_as_image_folder(root):
    """({path: label}, classes) as torchvision's ImageFolder and Keras's directory reader number them: the sorted names of the folders."""
    classes = sorted(folder.name for folder in root.iterdir() if folder.is_dir())
    return {path: classes.index(path.parent.name) for path in sorted(root.glob("*/*.png"))}, classes


@pytest.fixture(scope="module")
def sets(tiny, small_mnist, tmp_path_factory):
    """A generated set and an augmented one: {name: (its folder, the folder of its class folders)}."""
    folder = tmp_path_factory.mktemp("sets")
    generate(tiny["conditional"], to=folder / "generated", per_class=2)
    options = {"runs": [tiny["conditional"]], "filters": paddle_gan_aug.Filters("none"), "quiet": True}
    paddle_gan_aug.augment_data(str(small_mnist), to=folder / "augmented", ratio=0.05, **options)
    yield {"generated": (folder / "generated", folder / "generated"), "augmented": (folder / "augmented", folder / "augmented" / "train")}
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["generated", "augmented"])
def test_paddleclas(sets, name):
    root, _ = sets[name]
    classes = class_map_of_paddleclas(root / "label_list.txt")
    assert classes == {digit: str(digit) for digit in range(10)}
    rows = read_as_paddleclas(root, "train_list.txt")
    assert all(path.parent.name == classes[label] for path, label in rows)
    assert sorted(path for path, _ in rows) == sorted((root / "train" if name == "augmented" else root).glob("*/*.png"))
    for part, lists in (("valid", "val_list.txt"), ("test", "test_list.txt")):
        assert (root / lists).exists() == (root / part).is_dir()
        if (root / part).is_dir():
            held_out = read_as_paddleclas(root, lists)
            assert len(held_out) == len(load(str(root), part)) and all(path.parent.name == classes[label] for path, label in held_out)


@pytest.mark.parametrize("name", ["generated", "augmented"])
def test_the_table(sets, name):
    root, _ = sets[name]
    with open(root / "images.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    listed = [(root / row["file"], row["label"]) for row in rows if row["split"] == "train"]
    assert [path.parent.name for path, _ in listed] == [label for _, label in listed]
    assert {path for path, _ in listed} == {path for path, _ in read_as_paddleclas(root, "train_list.txt")}
    generated = [row for row in rows if row["generated"] == "1"]
    assert all(Path(row["file"]).name.startswith("generated-") for row in generated) or name == "generated"
    assert 0 < len(generated) <= len(rows) and (len(generated) == len(rows)) == (name == "generated")


@pytest.mark.parametrize("name", ["generated", "augmented"])
def test_folders_of_classes(sets, name):
    root, folders = sets[name]
    files, classes = read_as_image_folder(folders)
    assert classes == [str(digit) for digit in range(10)]
    assert files == dict(read_as_paddleclas(root, "train_list.txt"))
    try:
        from torchvision.datasets import ImageFolder
    except ImportError:
        return
    found = ImageFolder(str(folders))
    assert found.classes == classes and {Path(path): label for path, label in found.samples} == files
    assert found[0][0].size == (28, 28)


def test_the_lists_change_nothing_that_is_read(sets, tmp_path):
    for name, (root, _) in sets.items():
        shutil.copytree(root, tmp_path / name)
        for lists in LISTS:
            (tmp_path / name / lists).unlink(missing_ok=True)
        with_lists, without = load(str(root), "train"), load(str(tmp_path / name), "train")
        assert with_lists.fingerprint() == without.fingerprint() and len(without) > 0


def test_classes_with_blanks_and_with_more_than_ten_numbers(tmp_path):
    """Numbers follow the natural order of the names, 9 before 10; programs that sort the folders by their letters count otherwise."""
    names = ["class 2", "class 9", "class 10"]
    for name in names:
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / name / "1.png")
    write_lists(tmp_path, lambda: iter([(f"{name}/1.png", name, "train", True) for name in names]))
    assert class_map_of_paddleclas(tmp_path / "label_list.txt") == dict(enumerate(names))
    assert [(path.parent.name, label) for path, label in read_as_paddleclas(tmp_path, "train_list.txt", "\t")] == list(zip(names, range(3)))
    assert read_as_image_folder(tmp_path)[1] == ["class 10", "class 2", "class 9"]
    again = load(str(tmp_path / "train_list.txt"), "train", split="full")
    assert len(again) == 3
