"""Class folders and list files: the right classes, parts and splits; every fault one clear line; decoded once."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.data import DataSpec, folders, load, load_test, read_listing
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import PACKAGE_PARENT


def test_class_folders_are_split_by_class(digits, mnist_train):
    folder = digits(each=12)
    train, valid = load("set"), load("set", "valid")
    assert train.counts().tolist() == [10] * 3 and valid.counts().tolist() == [2] * 3
    everything = np.concatenate([train.images, valid.images])
    assert len(np.unique(everything.reshape(36, -1), axis=0)) == 36
    assert load("set").fingerprint() == train.fingerprint() == load(folder).fingerprint()
    assert load(DataSpec("set", seed=1)).fingerprint() != train.fingerprint()
    assert load(DataSpec("set", valid_share=0.5), "valid").counts().tolist() == [6] * 3
    assert len(load("set", split="full")) == 36
    assert load_test("set").counts().tolist() == [12] * 3
    assert (load_test("set").of_class("2").images == mnist_train.of_class(2).images[:12]).all()


def test_parts_are_folders(digits):
    digits("set/train"), digits("set/val", "02", 3, first=6), digits("set/test", "21", 2, first=9)
    assert [load("set", mode).counts().tolist() for mode in ("train", "valid", "test")] == [[6, 6, 6], [3, 0, 3], [0, 2, 2]]
    assert load_test("set").source == "set, folder test"
    with pytest.raises(InputError, match="validation images of its own"):
        load(DataSpec("set", valid_share=0.1))
    digits("set/valid", "0")
    with pytest.raises(InputError, match="both valid and val"):
        load("set")


def test_a_part_that_is_not_there(digits):
    digits("set/train", each=12)
    assert load("set", "valid").counts().tolist() == [2] * 3
    with pytest.raises(InputError, match="set has no test images: .*folder test"):
        load("set", "test")


def test_classes_are_in_natural_order_and_hidden_files_do_not_count(digits):
    folder = digits(classes=["b10", "b2", "a1"])
    (folder / ".cache").mkdir()
    (folder / "README.txt").write_text("digits")
    (folder / "b2" / ".DS_Store").write_bytes(b"x")
    (folder / "b2" / "Thumbs.db").write_bytes(b"x")
    assert load("set").class_names == ("a1", "b2", "b10")


def test_a_folder_without_class_folders_is_one_class(digits):
    folder = digits(classes="3")
    data = load(folder / "3")
    assert data.class_names == ("3",) and len(data) == 5


def test_a_manifest_leads(digits):
    folder = digits()
    Image.new("L", (99, 9)).save(folder / "grid.png")
    (folder / "manifest.jsonl").write_text('{"file": "1/0.png"}\n{"file": "1/1.png"}\n{"file": "0/0.png"}\n')
    data = load_test("set")
    assert data.class_names == ("0", "1") and data.labels.tolist() == [1, 1, 0]


def test_an_augmented_set_without_generated_images_is_read(digits):
    """An augmentation whose filters dropped everything leaves the real images and an empty manifest."""
    folder = digits("set/train", each=12)
    (folder.parent / "manifest.jsonl").write_text("")
    assert load("set", "train").counts().tolist() == [10] * 3 and load("set", "valid").counts().tolist() == [2] * 3


def test_few_labels_and_some_classes(digits):
    digits(each=12)
    few, more = (load(DataSpec("set", per_class=count, seed=3)) for count in (2, 4))
    assert few.counts().tolist() == [2] * 3 and more.counts().tolist() == [4] * 3
    assert {image.tobytes() for image in few.images} < {image.tobytes() for image in more.images}
    assert load(DataSpec("set", per_class=2, seed=3), "valid").counts().tolist() == [2] * 3
    assert load(DataSpec("set", classes=(0, "2"))).counts().tolist() == [10, 0, 10]
    assert load(DataSpec("set", classes=("1",)), "valid").counts().tolist() == [0, 2, 0]
    with pytest.raises(InputError, match="class 0 .* has 10 training images: data.per_class 11"):
        load(DataSpec("set", per_class=11))
    with pytest.raises(InputError, match="no class '7'"):
        load(DataSpec("set", classes=("7",)))


def empty_class(folder):
    (folder / "9").mkdir()
    return "class folder .*9 is empty"


def stray(folder):
    Image.new("L", (28, 28)).save(folder / "stray.png")
    return "stray.png belongs to no class"


def too_deep(folder):
    (folder / "1" / "more").mkdir()
    return "is no class, it has a folder more"


def damaged(folder):
    (folder / "1" / "0.png").write_bytes(b"x")
    return r"1 of 18 files cannot be used: 1/0.png \(not an image\).*data.skip_bad"


def outside(folder):
    (folder / "manifest.jsonl").write_text('{"file": "../x.png"}\n')
    return "outside the folder"


def null(folder):
    (folder / "manifest.jsonl").write_text('{"file": "1/\\u0000.png"}\n')
    return "names no file and class"


def no_text(folder):
    (folder / "manifest.jsonl").write_bytes(b"\xff\xfe\n")
    return "is damaged"


def no_json(folder):
    (folder / "manifest.jsonl").write_text("[]\n")
    return "is damaged"


@pytest.mark.parametrize("fault", [empty_class, stray, too_deep, damaged, outside, null, no_text, no_json])
def test_faults_of_folders(digits, fault):
    message = fault(digits())
    with pytest.raises(InputError, match=message) as refused:
        load("set")
    assert "\n" not in str(refused.value)


def test_a_strange_part_or_class(digits):
    digits("set/train", "01"), digits("set/test", "02", 2)
    with pytest.raises(InputError, match="test has a class 2, which the training images have not"):
        load("set", "test")
    digits("set/extra", "0")
    with pytest.raises(InputError, match="a folder extra: it may hold train"):
        load("set")


def test_skipped_files_are_said_once_and_no_class_is_lost(digits, capsys, monkeypatch):
    folder = digits()
    (folder / "1" / "0.png").write_bytes(b"x")
    monkeypatch.setattr("paddle_gan_aug.data.notices._printed", set())
    for _ in range(2):  # decoded, then from the cache
        assert load_test(DataSpec("set", skip_bad=True)).counts().tolist() == [6, 5, 6]
    assert capsys.readouterr().err.count("1/0.png (not an image); skipped") == 1
    for file in (folder / "1").iterdir():
        file.write_bytes(b"x")
    with pytest.raises(InputError, match="no usable image is left of class 1"):
        load(DataSpec("set", skip_bad=True))


def test_files_are_decoded_once(digits, other_project, monkeypatch):
    folder = digits()
    first, calls = load("set"), []
    monkeypatch.setattr(read_listing, "decode", lambda *arguments, **_: calls.append(arguments) or 1 / 0)
    assert load("set").fingerprint() == first.fingerprint() and not calls
    cached = next((other_project / "output" / ".cache").iterdir())
    os.utime(folder / "0" / "0.png", (1, 1))
    with pytest.raises(ZeroDivisionError):  # a file that changed is read again, and so are other options
        load("set")
    os.utime(folder / "0" / "0.png", (2, 2))
    with pytest.raises(ZeroDivisionError):
        load(DataSpec("set", image_size=14))
    monkeypatch.undo()
    monkeypatch.chdir(other_project)
    cached.write_bytes(b"damaged")
    assert load("set").fingerprint() == first.fingerprint()


def test_a_lone_image_trains_with_all_the_others_or_is_refused(digits):
    digits(classes="0"), digits(classes="1", each=1)
    assert load("set", split="full").counts().tolist() == [6, 1]
    with pytest.raises(InputError, match="class 1 of set has one image: .*data.split full"):
        load("set")


def test_folders_named_by_numbers(digits):
    digits("set", [str(i) for i in range(1, 13)]), digits("padded", [f"{i:03d}" for i in range(12)])
    of_set, padded = [("3", "3"), (3, "3"), (12, "12")], [("010", "010"), ("3", "003"), (8, "008")]
    for source, wanted, name in [("set", *row) for row in of_set] + [("padded", *row) for row in padded]:
        chosen = load(DataSpec(source, classes=(wanted,)))
        assert [chosen.class_names[i] for i in np.flatnonzero(chosen.counts())] == [name]
        assert load(source, class_name=wanted).fingerprint() == chosen.fingerprint()
    with pytest.raises(InputError, match="no class '0' in set"):
        load("set", class_name=0)


@pytest.mark.parametrize("train, valid, test", [("training", "validation", "testing"), ("Train", "Val", "TEST"), ("train", "dev", "test")])
def test_parts_have_their_usual_names_in_any_case(digits, train, valid, test):
    for name, each, first in ((train, 6, 0), (valid, 3, 6), (test, 2, 9)):
        digits(f"set/{name}", each=each, first=first)
    assert [load("set", mode).counts().tolist() for mode in ("train", "valid", "test")] == [[6] * 3, [3] * 3, [2] * 3]
    digits("set/" + {"testing": "test"}.get(test, "testing"), each=1)
    with pytest.raises(InputError, match="set has both .* and .*: keep one of them"):
        load("set")


def test_a_class_named_train_is_no_part(digits, mnist_train):
    folder = digits(classes="12")
    (folder / "1").rename(folder / "bus"), (folder / "2").rename(folder / "train")
    assert load("set").class_names == ("bus", "train")


JUNK = ("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", ".ipynb_checkpoints", "__pycache__")


def test_what_packers_and_network_drives_leave_behind_is_left_out(digits):
    folder = digits()
    digits("parts/train"), digits("parts/test", each=1, first=6)
    before = load("set").fingerprint(), load("parts").fingerprint(), load("parts", "test").fingerprint()
    parts = folder.parent / "parts"
    for place in (folder, folder / "1", parts, parts / "train", parts / "train" / "1"):
        for name in JUNK:
            (place / name / "1").mkdir(parents=True)
            Image.new("L", (9, 9)).save(place / name / "x.png")
        for name in ("._0.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
            (place / name).write_bytes(b"\0\5\x16\7")
    assert (load("set").fingerprint(), load("parts").fingerprint(), load("parts", "test").fingerprint()) == before


def test_stray_texts_in_class_folders_are_left_out_and_told(digits, capsys):
    folder = digits()
    before = load("set").fingerprint()
    for name in ("README", "notes.txt", "labels.csv", "x.json", "LICENSE"):
        (folder / "1" / name).write_text("x")
    assert load("set").fingerprint() == before
    told = capsys.readouterr().err
    assert told.count("left out what is no picture") == 1 and "LICENSE, README, labels.csv and 2 more" in told
    (folder / "1" / "film.mp4").write_bytes(b"x")
    with pytest.raises(InputError, match=r"1/film.mp4 \(not a picture by its name\)"):
        load("set")
    for file in (folder / "2").iterdir():
        file.unlink()
    (folder / "2" / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="class folder .*2 is empty"):
        load("set")


def test_one_level_off_names_the_folder_to_give(digits, idx_folder, other_project, capsys):
    digits("outer/pets")
    (other_project / "outer" / "__MACOSX").mkdir(), (other_project / "outer" / "README.txt").write_text("x")
    with pytest.raises(InputError, match="is no class, it has a folder .: give outer/pets$"):
        load("outer")
    digits("more/outer/pets/train")
    with pytest.raises(InputError, match="give more/outer/pets$"):
        load("more")
    idx_folder().rename(other_project / "more" / "raw")
    (other_project / "only").mkdir(), (other_project / "more" / "raw").rename(other_project / "only" / "raw")
    with pytest.raises(InputError, match="only holds no data itself, but the folder below it does: give only/raw"):
        load("only")
    capsys.readouterr()
    digits(classes="3")
    assert load("set/3").class_names == ("3",)
    assert "there are no class folders in set/3, so all of its pictures are one class, 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, advice",
    [
        ("x.zip", "unpack it"),
        ("x.tar.gz", "unpack it"),
        ("x.npy", "numpy.savez"),
        ("x.parquet", "a folder for each class"),
        ("x.xlsx", "save it as .csv"),
        ("x.PNG", "the folder that holds the class folders"),
    ],
)
def test_what_is_not_read_here_says_what_to_do(other_project, name, advice):
    (other_project / name).write_bytes(b"x")
    with pytest.raises(InputError, match=f"{name} cannot be read as data: .*{advice}") as refused:
        load(name)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


def ends_soon(name):
    """The last line that a command gives on data of this name; a hang is stopped after a minute."""
    done = subprocess.run(
        [sys.executable, "-m", "paddle_gan_aug", "train", "--data", name], capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)},
    )  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_not_opened(digits):
    folder = digits()
    os.mkfifo(folder / "pipe")
    assert len(load("set", split="full")) == 18
    os.mkfifo(folder / "0" / "zz.png")
    assert "1 of 19 files cannot be used: 0/zz.png (not a file)" in ends_soon("set")
    (folder.parent / "alone").mkdir()
    os.mkfifo(folder.parent / "alone" / "pipe")
    assert "none of the kinds of data" in ends_soon("alone")


@pytest.mark.parametrize("name", ["/", "/proc", "/dev", "/sys"])
def test_what_is_a_whole_disk_or_no_folder_of_files_ends_in_one_line(other_project, name):
    if not os.path.isdir(name):
        pytest.skip(f"there is no {name}")
    ends_soon(name)


def test_few_files_without_a_suffix_are_opened(tmp_path, monkeypatch):
    for i in range(300):
        (tmp_path / f"{i:03}").write_bytes(b"x")
    asked = []
    monkeypatch.setattr(folders, "is_picture", lambda file: asked.append(file))
    assert not folders.is_image_folder(tmp_path) and 0 < len(asked) <= 50


@pytest.mark.parametrize("name", ["", "  "])
def test_no_name_is_not_the_current_folder(digits, monkeypatch, name):
    monkeypatch.chdir(digits())
    with pytest.raises(InputError, match="data: '.*' is no path"):
        load(name)


@pytest.mark.parametrize("name", [".x", "...x"])
def test_a_hidden_class_folder_is_told(digits, capsys, name):
    folder = digits()
    before = load("set").fingerprint()
    shutil.copytree(folder / "1", folder / name)
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("x")
    assert load("set").fingerprint() == before
    said = f"{folder.name}: left out hidden folders with pictures: {name}; a class needs a name that begins with no dot\n"
    told = capsys.readouterr().err
    assert said in told and told.count("hidden") == 1


@pytest.mark.parametrize("file", ["manifest.jsonl", "labels.csv", "data.npz", "data.json", "train_list.txt"])
def test_a_data_set_whose_file_is_a_pipe(tmp_path, file):
    os.mkfifo(tmp_path / file)
    for data in (tmp_path, tmp_path / file):
        with pytest.raises(InputError):
            load(data)
