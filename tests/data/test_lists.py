"""List files as people and programs write them: every usual form gives the same images; every fault is one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.data import DataSpec, file_list, load, load_test
from paddle_gan_aug.data.file_list import FEW
from paddle_gan_aug.data.image_files import read_image_set
from paddle_gan_aug.data.list_rows import Row, read_class_names, read_rows
from paddle_gan_aug.errors import InputError


@pytest.fixture(params=[FEW, 3], ids=["few", "many"])
def pictures(request, other_project, mnist_train, monkeypatch):
    """Six digits each of 0 and 1 as pics/a (i).png and pics/b (i).png; returns (the project's folder, images, rows of (path, label))."""
    monkeypatch.setattr(file_list, "FEW", request.param)
    (other_project / "pics").mkdir()
    images, rows = [], []
    for label, name in enumerate("ab"):
        for i, image in enumerate(mnist_train.of_class(str(label)).images[:6]):
            Image.fromarray(image[0]).save(other_project / "pics" / f"{name} ({i}).png")
            images.append(image)
            rows.append((f"pics/{name} ({i}).png", label))
    return other_project, np.array(images), rows


def lines(rows, form="{} {}"):
    return "".join(form.format(path, label) + "\n" for path, label in rows)


WRITTEN = {  # name -> (file, what is written of the rows)
    "blanks": ("list.txt", lambda rows: lines(rows).encode()),
    "tabs": ("list.txt", lambda rows: lines(rows, "{}\t{}").encode()),
    "commas": ("list.txt", lambda rows: lines(rows, "{},{}").encode()),
    "windows": ("list.txt", lambda rows: b"\xef\xbb\xbf" + lines(rows).replace("/", "\\").replace("\n", "\r\n").encode()),
    "utf-16": ("list.txt", lambda rows: lines(rows).encode("utf-16")),
    "old mac": ("list.lst", lambda rows: lines(rows).replace("\n", "\r").encode()),
    "gaps": ("list.txt", lambda rows: lines([(path, 3 + 4 * label) for path, label in rows]).encode()),
    "huge labels": ("list.txt", lambda rows: lines([(path, 10**12 * label) for path, label in rows]).encode()),
    "table": ("t.csv", lambda rows: ("file,label\n" + lines(rows, "{},{}")).encode()),
    "other names": ("t.csv", lambda rows: ("Image,Breed\r\n" + lines(rows, '"{}",{}')).encode()),
    "more columns": ("t.csv", lambda rows: ("id;who;class\n" + lines(rows, "{};me;{}")).encode()),
    "no head": ("t.csv", lambda rows: lines([(label, path) for path, label in rows], "{},{}").encode()),
    "hugging face": ("metadata.csv", lambda rows: ("file_name,label\n" + lines(rows, "{},{}")).encode()),
    "objects": ("metadata.jsonl", lambda rows: lines(rows, '{{"file_name": "{}", "label": {}}}').encode()),
}


@pytest.mark.parametrize("name, content", WRITTEN.values(), ids=WRITTEN)
def test_every_form_gives_the_same(pictures, name, content):
    folder, images, rows = pictures
    (folder / name).write_bytes(content(rows))
    data = load_test(folder / name)
    assert (data.images == images).all() and data.labels.tolist() == [label for _, label in rows]
    assert len(data.class_names) == 2 and load(folder / name).counts().tolist() == [5, 5]


def test_gbk_lists_and_names(pictures):
    folder, images, rows = pictures
    (folder / "gbk.txt").write_bytes(lines([(path, "猫狗"[label]) for path, label in rows]).encode("gbk"))
    data = load_test(folder / "gbk.txt")
    assert set(data.class_names) == {"猫", "狗"} and data.class_names[data.labels[0]] == "猫"


def test_labels_with_gaps_keep_their_numbers_as_names(pictures):
    folder, _, rows = pictures
    (folder / "list.txt").write_text(lines([(path, 3 + 9 * label) for path, label in rows]))
    assert load_test(folder / "list.txt").class_names == ("3", "12")


def test_lists_beside_linked_folders_and_above_them(pictures):
    folder, images, rows = pictures
    (folder / "lists").mkdir()
    (folder / "lists" / "pics").symlink_to("../pics")
    (folder / "lists" / "link.txt").write_text(lines(rows))
    (folder / "lists" / "up.txt").write_text(lines([(f"../{path}", label) for path, label in rows]))
    for name in ("link.txt", "up.txt"):
        assert (load_test(folder / "lists" / name).images == images).all()


def test_repeated_rows_count_once(pictures, capsys):
    folder, images, rows = pictures
    (folder / "twice.txt").write_text(lines(rows) * 2)
    assert len(load_test(folder / "twice.txt")) == 12
    assert "12 of 24 rows repeat others" in capsys.readouterr().err


SPELLINGS = {
    "dot": lambda folder, path: f"./{path}",
    "absolute": lambda folder, path: str(folder / path),
    "around": lambda folder, path: f"pics/../{path}",
    "windows": lambda folder, path: path.replace("/", "\\"),
    "link": lambda folder, path: path.replace("pics", "linked"),
    "linked file": lambda folder, path: path.replace("pics", "links"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_picture_in_two_spellings_counts_once(pictures, spelling):
    folder, images, rows = pictures
    (folder / "linked").symlink_to("pics")
    (folder / "links").mkdir()
    for path, _ in rows:
        (folder / path.replace("pics", "links")).symlink_to(folder / path)
    again = [(SPELLINGS[spelling](folder, path), label) for path, label in rows]
    (folder / "twice.txt").write_text(lines(rows + again))
    data = load_test(folder / "twice.txt")
    assert (data.images == images).all() and len(data) == 12
    (folder / "two.txt").write_text(lines(rows + [(again[0][0], 1)]))
    with pytest.raises(InputError, match="line 13: .* has the label 1, and in line 1 another"):
        load(folder / "two.txt")


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_column_of_parts(pictures, name):
    folder, images, rows = pictures
    parts = ["train", "Train", "training", "val", "valid", "test"] * 2
    if name == "t.csv":
        content = "file,label,split\n" + "".join(f"{path},{label},{part}\n" for (path, label), part in zip(rows, parts))
    else:
        content = "".join(f'{{"file": "{path}", "label": {label}, "split": "{part}"}}\n' for (path, label), part in zip(rows, parts))
    (folder / name).write_text(content)
    train, valid, test = (load(folder / name, mode) for mode in ("train", "valid", "test"))
    assert (train.images == images[[0, 1, 2, 6, 7, 8]]).all() and train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert (valid.images == images[[3, 4, 9, 10]]).all() and (test.images == images[[5, 11]]).all()
    assert (load_test(folder / name).images == test.images).all()


def test_generated_rows_train_and_never_validate(pictures):
    folder, images, rows = pictures
    made = [i % 6 > 2 for i in range(12)]
    for head, cells in (("file,label,split,generated", ",train"), ("file,label,generated", "")):
        table = "".join(f"{path},{label}{cells},{int(m)}\n" for (path, label), m in zip(rows, made))
        (folder / "images.csv").write_text(f"{head}\n{table}")
        train, valid = load(folder / "images.csv"), load(folder / "images.csv", "valid")
        real = [image.tobytes() for image, m in zip(images, made) if not m]
        assert len(train) == 10 and len(valid) == 2 and all(image.tobytes() in real for image in valid.images)
        larger = DataSpec(str(folder / "images.csv"), valid_share=0.5)
        assert (len(load(larger)), len(load(larger, "valid"))) == (8, 4)


def test_parts_that_are_none_and_lists_without_training(pictures, capsys):
    folder, images, rows = pictures
    (folder / "fold.csv").write_text("file,label,split\n" + lines(rows, "{},{},fold 1"))
    assert len(load_test(folder / "fold.csv")) == 12 and "its column split is left out" in capsys.readouterr().err
    (folder / "odd.csv").write_text("file,label,split\n" + lines(rows[:-2], "{},{},test") + lines(rows[-2:], "{},{},"))
    with pytest.raises(InputError, match="column split is '' in 2 of 12 rows, and a part in others: write train"):
        load_test(folder / "odd.csv")
    (folder / "test.csv").write_text("file,label,split\n" + lines(rows, "{},{},test"))
    assert (load_test(folder / "test.csv").images == images).all()
    with pytest.raises(InputError, match="no training images"):
        load(folder / "test.csv")
    (folder / "both.csv").write_text("file,label,split\n" + lines(rows, "{},{},train") + f"{rows[0][0]},0,test\n")
    with pytest.raises(InputError, match="line 14: .* is in the part test, and in line 2 in another one"):
        load(folder / "both.csv")


# ---- folders with lists ----


@pytest.mark.parametrize("names", ["negative\npositive\n", "0 negative\n1 positive\n", "1,negative\r\n2,positive\r\n"])
def test_a_folder_of_paddlex(pictures, names):
    folder, images, rows = pictures
    shift = 1 if names.startswith("1") else 0
    for name, of_part in (("train", rows[:5] + rows[6:]), ("val", rows[5:6]), ("test", rows[::3])):
        (folder / f"{name}_list.txt").write_text(lines([(path, label + shift) for path, label in of_part]).replace("/", "\\"))
    (folder / "labels.txt").write_text(names)
    train, valid, test = (load(folder, mode) for mode in ("train", "valid", "test"))
    assert (len(train), len(valid), len(test)) == (11, 1, 4) and train.class_names == ("negative", "positive") == test.class_names
    assert (valid.images == images[5:6]).all() and train.source == f"{folder}, train_list.txt"


def test_lists_without_names_or_with_other_classes(pictures):
    folder, _, rows = pictures
    (folder / "train.txt").write_text(lines(rows))
    assert load(folder).class_names == ("0", "1") and load(folder, "valid").counts().tolist() == [1, 1]
    (folder / "test.txt").write_text(lines([(rows[0][0], 7)]))
    with pytest.raises(InputError, match="test.txt has a class 7, which the training images have not: they have 0, 1"):
        load(folder, "test")
    (folder / "labels.txt").write_text("zero\n")
    with pytest.raises(InputError, match="train.txt has a label 1, but the classes are numbered from 0 to 0"):
        load(folder)


def test_metadata_in_the_folder_of_its_pictures(pictures):
    folder, images, rows = pictures
    named = [(path.removeprefix("pics/"), ("no", "yes")[label]) for path, label in rows]
    (folder / "pics" / "metadata.csv").write_text("file_name,label\n" + lines(named, "{},{}"))
    data = load_test(folder / "pics")
    assert data.class_names == ("no", "yes") and (data.images == images).all()
    (folder / "pics" / "metadata.csv").write_text("file_name,text\n")  # captions, no labels
    assert load_test(folder / "pics").class_names == ("pics",)
    (folder / "pics" / "metadata.csv").write_text("file_name,label\n" + lines(named[:-1], "{},{}") + f"{named[-1][0]},\n")
    with pytest.raises(InputError, match="metadata.csv, line 13: no label"):
        load_test(folder / "pics")


def test_images_are_called_by_their_paths_in_the_list(pictures):
    folder, images, rows = pictures
    (folder / "list.csv").write_text("file,label\n" + lines(rows, "{},{}"))
    assert read_image_set(folder / "list.csv", DataSpec("")).names == [str(Path(path)) for path, _ in rows]


# ---- faults ----

FAULTS = [
    ("x.txt", b"\xff\xff\xff\x00", "neither UTF-8 nor GBK"),
    ("x.txt", b"a.png\0 1\n", "neither UTF-8 nor GBK"),
    ("x.txt", b"0 pics/a.png\n", "line 1: expected a path and a label"),
    ("x.txt", b"a.png 0,1\n", "several labels"),
    ("x.txt", b"a.png 1\na.png 2\n", "line 2: a.png has the label 2, and in line 1 another"),
    ("x.csv", b"file,label\na.png\n", "line 2: no label"),
    ("x.csv", b"file,label\n,1\n", "line 2: no path"),
    ("x.csv", b"image,mel,nv\na.png,1,0\n", "columns image, mel, nv"),
    ("x.csv", b"file,label\n", "is empty"),
    ("x.csv", b'file,label\n"' + b"x" * 200_000, "line .*field larger"),
    ("x.jsonl", b"[1]\n", "line 1: no JSON object"),
    ("x.jsonl", b'{"file_name": "a.png", "label": [1, 2]}\n', "line 1: expected file_name"),
    ("x.jsonl", b"[" * 100_000, "no JSON object"),
    ("x.jsonl", b'{"file_name": "\\ud800.png", "label": 1}\n', "line 1: .* is no name of a file"),
    ("x.txt", b"a.png " + b"9" * 5000 + b"\nb.png 1\n", "does not exist"),
]


@pytest.mark.parametrize("name, content, message", FAULTS)
def test_faults(other_project, name, content, message):
    (other_project / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        load(other_project / name)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 1000


@pytest.mark.parametrize("text, message", [("", "no class"), ("a\na\n", "twice"), ("\0", "neither")])
def test_faults_of_class_names(tmp_path, text, message):
    (tmp_path / "labels.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_class_names(tmp_path / "labels.txt")


def test_names_that_begin_with_numbers_are_names(tmp_path):
    (tmp_path / "labels.txt").write_text("3 people\n7 dwarfs\n")
    assert read_class_names(tmp_path / "labels.txt") == {0: "3 people", 1: "7 dwarfs"}
    (tmp_path / "x.txt").write_text('"a b.png" number one\nc.png.jpg\ttwo\n')
    assert list(read_rows(tmp_path / "x.txt")) == [Row(1, "a b.png", "number one"), Row(2, "c.png.jpg", "two")]


# ---- beside class folders ----


def write_list(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_list_with_numbers(digits):
    folder = digits(each=2)
    path = write_list(folder / "list.txt", "2/0.png 0", "2/1.png 0", "", f"{folder / '0' / '0.png'} 1", "0/1.png 1")
    data = load_test(path)
    assert data.class_names == ("0", "1") and data.labels.tolist() == [0, 0, 1, 1]
    assert (data.images[2] == load_test("set").images[0]).all()
    assert load(path).counts().tolist() == [1, 1]


def test_a_list_with_names_and_blanks(digits):
    folder = digits(classes=["a 1"], each=2)
    path = write_list(folder / "list.txt", "a 1/0.png\tnumber one", "a 1/1.png\tanother")
    assert load_test(path).class_names == ("another", "number one")
    assert load_test(write_list(folder / "list.lst", "a 1/0.png b10", "a 1/1.png b9")).class_names == ("b9", "b10")


@pytest.mark.parametrize(
    "lines, message",
    [
        (["0/0.png"], "line 1: expected a path and a label"),
        (["0/0.png 0", "../secret.png 1"], r"../secret.png \(does not exist\)"),
        (["0/0.png -1"], "labels count from 0"),
        (["0/0.png 0", "0/\0.png 1"], "neither UTF-8 nor GBK text"),
        ([""], "is empty"),
        (["0/none.png 0"], r"0/none.png \(does not exist\)"),
    ],
)
def test_faults_of_lists(digits, lines, message):
    path = write_list(digits() / "list.txt", *lines)
    with pytest.raises(InputError, match=message) as refused:
        load(path)
    assert "\n" not in str(refused.value)


# ---- memory ----

READER = """
from pathlib import Path
from paddle_gan_aug.data.list_files import list_file

def held():
    return int(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")))

list_file(Path("short.txt"))
before = held()
listing = list_file(Path("long.txt"))
print(len(listing.files), held() - before, listing.files[150_000], listing.class_names[listing.labels[150_000]])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="anonymous memory is told by Linux alone")
def test_the_rows_of_a_long_list_are_not_held_in_memory(other_project):
    for name, count in (("short.txt", 30_000), ("long.txt", 200_000)):
        (other_project / name).write_text(lines((f"pictures/{i % 7}/{i:07d}.png", f"class {i % 7}") for i in [*range(count), 5]))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", READER], capture_output=True, text=True, env=environment, timeout=300)
    assert done.stderr == "".join(
        f"{name}: 1 of {count} rows repeat others; each picture counts once\n"
        for name, count in (("short.txt", 30_001), ("long.txt", 200_001))
    )
    count, grown, *found = done.stdout.split(" ", 2)
    assert (int(count), found) == (200_000, ["pictures/4/0150000.png class 4\n"])
    assert int(grown) < 12_000  # kB, 60 bytes a row: of a list of texts it would be a thousand


def test_a_name_too_long_for_the_disk_is_a_missing_picture(pictures):
    folder, images, rows = pictures
    for name in ("é" * 200, "e" * 300):
        (folder / "list.txt").write_text(lines([*rows, (f"{name}.png", 1)]))
        with pytest.raises(InputError, match=f"1 of 13 files cannot be used: {name[:99]}.*; mend or remove them"):
            load_test(folder / "list.txt")
        assert len(load_test(DataSpec(str(folder / "list.txt"), skip_bad=True))) == len(images)


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_a_table_that_begins_with_blank_lines(pictures, separator):
    folder, images, rows = pictures
    (folder / "list.csv").write_text("\n \n" + lines([("file", "label"), *rows], f"{{}}{separator}{{}}"))
    assert (load_test(folder / "list.csv").images == images).all()


def test_a_label_that_is_no_text(pictures):
    """A file name or a class of halves of characters could be read, but never written."""
    folder, _, rows = pictures
    written = [{"file": path, "label": "\ud800" if label else "b"} for path, label in rows]
    (folder / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))
    with pytest.raises(InputError, match=r"list.jsonl, line 7: '\\ud800' is no label$"):
        load(folder / "list.jsonl")
