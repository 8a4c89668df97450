"""`augment` on data with parts and with names of every kind, and the lists that it writes."""

import csv
import hashlib
import json
import shutil

import numpy as np
import pytest
from digit_folders import BESIDE, QUICK, digit_folder, hashes  # noqa: F401 - a fixture
from PIL import Image

from paddle_gan_aug.data import DataSpec, load
from paddle_gan_aug.data.folders import list_file
from paddle_gan_aug.errors import NoSuchPart
from paddle_gan_aug.synthesis.real_files import RealPart


def of_images(data):
    """The images of `LabelledImages` as sorted bytes."""
    return sorted(image.tobytes() for image in data.images)


@pytest.fixture
def parts(tmp_path, small_mnist):
    """Digits in train/ (12 and 7) and test/ (3 and 3), under the same file names in every folder."""
    images = load(str(small_mnist), "train")
    for digit, name, counts in ((3, "three", {"train": 12, "test": 3}), (5, "five", {"train": 7, "test": 3})):
        of_digit, first = images.of_class(digit).images, 0
        for part, count in counts.items():
            (tmp_path / "parts" / part / name).mkdir(parents=True)
            for i in range(count):
                Image.fromarray(of_digit[first + i][0]).save(tmp_path / "parts" / part / name / f"{i}.bmp")
            first += count
    return tmp_path / "parts"


def test_data_with_train_and_test_alone(here, parts, tmp_path):
    """What the GAN did not learn is exactly what a reader of the set holds out; test images stay test images."""
    to = tmp_path / "out"
    result = json.loads(here("augment", "--data", parts, "--to", to, "--batch-size", 8, *QUICK, "--json").stdout)
    assert result["table"] == [["five", 7, 5, 12], ["three", 12, 0, 12], ["all", 19, 5, 24]]
    assert of_images(load(str(to), "valid")) == of_images(load(str(parts), "valid"))
    assert of_images(load(str(to), "test")) == of_images(load(str(parts), "test"))
    learnt = json.loads(next((here.output / "out-gan" / "checkpoints").glob("step-*/state.json")).read_text())["data"]
    assert learnt["fingerprint"] == load(str(parts), "train").fingerprint() and learnt["counts"] == [6, 10]
    real = [image.tobytes() for image in load(str(parts), "train").images]
    found = of_images(load(str(to), "train"))
    assert len(found) == 16 + 5 and set(real) <= set(found)
    quick = ["--batch-size", 8, "--steps", 2, "--run", "reader", "--json"]
    report = json.loads(here("classify", "--data", to, *quick, "-o", "log.visualdl=false").stdout)
    assert report["test"]["count"] == 6


@pytest.mark.parametrize("more", [["-o", "data.seed=3"], ["-o", "data.valid_share=0.4"]])
def test_a_split_of_ones_own_is_written_down(here, parts, tmp_path, more):
    """A reader of the set knows nothing of another seed or share: the images that the GAN did not learn go into valid/."""
    here("augment", "--data", parts, "--to", tmp_path / "out", "--batch-size", 8, *QUICK, *more)
    key, _, value = more[1].partition("=")
    source = DataSpec(str(parts), **{key[5:]: json.loads(value)})
    assert of_images(load(str(tmp_path / "out"), "valid")) == of_images(load(source, "valid"))


def test_some_classes_alone_can_be_read_again(here, folder, tmp_path):
    here("augment", "--data", folder, "--to", tmp_path / "out", "--batch-size", 8, *QUICK, "-o", "data.classes=[five,three]")
    found = load(str(tmp_path / "out"), "train", split="full")
    assert found.class_names == ("five", "three")


def test_equal_names_in_several_parts_lose_nothing(here, parts, tmp_path):
    """With the split full, training and validation images share a folder: all are there, and none is another's."""
    shutil.move(parts / "test", parts / "val")
    result = json.loads(
        here("augment", "--data", parts, "--to", tmp_path / "out", "--split", "full", *QUICK, "--batch-size", 8, "--json").stdout
    )
    assert result["table"] == [["five", 10, 5, 15], ["three", 15, 0, 15], ["all", 25, 5, 30]]
    real = {name: digest for name, digest in hashes(tmp_path / "out" / "train").items() if "generated-" not in name}
    assert sorted(real.values()) == sorted(hashes(parts).values())
    assert {"three/0.bmp", "three/val-0.bmp"} <= set(real)
    assert real["three/0.bmp"] == hashes(parts)["train/three/0.bmp"] and real["three/val-0.bmp"] == hashes(parts)["val/three/0.bmp"]


def test_names_are_free_whatever_they_are(tmp_path):
    for part, names in (("a/train/x", ("1.png", "val-1.png", "val-2-1.png")), ("a/val/x", ("1.png",)), ("b/val/x", ("1.png",))):
        (tmp_path / part).mkdir(parents=True)
        for name in names:
            (tmp_path / part / name).write_text(part + name)
    files = sorted(tmp_path.rglob("*.png"))
    part = RealPart("train", ("x",), np.zeros(len(files), np.int64), files=files)
    assert len(set(part.names)) == len(files) == 5
    part.write(tmp_path / "to")
    assert sorted(hashes(tmp_path / "to").values()) == sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)


def test_a_damaged_part_is_not_taken_for_none(here, small_mnist, tmp_path):
    shutil.copytree(small_mnist, tmp_path / "data")
    test = tmp_path / "data" / "t10k-images-idx3-ubyte.gz"
    test.write_bytes(test.read_bytes()[:500])
    done = here("augment", "--data", tmp_path / "data", "--to", tmp_path / "out", "--per-class", 60, *QUICK, code=2)
    assert "t10k-images-idx3-ubyte.gz" in done.stderr and not (tmp_path / "out").exists()
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        (tmp_path / "data" / name).unlink()
    with pytest.raises(NoSuchPart):
        load(str(tmp_path / "data"), "test")


def test_lists_for_other_programs(here, parts, tmp_path):
    to = tmp_path / "out"
    here("augment", "--data", parts, "--to", to, "--batch-size", 8, *QUICK)
    assert (to / "label_list.txt").read_text() == "0 five\n1 three\n"
    for part, split in (("train", "train"), ("val", "valid"), ("test", "test")):
        lines = [line.split(" ") for line in (to / f"{part}_list.txt").read_text().splitlines()]
        data = load(str(to), split)
        assert sorted((str(to / file), int(label)) for file, label in lines) == sorted(zip(map(str, data.files), data.labels.tolist()))
        again = list_file(to / f"{part}_list.txt")  # our own reader of lists
        assert sorted(zip(again.files, again.labels)) == sorted(zip(data.files, data.labels.tolist()))
    with open(to / "images.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "label", "split", "generated"]
    assert {row["file"] for row in rows if row["generated"] == "1"} == {f"train/five/generated-{i:06d}.png" for i in range(5)}
    assert all((to / row["file"]).is_file() and row["file"].split("/")[1] == row["label"] for row in rows)
    assert {split: sum(row["split"] == split for row in rows) for split in ("train", "valid", "test")} == {
        "train": 21,
        "valid": 3,
        "test": 6,
    }
