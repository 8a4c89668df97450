"""One command from a data set to an augmented one, by the real command line: real files untouched, counts exact, honest manifest."""

import csv
import hashlib
import json
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.augment.policies import recorded_policy
from paddle_gan_aug.cli.augment import worth_lines
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import DataSpec, load
from paddle_gan_aug.data.folders import list_file
from paddle_gan_aug.errors import NoSuchPart
from paddle_gan_aug.runs.opened import open_run
from paddle_gan_aug.synthesis.real_files import RealPart
from paddle_gan_aug.synthesis.summary import worth

BESIDE = {"paddle_gan_aug.json", "images.csv", "label_list.txt", "train_list.txt"}
QUICK = ["--steps", 3, "-o", "generator.width=0.05", "discriminator.width=0.05", "log.visualdl=false", "--filters", "none"]


@pytest.fixture
def folder(tmp_path, small_mnist):
    """Real digits in class folders: 12 of "three", 9 of "five", 4 of "eight", in two picture formats."""
    images = load(str(small_mnist), "train")
    for digit, name, count in ((3, "three", 12), (5, "five", 9), (8, "eight", 4)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i, image in enumerate(images.of_class(digit).images[:count]):
            Image.fromarray(image[0]).save(tmp_path / "data" / name / f"{i}.{'bmp' if i % 2 else 'png'}")
    return tmp_path / "data"


def hashes(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_folder_comes_out_balanced(cli, folder, tmp_path):
    to = tmp_path / "out"
    before = hashes(folder)
    command = ["augment", "--data", folder, "--to", to, "--batch-size", 8, *QUICK]
    dry = cli(*command, "--dry-run")
    assert "an estimate" in dry.stdout and "train a GAN" in dry.stdout and not to.exists() and not cli.output.exists()
    result = json.loads(cli(*command, "--json").stdout)
    assert result["table"] == [["eight", 4, 8, 12], ["five", 9, 3, 12], ["three", 12, 0, 12], ["all", 25, 11, 36]]
    assert hashes(folder) == before
    after = hashes(to)
    assert {name: digest for name, digest in after.items() if name.startswith("train/") and "generated-" not in name} == {
        f"train/{name}": digest for name, digest in before.items()
    }
    rows = [json.loads(line) for line in (to / "manifest.jsonl").read_text().splitlines()]
    made = sorted(name for name in after if "generated-" in name)
    assert sorted(row["file"] for row in rows) == made
    assert set(after) == {*(f"train/{name}" for name in before), *made, "manifest.jsonl", "grid.png", *BESIDE, "val_list.txt"}
    assert [row["class"] for row in rows] == ["eight"] * 8 + ["five"] * 3
    data = load(str(to), "train", split="full")
    assert data.class_names == ("eight", "five", "three") and data.counts().tolist() == [12, 12, 12]
    real, valid = load(str(to), "train"), load(str(to), "valid")
    assert valid.counts().tolist() == [1, 2, 2] and (real.counts() + valid.counts()).tolist() == [12, 12, 12]
    run = json.loads(next((cli.output / "out-gan" / "checkpoints").glob("step-*/state.json")).read_text())
    assert run["data"]["fingerprint"] == load(str(folder), "train").fingerprint()
    held_out = [image.tobytes() for image in load(str(folder), "valid").images]
    assert [image.tobytes() for image in valid.images] == held_out  # the same that the GAN did not learn
    originals = {image.tobytes() for image in load(str(folder), "train", split="full").images}
    assert all(image.tobytes() in originals for image in valid.images)  # nothing generated validates
    assert "not empty" in cli(*command, code=2).stderr
    again = cli(*command, "--resume")
    assert "nothing left to do" in again.stderr and hashes(to) == after


def test_mistakes_before_anything_is_trained(here, folder, tiny, tmp_path):
    command = ["augment", "--data", folder, "--batch-size", 8, *QUICK[:-2]]
    for to in (folder, folder / "aug", folder / "three" / "aug"):
        assert "inside the data" in here(*command, "--to", to, code=2).stderr or to == folder
    before = hashes(folder)
    other = here(*command, "--to", tmp_path / "out", "--classifier", tiny["classifier"], code=2)
    assert "train one on them" in other.stderr
    assert not (tmp_path / "out").exists() and not (here.output / "out-gan").exists()
    assert hashes(folder) == before and not (folder / "aug").exists()


def test_validation_images_stay_real(here, small_mnist, tmp_path):
    """Data without files of its own becomes pictures; held-out and test images go beside, with nothing generated among them."""
    to = tmp_path / "out"
    options = ["--data", small_mnist, "--split", "standard", "--per-class", 60, "--per-class-runs"]
    done = here("augment", *options, "--batch-size", 20, *QUICK, "--to", to)
    assert "generated" in done.stdout
    for mode in ("train", "valid", "test"):
        real, found = load(str(small_mnist), mode), load(str(to), mode)
        place = [path for path in sorted((to / {"test": "test"}.get(mode, mode)).rglob("real-*.png"))]
        assert len(place) == len(real)
        if mode == "train":
            assert np.maximum(real.counts(), 60).tolist() == found.counts().tolist()
        else:
            assert found.counts().tolist() == real.counts().tolist()
            assert sorted(image.tobytes() for image in found.images) == sorted(image.tobytes() for image in real.images)
    lacking = [digit for digit, count in enumerate(load(str(small_mnist), "train").counts()) if count < 60]
    assert 0 < len(lacking) < 10  # the others need no GAN
    assert sorted(path.name for path in (here.output / "out-gan").iterdir()) == [f"out-gan-{digit}" for digit in lacking]


def test_filters_and_a_class_that_stays_short(here, folder, tmp_path):
    """With filters a classifier of the same images is trained; junk does not pass it, which is said, and what there is stays."""
    command = ["augment", "--data", folder, "--to", tmp_path / "out", "--batch-size", 8, *QUICK[:-2], "--filter", "agreement"]
    done = here(*command, "--attempts", 1, code=1)
    assert "more attempts" in done.stderr
    dropped = json.loads((tmp_path / "out" / "dropped.json").read_text())
    rows = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    assert dropped["missing"] and len(rows) == dropped["kept"] < 11
    assert dropped["filters"]["classifier"]["run"] == "out-classifier"
    assert len(list((tmp_path / "out" / "train" / "three").iterdir())) == 12
    assert "exists" in here(*command[:4], tmp_path / "other" / "out", *command[5:], code=2).stderr  # runs are named after the set
    longer = here(*command, "--steps", 4, "--resume", code=2)
    assert "another length of training" in longer.stderr
    here(*command, "--attempts", 3, "--resume", code=1)
    again = json.loads((tmp_path / "out" / "dropped.json").read_text())
    short = [name for name in dropped["missing"] if name in again["missing"]]
    assert short and all(again["classes"][name]["tried"] > dropped["classes"][name]["tried"] for name in short)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--data", "nowhere"], "does not exist"),
        (["--per-class", 0], "at least 1"),
        (["--ratio", 0], "above 0"),
        (["--ratio", 1, "--per-class", 5], "give one of them"),
        (["--gan", "classifier"], "makes no images"),
        (["--gan", "dagan", "--batch-size", 8], "varies real images"),
        (["--gan", "learned-augmenter", "--batch-size", 8, "--per-class-runs", "--dry-run"], "varies real images"),
        (["--filter", "beauty"], "choose from"),
        (["--attempts", 0], "at least 1"),
        (["--seed", -1], "--seed (train.seed): expected int >= 0, got -1"),
        (["--seed", "abc"], "--seed (train.seed): expected int, got 'abc'"),
        (["--per-class", 4], "fewer than 4 images"),
        (["--batch-size", 22, "--gan", "projection"], "batch size 22 is larger than the data, 20 images"),
        (["--batch-size", 22, "--gan", "projection", "--dry-run"], "batch size 22 is larger than the data, 20 images"),
        (["--policy", "sideways"], "--policy (data.policy): expected one of auto, digits, objects, mirrored"),
    ],
)
def test_bad_wishes_write_nothing(here, folder, tmp_path, arguments, words):
    data = [] if "--data" in arguments else ["--data", folder]
    done = here("augment", *data, "--to", tmp_path / "out", *arguments, code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists() and not here.output.exists()


def test_a_target_in_use(here, folder, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    assert "is a file" in here("augment", "--data", folder, "--to", tmp_path / "note.txt", code=2).stderr
    (tmp_path / "used").mkdir()
    (tmp_path / "note.txt").rename(tmp_path / "used" / "note.txt")
    done = here("augment", "--data", folder, "--to", tmp_path / "used", "--resume", code=2)
    assert "not of augment" in done.stderr and "resume" not in done.stderr
    assert hashes(tmp_path / "used").keys() == {"note.txt"}


def test_the_next_command_reads_what_was_copied(here, folder, tmp_path):
    to = tmp_path / "out"
    done = here("augment", "--data", folder, "--to", to, "--batch-size", 8, "--image-size", 32, "--channels", 3, *QUICK)
    assert f"classify --data {to} --image-size 32 --channels 3 --test TEST_IMAGES" in done.stdout
    last = shlex.split(done.stdout.strip().splitlines()[-1].partition("python -m paddle_gan_aug ")[2])
    assert last[:4] == ["train", "--gan", "classifier", "--data"]
    quick = ["--batch-size", 8, "--steps", 2, "--run", "judged"]
    here(*["1" if word == "200" else word for word in last], *quick)  # it works as it stands
    assert load(DataSpec(str(to), image_size=32, channels=3), "train").shape == (3, 32, 32)
    again = ["--run", here.output / "out-gan", "--to", tmp_path / "more", "--per-class", 13, "--filters", "none"]
    assert json.loads(here("augment", *again, "--json").stdout)["reading"] == {"image_size": 32, "channels": 3}  # the run's own


def test_a_file_named_like_a_generated_one(here, folder, tmp_path):
    (folder / "five" / "0.png").rename(folder / "five" / "generated-000000.png")
    assert "named like a generated" in here("augment", "--data", folder, "--to", tmp_path / "out", *QUICK, code=2).stderr
    assert not (tmp_path / "out").exists()


def test_previews_of_all_transforms(here, folder, tmp_path):
    here("augment", "--data", folder, "--preview", "--to", tmp_path / "sheets")
    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == ["policies.png", "transforms.png"]
    sheet = np.asarray(Image.open(tmp_path / "sheets" / "transforms.png"))
    images = {image.tobytes() for image in load(str(folder), "train").images}
    left = sheet.shape[1] - (12 * 58 - 2)  # beside the names: six pairs a row, every image at twice its size
    for row in range(17):
        cells = [sheet[58 * row : 58 * row + 56 : 2, left + 58 * i : left + 58 * i + 56 : 2, 0] for i in range(12)]
        assert all(cell.tobytes() in images for cell in cells[::2])  # before: the data's own
        assert (row == 0) == all((before == after).all() for before, after in zip(cells[::2], cells[1::2]))  # "color" leaves grey alone
    assert "exists" in here("augment", "--data", folder, "--preview", "--to", tmp_path / "sheets", code=2).stderr


def test_a_single_class_lacks_nothing(here, folder, tmp_path):
    done = here("augment", "--data", folder / "five", "--to", tmp_path / "out", *QUICK, code=2)
    assert "--per-class" in done.stderr and "one level too deep" in done.stderr
    assert not (tmp_path / "out").exists()


# ---- parts and names -----------------------------------------------------------------------------------------------------


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


# ---- what is asked for ---------------------------------------------------------------------------------------------------


def test_equal_classes_become_twice_as_large(here, folder, tmp_path):
    for name in ("three", "five"):
        for file in sorted((folder / name).iterdir())[4:]:
            file.unlink()
    dry = here("augment", "--data", folder, "--to", tmp_path / "out", "--batch-size", 8, *QUICK, "--dry-run").stdout
    assert "no class lacks an image, all have 4" in dry and "per_class" in dry and "ratio" in dry
    done = here("augment", "--data", folder, "--to", tmp_path / "out", "--batch-size", 8, *QUICK, "--json")
    assert json.loads(done.stdout)["table"] == [*([name, 4, 4, 8] for name in ("eight", "five", "three")), ["all", 12, 12, 24]]


def test_the_dry_run_shows_the_policy_and_a_range_of_times(here, folder, tmp_path):
    command = ["augment", "--data", folder, "--to", tmp_path / "dry-out", "--batch-size", 8, "--steps", 4, *QUICK[2:-2], "--dry-run"]
    result = json.loads(here(*command, "--policy", "mirrored", "--json").stdout)
    assert result["policy"] == "mirrored"
    with Image.open(result["picture"]) as picture:
        assert picture.size[1] == 56  # a row of images at twice their size
    assert [step["what"].split(" ")[0] for step in result["steps"]] == ["train", "train", "see", "generate,", "copy"]
    assert all(0 < step["low"] <= step["seconds"] <= step["high"] for step in result["steps"])
    said = here(*command).stdout
    assert "policy digits" in said and result["picture"] in said and "% pass" in said
    assert not (tmp_path / "dry-out").exists()


def test_the_seed_of_a_file_makes_the_latents(here, folder, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "algorithm: gan\ntrain: {seed: 5, steps: 3, batch_size: 8}\n"
        "generator: {architecture: dcgan, conditioning: embedding, width: 0.05}\n"
        "discriminator: {architecture: dcgan, conditioning: embedding, width: 0.05}\nlog: {visualdl: false}\n"
    )
    here("augment", "-c", tmp_path / "mine.yaml", "--data", folder, "--to", tmp_path / "out", "--filters", "none")
    rows = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert {row["seed"] for row in rows} == {5}


@pytest.mark.parametrize(
    "more, words",
    [
        (["--steps", 9], "--steps (train.steps) is 3"),
        (["-o", "generator.width=0.1", "data.image_size=32"], "generator.width is 0.05, --image-size (data.image_size) is None"),
        (["-o", "data.classes=[1,2]"], "data.classes is None"),
        (["--data", "mnist"], "learnt"),
    ],
)
def test_settings_that_a_trained_run_ignores(here, tiny, tmp_path, more, words):
    done = here("augment", "--run", tiny["conditional"], "--to", tmp_path / "out", "--filters", "none", *more, code=2)
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1 and not (tmp_path / "out").exists()


def test_what_the_filters_say_of_the_gan(here, tiny, small_mnist, tmp_path):
    options = ["--filter", "agreement", "--classifier", tiny["classifier"], "--per-class", 52, "--attempts", 400]
    done = here("augment", "--run", tiny["conditional"], "--to", tmp_path / "out", *options, code=1)
    assert "not filled" in done.stderr
    found = worth(tmp_path / "out")
    report = json.loads((tmp_path / "out" / "dropped.json").read_text())["classes"]
    assert set(found) == {name for name, part in report.items() if part["tried"]}
    for name, part in found.items():
        assert part["read_as_class"] == pytest.approx(report[name]["kept"] / report[name]["tried"])  # agreement alone was asked
    lines = worth_lines({"three": {"tried": 50, "kept": 10, "read_as_class": 0.3}, "five": {"tried": 50, "kept": 5, "read_as_class": None}})
    assert lines[0] == "of 100 images tried 15 were kept: three 20 % (the classifier reads 30 % as it), five 10 %"
    assert "train it longer" in lines[1] and len(worth_lines({"five": {"tried": 9, "kept": 8, "read_as_class": None}})) == 1


def test_trained_runs_compute_with_the_threads_that_are_asked_for(cli, tiny, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    options = ["--filters", "none", "--per-class", 52, "--threads", 1]
    done = cli("augment", "--run", tiny["conditional"], "--to", tmp_path / "out", *options)
    assert "need a new process" not in done.stderr and load(str(tmp_path / "out"), "train").counts().min() > 0


def test_a_complete_set_is_not_taken_for_another(here, folder, tmp_path):
    to = tmp_path / "out"
    command = ["augment", "--to", to, "--batch-size", 8, *QUICK]
    here(*command, "--data", folder)
    before = hashes(to)
    assert "nothing left to do" in here(*command, "--data", folder, "--resume").stderr
    shutil.copytree(folder, tmp_path / "more")
    shutil.copyfile(folder / "three" / "0.png", tmp_path / "more" / "three" / "more.png")
    shutil.copytree(folder, tmp_path / "fewer")
    (tmp_path / "fewer" / "five" / "0.png").unlink()
    shutil.copytree(folder, tmp_path / "changed")
    shutil.copyfile(folder / "three" / "0.png", tmp_path / "changed" / "three" / "2.png")
    for more, words in (
        (["--data", folder, "--per-class", 90], "complete with other numbers of generated images (eight: 8, five: 3; asked for eight: 86"),
        (["--data", tmp_path / "more"], "its train/three/more.png is not that of"),
        (["--data", tmp_path / "fewer"], "its train is not that of"),
        (["--data", tmp_path / "changed"], "its train/three/2.png is not that of"),
    ):
        done = here(*command, *more, "--resume", code=2)
        assert words in done.stderr and "choose another folder" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert hashes(to) == before


def test_a_complete_set_of_drawn_pictures_is_known_again(here, tiny, small_mnist, tmp_path):
    command = ["augment", "--run", tiny["conditional"], "--to", tmp_path / "out", "--filters", "none", "--resume"]
    (tmp_path / "out" / ".generated").mkdir(parents=True)
    (tmp_path / "out" / ".manifest.jsonl.9z51jv_n").write_text("half a file of a command that was killed")
    here(*command, "--per-class", 52)
    assert not list((tmp_path / "out").glob(".*"))
    assert "nothing left to do" in here(*command, "--per-class", 52).stderr
    assert "complete with other numbers" in here(*command, "--per-class", 53, code=2).stderr


# ---- beside the pictures -------------------------------------------------------------------------------------------------


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


def test_an_augmented_set_keeps_its_policy(here, small_mnist, tmp_path):
    shutil.copytree(small_mnist, tmp_path / "fashion-mnist")
    here("augment", "--data", tmp_path / "fashion-mnist", "--to", tmp_path / "fm-aug", "--per-class", 52, "--batch-size", 20, *QUICK)
    assert recorded_policy(tmp_path / "fm-aug") == "mirrored"
    options = ["--steps", 2, "--batch-size", 20, "-o", "log.visualdl=false", "classifier.augmentation=standard"]
    here("classify", "--data", tmp_path / "fm-aug", "--run", "reader", *options)
    assert load_config(here.output / "reader" / "config.yaml").data.policy == "mirrored"
    shutil.rmtree(tmp_path / "fm-aug")
    assert open_run(here.output / "reader").algorithm.policy.name == "mirrored"


def test_new_classes_get_variations_that_were_learnt_from_the_others(cli, folder, tmp_path):
    to = tmp_path / "out"
    quick = ["--steps", 3, "-o", "generator.width=0.1", "discriminator.width=0.1", "log.visualdl=false", "--filters", "none"]
    command = ["augment", "--data", folder, "--to", to, "--new-classes", "eight", *quick]
    assert "train a GAN (dagan" in cli(*command, "--dry-run").stdout and not to.exists()
    result = json.loads(cli(*command, "--json").stdout)
    assert result["table"] == [["eight", 4, 8, 12], ["five", 9, 0, 9], ["three", 12, 0, 12], ["all", 25, 8, 33]]
    gan = open_run(cli.output / "out-gan")
    assert gan.config.data.classes == ["five", "three"] and gan.state["data"]["counts"][0] == 0  # no image of the new class was learnt
    rows = [json.loads(line) for line in (to / "manifest.jsonl").read_text().splitlines()]
    assert [row["class"] for row in rows] == ["eight"] * 8
    images = load(to, "train", split="full")
    assert len(np.unique(images.images[images.labels == 0].reshape(12, -1), axis=0)) == 12
    for options, words in (
        (["--new-classes", "nine"], "no class 'nine'"),
        (["--new-classes", "eight", "five", "three"], "all classes are new"),
        (["--new-classes", "three"], "three lack no image"),
        (["--new-classes", "eight", "--per-class-runs"], "leave --per-class-runs out"),
    ):
        assert words in cli("augment", "--data", folder, "--to", tmp_path / "no", *options, "--filters", "none", code=2).stderr


def test_a_conditional_gan_learns_new_classes_as_often_as_the_others(cli, folder, tmp_path):
    to = tmp_path / "out"
    command = ["augment", "--data", folder, "--to", to, "--new-classes", "eight", "--gan", "sngan-projection", "--batch-size", 8, *QUICK]
    assert json.loads(cli(*command, "--json").stdout)["table"][0] == ["eight", 4, 8, 12]
    gan = open_run(cli.output / "out-gan")
    assert gan.config.classifier.sampling == "balanced" and gan.state["data"]["counts"] == [3, 7, 10]  # without the sixth that is held out
