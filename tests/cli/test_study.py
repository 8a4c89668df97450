"""The arguments of `study`: each mistake is one line and exit code 2, before anything is trained."""

import functools
import inspect
import json

import numpy as np
import pytest

from paddle_gan_aug.cli.main import main
from paddle_gan_aug.study import study
from paddle_gan_aug.study.arms import ARMS


@pytest.fixture
def pictures(tmp_path):
    """An .npz file with three classes of 12 images, and 30 test images."""
    rng = np.random.default_rng(0)
    parts = {}
    for part, count in (("train", 12), ("test", 10)):
        parts[f"{part}_labels"] = np.repeat(np.arange(3), count)
        parts[f"{part}_images"] = rng.integers(0, 255, (3 * count, 16, 16)).astype(np.uint8)
    np.savez(tmp_path / "p.npz", **parts)
    return tmp_path / "p.npz"


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--arms", "clasical"], "there is no arm clasical; did you mean classical?"),
        (["--arms", "oversampling"], "oversampling cannot work here: all classes have equally many images"),
        (["--budget", "soon"], "budget: soon is no time: give a number with s, m or h"),
        (["--budget", "2hin"], "budget: 2hin is no time: give a number with s, m or h, such as 30m or 2h"),
        (["--cut", "1"], "--cut 1: expected CLASS=N"),
        (["--cut", "1=0"], "--cut 1=0: expected CLASS=N"),
        (["--cut", "1=²"], "--cut 1=²: expected CLASS=N"),
        (["--cut", "cat=3"], "no class 'cat'"),
        (["--cut", "1=3", "--cut", "1=4"], "--cut 1=4: 1 is there twice: give each once"),
        (["--labels", "3", "--labels", "3"], "--labels: 3 is there twice: give each once"),
        (["--arms", "extra-real"], "choose few labels (--labels N) of a larger set"),
        (["--arms", "pseudo-labels"], "name some (--unlabelled DIR), put"),
        (["--labels", "99"], "10 training images of class 0 beside those held out, 99 are asked for"),
        (["--gan", "fast"], "fast makes images without classes"),
        (["--rival", "cutmix"], "rival: cutmix is not among the arms"),
        (["--choices", "-1"], "--choices"),
        (["-o", "classifier.widht=2"], "widht"),
        (["--seeds", "0"], "at least 1"),
    ],
)
def test_mistakes_are_one_line(pictures, tmp_path, capsys, flags, words):
    try:
        code = main(["study", "--data", str(pictures), "--to", str(tmp_path / "s"), *flags])
    except SystemExit as end:
        code = end.code
    told = capsys.readouterr().err
    assert code == 2 and words in told and told.count("\n") == 1
    assert not (tmp_path / "s").exists()


def test_without_test_images_and_too_few_to_hold_out(tmp_path, capsys):
    np.savez(
        tmp_path / "few.npz", images=np.random.default_rng(0).integers(0, 255, (6, 16, 16)).astype(np.uint8), labels=[0, 0, 0, 1, 1, 1]
    )
    assert main(["study", "--data", str(tmp_path / "few.npz"), "--seeds", "8", "--to", str(tmp_path / "s")]) == 2
    assert "no test images, and too few to hold some out: class 0 has 3, 8 folds need as many" in capsys.readouterr().err
    np.savez(tmp_path / "one.npz", images=np.random.default_rng(0).integers(0, 255, (6, 16, 16)).astype(np.uint8), labels=[0] * 6)
    assert main(["study", "--data", str(tmp_path / "one.npz"), "--to", str(tmp_path / "s")]) == 2
    assert "one class alone" in capsys.readouterr().err


def test_a_dry_run_and_the_list_of_arms(pictures, tmp_path, capsys):
    assert main(["study", "--data", str(pictures), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("images      36 with labels, 12 in each of 3 classes (0, 1, 2), 1 x 16 x 16; tested on 30 images\n")
    assert "arms        real, classical, trivialaugment, mixup, classical+gan+filter" in told and "time        about" in told
    assert main(["study", "--list-arms", "--json"]) == 0
    assert "logit-adjustment" in json.loads(capsys.readouterr().out)
    assert main(["study", "--list-arms"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines == {arm.name: arm.says for arm in ARMS.values()}
    assert main(["study"]) == 2
    assert main(["study", "--report", str(tmp_path)]) == 2


def test_every_flag_reaches_the_study(monkeypatch):
    """A parameter of `run_study` is a flag, or one of those that have a form of their own."""
    found = {}

    @functools.wraps(study.run_study)
    def noted(**options):
        found.update(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "run_study", noted)
    assert main(["study", "--data", "mnist", "--dry-run", "--labels", "5", "--cluster", "tcp://host:8786"]) == 130
    assert set(inspect.signature(study.run_study).parameters) - set(found) == {"quiet"}
    assert (found["labels"], found["cluster"], found["dry_run"], found["margin"]) == ([5], "tcp://host:8786", True, 0.002)


def test_settings_in_a_file(pictures, tmp_path, capsys):
    file = tmp_path / "s.yaml"
    file.write_text(f"data: {pictures}\narms: [classical]\nseeds: 3\ncut: {{'1': 4}}\noverride: {{classifier.width: 0.5}}\n")
    assert main(["study", "-c", str(file), "--seeds", "4", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert plan[0] == "scenario    1 cut to 4" and "real, classical" in plan[1] and "seeds       4" in plan[2]
    file.write_text(f"data: {pictures}\narms: [classical]\nseeds: 3\njobs: 2\n")
    for words, at_a_time in (([], "2 at a time"), (["--jobs", "1"], "1 at a time"), (["--jobs=1"], "1 at a time")):
        assert main(["study", "-c", str(file), *words, "--dry-run"]) == 0
        assert at_a_time in capsys.readouterr().out  # a flag wins over the file, with its default as value too
    file.write_text("dat: x\n")
    assert main(["study", "-c", str(file)]) == 2
    assert "a study has no setting dat: did you mean data?" in capsys.readouterr().err


def test_the_command_ends_in_a_verdict_a_table_and_paths(pictures, tmp_path, capsys):
    where = ["--to", str(tmp_path / "s"), "--output", str(tmp_path / "o"), "--log", str(tmp_path / "l")]
    small = ["--seeds", "2", "--steps", "3", "--gan", "cgan", "--gan-steps", "2", "--per-class", "4", "--choices", "0"]
    assert main(["study", "--data", str(pictures), "--arms", "classical", "gan", *where, *small]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Not enough for a claim") and "recipe: classical" in out and str(tmp_path / "s" / "report.html") in out
    assert "testing  6/6 cells" in err and err.splitlines()[-2].endswith("  ·  0 s left")
    assert (tmp_path / "s" / "recommended.yaml").is_file() and (tmp_path / "o" / "p.npz-classical" / "config.yaml").is_file()


def test_an_interrupt_says_how_to_go_on(pictures, tmp_path, capsys, monkeypatch):
    from paddle_gan_aug.study import engine

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "compute", interrupt)
    assert main(["study", "--data", str(pictures), "--arms", "classical", "--seeds", "2", "--to", str(tmp_path / "s")]) == 130
    assert "the same command goes on" in capsys.readouterr().out
