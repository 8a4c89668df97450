"""One command from a data set to an augmented one, by the real command line: real files untouched, counts exact, honest manifest."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.data import Source, load

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
    assert set(after) == {*(f"train/{name}" for name in before), *made, "manifest.jsonl", "grid.png"}
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
    for mode in ("train", "valid", "eval"):
        real, found = load(str(small_mnist), mode), load(str(to), mode)
        place = [path for path in sorted((to / {"eval": "test"}.get(mode, mode)).rglob("real-*.png"))]
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
    assert "--attempts" in done.stderr
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
        (["--per-class", 0], "at least one"),
        (["--ratio", 0], "above 0"),
        (["--ratio", 1, "--per-class", 5], "one of them"),
        (["--gan", "classifier"], "makes no images"),
        (["--gan", "dagan", "--batch-size", 8], "varies real images"),
        (["--gan", "learned-augmenter", "--batch-size", 8, "--per-class-runs", "--dry-run"], "varies real images"),
        (["--filter", "beauty"], "choose from"),
        (["--attempts", 0], "at least 1"),
        (["--batch-size", 1000], "batch size 1000 is larger than the data"),
        (["--seed", -1], "0"),
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
    assert "not of augment" in done.stderr and "--resume" not in done.stderr
    assert hashes(tmp_path / "used").keys() == {"note.txt"}


def test_the_next_command_reads_what_was_copied(here, folder, tmp_path):
    to = tmp_path / "out"
    done = here("augment", "--data", folder, "--to", to, "--batch-size", 8, "--image-size", 32, "--channels", 3, *QUICK)
    assert f"classify --data {to} --image-size 32 --channels 3 --test TEST_IMAGES" in done.stdout
    assert load(Source(str(to), image_size=32, channels=3), "train").shape == (3, 32, 32)
    again = ["--run", here.output / "out-gan", "--to", tmp_path / "more", "--per-class", 13, "--filters", "none"]
    assert json.loads(here("augment", *again, "--json").stdout)["reading"] == {"image_size": 32, "channels": 3}  # the run's own


def test_a_file_named_like_a_generated_one(here, folder, tmp_path):
    (folder / "five" / "0.png").rename(folder / "five" / "generated-000000.png")
    assert "named like a generated" in here("augment", "--data", folder, "--to", tmp_path / "out", *QUICK, code=2).stderr
    assert not (tmp_path / "out").exists()


def test_previews_of_all_transforms(here, folder, tmp_path):
    here("augment", "--data", folder, "--preview", "--to", tmp_path / "sheets")
    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == ["policies.png", "transforms.png"]
    assert Image.open(tmp_path / "sheets" / "transforms.png").size[1] > 17 * 28
    assert "exists" in here("augment", "--data", folder, "--preview", "--to", tmp_path / "sheets", code=2).stderr


def test_a_single_class_lacks_nothing(here, folder, tmp_path):
    done = here("augment", "--data", folder / "five", "--to", tmp_path / "out", *QUICK, code=2)
    assert "--per-class" in done.stderr and "one level too deep" in done.stderr
    assert not (tmp_path / "out").exists()
