"""One command from a data set to an augmented one, by the real command line: real files untouched, counts exact, honest manifest."""

import json
import shlex
import shutil

import numpy as np
import pytest
from digit_folders import BESIDE, QUICK, digit_folder, hashes  # noqa: F401 - a fixture
from PIL import Image

from paddle_gan_aug.augment.policies import recorded_policy
from paddle_gan_aug.cli.augment import worth_lines
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import DataSpec, load
from paddle_gan_aug.runs.opened import open_run
from paddle_gan_aug.synthesis.summary import worth


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


def test_filters_and_a_class_that_stays_short(here, folder, tmp_path, monkeypatch):
    """With filters a classifier of the same images is trained; junk does not pass it, which is said, and what there is stays."""
    monkeypatch.setattr("paddle_gan_aug.synthesis.held_out.MOST_EPOCHS", 10)
    command = ["augment", "--data", folder, "--to", tmp_path / "out", "--batch-size", 8, *QUICK[:-2], "--filter", "agreement"]
    done = here(*command, "--attempts", 1, code=1)
    assert "more --attempts" in done.stderr
    dropped = json.loads((tmp_path / "out" / "dropped.json").read_text())
    rows = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    assert dropped["missing"] and len(rows) == dropped["kept"] < 11
    assert dropped["filters"]["classifier"]["run"] == "out-classifier"
    assert len(list((tmp_path / "out" / "train" / "three").iterdir())) == 12
    assert "exists" in here(*command[:4], tmp_path / "other" / "out", *command[5:], code=2).stderr  # runs are named after the set
    longer = here(*command, "--steps", 4, "--resume", code=2)
    assert "another length of training" in longer.stderr
    other = here(*command, "--seed", 9, "--resume", code=2).stderr
    assert "which would be resumed, was begun with --seed (train.seed) 0, not 9" in other
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
        (["--seed", -1], "--seed (train.seed): expected a whole number >= 0, got -1"),
        (["--seed", "abc"], "--seed (train.seed): expected a whole number, got 'abc'"),
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


# ---- what is asked for ---------------------------------------------------------------------------------------------------


def test_equal_classes_become_twice_as_large(here, folder, tmp_path):
    for name in ("three", "five"):
        for file in sorted((folder / name).iterdir())[4:]:
            file.unlink()
    dry = here("augment", "--data", folder, "--to", tmp_path / "out", "--batch-size", 8, *QUICK, "--dry-run").stdout
    assert "no class lacks an image, all have 4" in dry and "--per-class" in dry and "--ratio" in dry
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
        (["--data", folder, "--truncation", 1], "complete with truncation None, not truncation 1.0"),
        (["--data", folder, "--seed", 5], "complete with seed"),
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
    command = ["augment", "--data", folder, "--to", to, "--new-classes", "0", *quick]  # by its number
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
