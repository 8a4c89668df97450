"""`--dry-run` of the commands, by the real command line: what would be done is said, what is wrong is refused, and nothing is written."""

import json

import pytest

import paddle_gan_aug


def files(*folders):
    """Every file below some folders, with the time of its last change."""
    return {str(path): path.stat().st_mtime_ns for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()}


def stages(said):
    """What the steps of a dry run do; the bounds of their times must be in order."""
    assert all(0 <= step["low"] <= step["seconds"] <= step["high"] for step in said["stages"])
    assert said["low"] == pytest.approx(sum(step["low"] for step in said["stages"]))
    assert said["high"] == pytest.approx(sum(step["high"] for step in said["stages"]))
    return [step["what"] for step in said["stages"]]


LOADED = "load Paddle, and read and check what is needed"


def test_train(here, small_mnist, small):
    command = ["train", "--data", small_mnist, "--steps", 8, "--run", "new", *small, "--dry-run"]
    said = json.loads(here(*command, "--json").stdout)
    assert stages(said) == [LOADED, "train steps 1 to 8"]
    assert (said["preset"], said["steps"], said["batch_size"], said["run"]) == ("classic", 8, 50, str(here.output / "new"))
    assert said["data"]["images"] == 500 and said["data"]["shape"] == [1, 28, 28] and said["data"]["classes"] == list("0123456789")
    assert said["log"] == str(here.log)
    text = here(*command).stdout
    assert "500 images, shape 1 x 28 x 28" in text and "batch size  50\n" in text
    assert text.splitlines()[-1].endswith("an estimate from a little of the work; nothing was written but caches of pictures")
    assert list(here.folder.iterdir()) == []


def test_the_parameters_and_the_disk_are_those_of_the_run(here, small_mnist, small):
    command = ["train", "--data", small_mnist, "--steps", 8, "--run", "new", "-o", "checkpoint.keep=2", *small[1:], "--batch-size", 50]
    said = json.loads(here(*command, "--dry-run", "--json").stdout)
    here(*command)
    run = paddle_gan_aug.open_run(here.output / "new")
    networks = {name: network for name, network in run.algorithm.networks.items() if name in said["parameters"]}
    assert said["parameters"] == {name: sum(p.size for p in network.parameters()) for name, network in networks.items()}
    assert set(said["parameters"]) == {"generator", "discriminator"}
    held = sum(path.stat().st_size for path in (here.output / "new").rglob("*") if path.is_file()) / 2**20
    assert said["disk_mb"] == pytest.approx(held, rel=0.15)  # records are a large part of so small a run


def test_a_run_that_would_be_continued(here, small_mnist, small):
    here("train", "--data", small_mnist, "--steps", 4, "--run", "begun", *small)
    before = files(here.folder)
    said = json.loads(here("train", "--run", "begun", "--resume", "--steps", 10, "--dry-run", "--json").stdout)
    assert stages(said) == [LOADED, "train steps 5 to 10"] and said["steps_done"] == 4
    done = json.loads(here("train", "--run", "begun", "--resume", "--steps", 4, "--dry-run", "--json").stdout)
    assert stages(done) == [LOADED]
    assert files(here.folder) == before


def test_one_run_for_each_class(here, small_mnist, small):
    command = ["train", "--per-class-runs", "--data", small_mnist, "--steps", 6, "--run", "each", *small, "--dry-run"]
    said = json.loads(here(*command, "--json").stdout)
    assert stages(said) == [LOADED, "train steps 1 to 6, one run for each of 10 classes"]
    assert (said["runs"], said["run"]) == (10, str(here.output / "each"))
    assert list(here.folder.iterdir()) == []


@pytest.mark.parametrize(
    "words, message",
    [
        (["--batch-size", 5000], "larger than the data"),
        (["--gan", "nothing-like-it"], "no preset or configuration file named"),
        (["--data", "nowhere"], "does not exist"),
        (["--gan", "classic", "-o", "loss.name=hinge"], "it would have no effect"),
    ],
)
def test_what_train_would_refuse_is_refused(here, small_mnist, words, message):
    command = ["train", "--data", small_mnist, "--steps", 4, *words]
    refused = here(*command, code=2).stderr.splitlines()[-1]
    assert message in refused
    assert here(*command, "--dry-run", code=2).stderr.splitlines()[-1] == refused
    assert list(here.folder.iterdir()) == []


def test_a_training_that_does_not_fit_into_memory(cli, small_mnist, small):  # a process that has held less: Paddle 2.6 forgets no peak
    command = ["train", "--data", small_mnist, "--steps", 4, *small, "runtime.memory_limit=1", "--dry-run"]
    assert "runtime.memory_limit allows 1 MB" in cli(*command, code=2).stderr
    assert list(cli.folder.iterdir()) == []


def test_a_run_that_exists_and_a_place_that_is_none(here, small_mnist, small):
    (here.output / "taken").mkdir(parents=True)
    (here.output / "taken" / "notes.txt").write_text("mine")
    (here.folder / "file").write_text("")
    command = ["train", "--data", small_mnist, "--steps", 4, *small, "--dry-run"]
    assert "run taken exists" in here(*command, "--run", "taken", code=2).stderr
    assert "is a file of that name" in here(*command, "--log", here.folder / "file" / "log", code=2).stderr


def test_classify(here, small_mnist, tiny):
    command = ["classify", "--data", small_mnist, "--steps", 6, "--batch-size", 50, "--dry-run"]
    said = json.loads(here(*command, "--eval-every", 3, "--json").stdout)
    read = ["read 100 validation images, 2 times", "read 100 test images"]
    assert stages(said) == [LOADED, "train steps 1 to 6", *read]
    assert said["validation"] == 100 and said["test"].startswith("100 images of ")
    drawn = ["--generated", tiny["conditional"], "--regenerate-every", 2, "-o", "generated.per_class=30"]
    said = json.loads(here(*command, *drawn, "--json").stdout)
    made = ["generate 30 images of each class, 3 times"]
    assert stages(said) == [LOADED, *made, "train steps 1 to 6", "read 100 test images"]
    assert "nowhere does not exist" in here(*command, "--generated", "nowhere", code=2).stderr
    assert "nowhere does not exist" in here(*command, "--test", "nowhere", code=2).stderr
    assert list(here.folder.iterdir()) == []


def test_generate(here, tiny, tmp_path):
    before = files(tiny["conditional"], tiny["classifier"])
    to = tmp_path / "set"
    said = json.loads(here("generate", tiny["conditional"], "--per-class", 20, "--to", to, "--dry-run", "--json").stdout)
    assert stages(said) == [LOADED, "draw and write 200 images"]
    assert said["of_each_class"] == dict.fromkeys("0123456789", 20) and said["to"] == str(to) and said["filters"] is None
    assert "draw and write 50 images" in here("generate", tiny["conditional"], "--count", 50, "--to", to, "--dry-run").stdout
    filtered = ["--classifier", tiny["classifier"], "--filter", "contrast", "agreement", "--attempts", 3]
    said = json.loads(here("generate", tiny["conditional"], "--per-class", 5, "--to", to, *filtered, "--dry-run", "--json").stdout)
    loaded, learnt, folds, drawn = stages(said)
    assert (loaded, learnt) == (LOADED, "learn what the filters keep")
    assert folds == "see how well the filters' classifier reads images it did not learn (5 networks of 60 steps)"
    assert drawn.startswith("draw, filter and write 50 images (") and drawn.endswith(" % pass)")
    assert said["filters"] == ["contrast", "agreement"]
    assert list(tmp_path.iterdir()) == [] and files(tiny["conditional"], tiny["classifier"]) == before


def test_the_disk_of_a_set(here, tiny, tmp_path):
    command = ["generate", tiny["conditional"], "--count", 300, "--to", tmp_path / "set"]
    said = json.loads(here(*command, "--dry-run", "--json").stdout)
    here(*command)
    written = sum(path.stat().st_size for path in (tmp_path / "set").glob("0*.png")) / 2**20
    assert said["disk_mb"] == pytest.approx(written, rel=0.1)


def test_a_set_that_would_be_continued(here, tiny, tmp_path):
    to = tmp_path / "set"
    filtered = ["--filter", "contrast", "roughness", "--attempts", 1, "--to", to]
    here("generate", tiny["conditional"], "--per-class", 5, *filtered, code=1)
    before = files(tmp_path)
    kept = len(list(to.glob("*/*.png")))
    command = ["generate", tiny["conditional"], "--per-class", 5, *filtered, "--resume", "--dry-run", "--json"]
    said = json.loads(here(*command).stdout)
    assert (said["images"], said["images_done"] or 0) == (50, kept)
    assert "was begun with" in here(*command, "--seed", 3, code=2).stderr
    assert files(tmp_path) == before


def test_variations(here, small_mnist, tmp_path):
    options = ["--steps", 2, "--batch-size", 20, "-o", "log.visualdl=false", "generator.width=0.05", "discriminator.width=0.05"]
    here("train", "--gan", "dagan", "--data", small_mnist, "--run", "varied", *options)
    command = ["generate", here.output / "varied", "--from", small_mnist, "--count", 7, "--to", tmp_path / "set", "--dry-run"]
    said = json.loads(here(*command, "--json").stdout)
    assert stages(said) == [LOADED, "draw and write 7 variations"] and said["images"] == 7
    assert "no class 'x'" in here(*command, "--classes", "x", code=2).stderr
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["--per-class", 5, "--truncation", 0], "above 0"),
        (["--count", 5, "--format", "npz"], "is for sets with classes"),
        (["--count", 5, "--filter", "agreement"], "with a classifier"),
        (["--count", 5, "--checkpoint", "7"], "has no checkpoint 7"),
        (["--preview"], "leave --dry-run out"),
    ],
)
def test_what_generate_would_refuse_is_refused(here, tiny, tmp_path, words, message):
    assert message in here("generate", tiny["conditional"], "--to", tmp_path / "set", *words, "--dry-run", code=2).stderr
    assert list(tmp_path.iterdir()) == []


def test_evaluate(here, tiny, small_mnist, tmp_path, monkeypatch):
    monkeypatch.setenv("PADDLE_GAN_AUG_CACHE", str(tmp_path / "cache"))  # nothing of this data is known there
    before = files(tiny["conditional"])
    said = json.loads(here("evaluate", tiny["conditional"], "--count", 60, "--dry-run", "--json").stdout)
    of_data = ["train a feature network, once for this data (1000 steps)", "read 700 real images, once for this data"]
    assert stages(said) == [LOADED, *of_data, "draw 60 images", "read and measure 60 images"]
    assert (said["count"], said["part"], said["real"]["images"]) == (60, "test", 100)
    assert said["to"] == str(tiny["conditional"] / "report" / "evaluation-3")
    here("generate", tiny["conditional"], "--per-class", 3, "--to", tmp_path / "set")
    made = files(tmp_path)
    command = ["evaluate", tmp_path / "set", "--data", small_mnist, "--dry-run"]
    said = json.loads(here(*command, "--cas", "--json").stdout)
    assert stages(said)[-2:] == ["read and measure 30 images", "classifier accuracy score: train two classifiers of 1000 steps"]
    assert said["count"] == 30 and said["to"] is None
    assert "is not empty" in here(*command, "--to", tmp_path / "set", code=2).stderr
    assert "makes no images" in here("evaluate", tiny["classifier"], "--dry-run", code=2).stderr
    assert files(tmp_path) == made and files(tiny["conditional"]) == before


def test_in_python(small_mnist, tmp_path, process):
    overrides = {"data.source": str(small_mnist), "train.steps": 3, "train.batch_size": 20, "log.visualdl": False}
    options = {"run": "run", "output": tmp_path / "output", "overrides": overrides, "dry_run": True, "quiet": True}
    run = paddle_gan_aug.train("fast", **options)
    assert run.folder == tmp_path / "output" / "run" and run.step == 0 and run.dry_run.about["steps"] == 3
    assert run.dry_run.told().splitlines()[0] == "preset      fast"
    read = paddle_gan_aug.classify(**options)
    assert read.report is None and [step["what"] for step in read.run.dry_run.steps][-1] == "read 100 test images"
    assert list(tmp_path.iterdir()) == []


def test_several_processes(here, monkeypatch):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    assert "train --dry-run runs in one" in here("train", "--dry-run", code=2).stderr


@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_a_place_that_cannot_be_made_is_refused_before_any_work(here, tiny, small_mnist, dry):
    file = here.folder / "file"
    file.touch()
    place, run = file / "below", tiny["conditional"]
    for command in (
        ["generate", run, "--count", 4, "--to", place],
        ["evaluate", run, "--count", 30, "--to", place],
        ["augment", "--data", small_mnist, "--to", place],
        ["study", "--data", small_mnist, "--to", place],
    ):
        refused = here(*command, *dry, code=2)
        assert f"cannot write into folder {place}: {file} is a file of that name; choose another" in refused.stderr


def test_a_set_that_is_complete_has_nothing_left(here, tiny):
    to = here.folder / "made"
    here("generate", tiny["conditional"], "--count", 4, "--to", to)
    before = files(to)
    said = json.loads(here("generate", tiny["conditional"], "--count", 4, "--to", to, "--resume", "--dry-run", "--json").stdout)
    assert said["images"] == 0 and stages(said) == [] and files(to) == before
