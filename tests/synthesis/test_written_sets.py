"""What was written is what it says, whoever reads it; and what others wrote, or an interruption left, is refused in one line."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import paddle_gan_aug
from paddle_gan_aug import runtime
from paddle_gan_aug.data import load, to_uint8
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import distinct_names
from paddle_gan_aug.runs.opened import open_run
from paddle_gan_aug.runs.per_class import _as_file_name
from paddle_gan_aug.synthesis.generate import generate
from paddle_gan_aug.synthesis.partial_set import PartialSet
from paddle_gan_aug.synthesis.sampler import Samplers, open_runs
from paddle_gan_aug.synthesis.set_folder import SetFolder
from paddle_gan_aug.synthesis.summary import count_by_class, dropped_reasons, worth
from paddle_gan_aug.synthesis.writers import json_line, write_lists


def rows_of(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


# ---- the manifest's promise ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filtered", [False, True])
def test_an_image_is_made_again_from_its_row(tiny, tmp_path, filtered):
    """Run, checkpoint, class, seed and latent of a manifest's row give its picture, whatever was dropped in between."""
    filters = paddle_gan_aug.Filters(["rejection"]) if filtered else None
    generate(tiny["conditional"], to=tmp_path / "set", seed=9, per_class=4, truncation=1.5, filters=filters)
    rows = rows_of(tmp_path / "set")
    assert len(rows) == 40
    if filtered:
        assert any(row["latent"] != i % 4 for i, row in enumerate(rows))
    algorithm = open_run(tiny["conditional"], checkpoint=rows[0]["checkpoint"]).algorithm
    pictures = []
    for row in rows:
        c = int(row["class"])
        latent = algorithm.latents(1, runtime.rng(row["seed"], f"generate class {c}", row["latent"]), row["truncation"])
        again = to_uint8(algorithm.images(latent, np.array([c])))[0, 0].astype(int)
        picture = np.asarray(Image.open(tmp_path / "set" / row["file"])).astype(int)
        assert np.abs(again - picture).max() <= 1  # the last bits of a product depend on how many rows it has
        pictures.append(picture)
    assert min(np.abs(a - b).max() for i, a in enumerate(pictures) for b in pictures[:i]) > 1  # no other row would do


def test_every_name_is_written_once(tiny, tmp_path, monkeypatch):
    """No writer of a set gives a name twice, in any form of asking."""
    written = []
    monkeypatch.setattr("paddle_gan_aug.synthesis.writers.PictureWriter._write", lambda self, names, images: written.extend(names))
    monkeypatch.setattr(SetFolder, "_draw_grid", lambda self: None)
    for number, wish in enumerate(({"count": 23}, {"per_class": 3}, {"quotas": {"1": 5, "7": 2}})):
        written.clear()
        generate(tiny["conditional"], to=tmp_path / str(number), **wish)
        assert len(set(written)) == len(written) == len(rows_of(tmp_path / str(number)))


# ---- classes -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory, small_mnist, process):
    """A conditional run of the digits 0 and 3 alone."""
    folder = tmp_path_factory.mktemp("two")
    overrides = {"data.source": str(small_mnist), "data.classes": [0, 3], "train.steps": 2, "train.batch_size": 10}
    overrides.update({"generator.width": 0.05, "discriminator.width": 0.05, "log.visualdl": False})
    return paddle_gan_aug.train("projection", run="two", output=folder, log=folder, overrides=overrides, quiet=True).folder


def test_only_classes_with_training_images_are_made(here, two_classes, small_mnist, tmp_path):
    done = here("generate", two_classes, "--per-class", 2, "--to", tmp_path / "a", "--json")
    assert json.loads(done.stdout)["classes"] == {"0": 2, "3": 2}
    assert "no training images of them: 1, 2, 4" in done.stderr
    generate(two_classes, to=tmp_path / "flat", count=5)
    assert {row["class"] for row in rows_of(tmp_path / "flat")} == {"0", "3"}
    refused = here("generate", two_classes, "--balance", small_mnist, "--to", tmp_path / "b", code=2).stderr
    assert "no run makes the class 2" in refused and len(refused.strip().splitlines()) == 1
    with pytest.raises(InputError, match="no run makes the class 5"):
        generate(two_classes, to=tmp_path / "b", quotas={"5": 2})
    assert not (tmp_path / "b").exists()


def test_samples_grids_and_health_ask_for_learnt_classes_alone(two_classes):
    algorithm = open_run(two_classes).algorithm
    assert algorithm.default_labels(5).tolist() == [0, 3, 0, 3, 0]
    assert algorithm.grid_labels(6, 2).tolist() == [0, 0, 3, 3, 0, 0]


@pytest.mark.parametrize("data_is_there", [True, False])
def test_a_run_without_counts(two_classes, tmp_path, data_is_there):
    """Runs of older versions say nothing of their classes: their data is asked."""
    shutil.copytree(two_classes, tmp_path / "old")
    read = open_run(tmp_path / "old")
    del read.state["data"]["counts"]
    if not data_is_there:
        read.config.data.source = read.config.data.place = str(tmp_path / "gone")
    assert [sampler.index for sampler in Samplers([read])] == ([0, 3] if data_is_there else list(range(10)))


def test_a_class_that_no_gan_learns(here, two_classes, small_mnist, tmp_path):
    """The data has images of it in its validation part alone, or the runs are of other classes."""
    images = load(str(small_mnist), "train")
    for part, name in (("train", "0"), ("train", "1"), ("valid", "0")):
        (tmp_path / "data" / part / name).mkdir(parents=True)
        for i, image in enumerate(images.of_class(name).images[: {"0": 9, "1": 4}[name]]):
            Image.fromarray(image[0]).save(tmp_path / "data" / part / name / f"{i}.png")
    options = {"overrides": {"data.source": str(tmp_path / "data")}, "filters": paddle_gan_aug.Filters("none"), "dry_run": True}
    per_class = paddle_gan_aug.train_per_class(
        "fast",
        run="some",
        output=tmp_path,
        log=tmp_path,
        quiet=True,
        classes=["0"],
        overrides={**options["overrides"], "train.steps": 1, "generator.width": 0.05, "discriminator.width": 0.05, "log.visualdl": False},
    ).folder
    with pytest.raises(InputError, match="no image of the class 1, and cannot make any: it learns 0"):
        paddle_gan_aug.augment_data(to=tmp_path / "out", runs=[per_class], **options)
    assert not (tmp_path / "out").exists()


def test_classes_that_look_alike_as_file_names(small_mnist, tmp_path):
    images = load(str(small_mnist), "train").images[:24]
    np.savez(tmp_path / "d.npz", images=images, labels=np.arange(24) % 2, class_names=["a b", "a/b"])
    overrides = {"data.source": str(tmp_path / "d.npz"), "train.steps": 1, "generator.width": 0.05, "discriminator.width": 0.05}
    options = {"overrides": {**overrides, "log.visualdl": False}, "quiet": True}
    trained = paddle_gan_aug.train_per_class("fast", run="r", output=tmp_path, log=tmp_path, **options)
    assert [(run.folder.name, run.config.data.class_name) for run in trained.runs] == [("r-a-b", "a b"), ("r-a-b-2", "a/b")]
    assert [sampler.index for sampler in Samplers(open_runs(trained.folder))] == [0, 1]
    found = distinct_names(["a", "A", "what?", "end. ", "猫"], _as_file_name)
    assert found == {"a": "a", "A": "A-2", "what?": "what-", "end. ": "end-", "猫": "猫"}


def test_balance_reads_the_data_as_the_run_did(here, small_mnist, tmp_path):
    images = load(str(small_mnist), "train")
    for name, count in (("1", 9), ("2", 4)):
        (tmp_path / "mixed" / name).mkdir(parents=True)
        for i, image in enumerate(images.of_class(name).images[:count]):
            picture = Image.fromarray(image[0]).resize((28 + i, 30))
            (picture.convert("RGB") if i % 2 else picture).save(tmp_path / "mixed" / name / f"{i}.png")
    options = ["--image-size", 28, "--channels", 1, "--batch-size", 4, "--steps", 1]
    narrow = ["-o", "generator.width=0.05", "discriminator.width=0.05", "log.visualdl=false"]
    here("train", "--gan", "projection", "--data", tmp_path / "mixed", "--run", "r", *options, *narrow)
    done = here("generate", here.output / "r", "--balance", tmp_path / "mixed", "--to", tmp_path / "set", "--json")
    assert json.loads(done.stdout)["classes"] == {"2": 5}


def test_truncation_leaves_the_category(small_mnist, tmp_path, process):
    overrides = {"data.source": str(small_mnist), "train.steps": 1, "train.batch_size": 20, "log.visualdl": False}
    overrides.update({"generator.width": 0.05, "discriminator.width": 0.05, "code.sorting_rounds": 0})
    run = paddle_gan_aug.train("infogan", run="i", output=tmp_path, log=tmp_path, overrides=overrides, quiet=True)
    latents = next(iter(Samplers([run]))).latents(range(60), 0, truncation=0.7)
    noise, code = run.config.generator.latent_dim, run.config.code.categories
    assert np.abs(latents[:, :noise]).max() <= 0.7
    assert (latents[:, noise : noise + code].sum(1) == 1).all() and (latents[:, noise : noise + code].max(1) == 1).all()
    assert np.abs(latents[:, noise + code :]).max() > 0.7
    tight = run.algorithm.latents(3, runtime.rng(0, "tight"), 1e-6)
    assert np.abs(tight[:, :noise]).max() <= 1e-6 and len(np.unique(tight[:, :noise])) > noise


# ---- sets that others wrote ----------------------------------------------------------------------------------------------

GOOD = {"file": "5/000000.png", "class": "5", "latent": 0}
BROKEN_MANIFESTS = {
    "no JSON": b'{"file": "5/000000.png", "class"',
    "a number": b"17",
    "a list": b'["5/000000.png"]',
    "no file": b'{"class": "5"}',
    "a file that is a number": b'{"file": 5, "class": "5"}',
    "a class that is a list": b'{"file": "5/000000.png", "class": ["5"]}',
    "outside": b'{"file": "../../outside.png", "class": "5"}',
    "absolute": b'{"file": "/etc/hostname", "class": "5"}',
    "a zero byte": b'{"file": "5/\\u0000.png", "class": "5"}',
    "too long a name": b'{"file": "' + b"x" * 5000 + b'", "class": "5"}',
    "missing": b'{"file": "5/000009.png", "class": "5"}',
    "a folder": b'{"file": "5", "class": "5"}',
    "no text": b"\xff\xfe\x00",
    "nested": b"[" * 100_000,
    "a huge number": b'{"file": "5/000000.png", "class": "5", "latent": ' + b"9" * 5000 + b"}",
}


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "set"
    generate(tiny["digits"], to=folder, quotas={"5": 3, "6": 3})
    return folder


@pytest.mark.parametrize("problem", BROKEN_MANIFESTS)
def test_broken_manifests(here, made, small_mnist, tmp_path, problem):
    shutil.copytree(made, tmp_path / "set")
    (tmp_path / "outside.png").write_bytes((made / "5" / "000000.png").read_bytes())
    with open(tmp_path / "set" / "manifest.jsonl", "ab") as file:
        file.write(BROKEN_MANIFESTS[problem] + b"\n")
    commands = [
        ["classify", "--data", small_mnist, "--generated", tmp_path / "set", "--steps", 2, "--batch-size", 8],
        ["evaluate", tmp_path / "set", "--data", small_mnist],
    ]
    for command in commands:
        done = here(*command, code=2)
        assert str(tmp_path / "set") in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not here.output.exists()


@pytest.mark.parametrize("content", ["[1]", '{"dropped": []}', '{"dropped": {"blank": -1}}', '{"classes": {"5": 3}}', "{", "[" * 100_000])
def test_a_broken_account_of_what_was_dropped(tmp_path, content):
    (tmp_path / "dropped.json").write_text(content)
    with pytest.raises(InputError, match="dropped.json is damaged"):
        dropped_reasons(tmp_path), worth(tmp_path)


def test_a_manifest_is_counted_as_it_is(made, tmp_path):
    assert count_by_class(made) == {"5": 3, "6": 3} and dropped_reasons(made) == {} and worth(made) == {}
    shutil.copytree(made, tmp_path / "set")
    with open(tmp_path / "set" / "manifest.jsonl", "a") as file:
        file.write("\n{}\n")
    with pytest.raises(InputError, match="line 8 names no file"):
        count_by_class(tmp_path / "set")


def _entry(**changes):
    return {"classes": {"0": {"tried": 3, "kept": 3, "pieces": 1, "bytes": {"0.jsonl": 10, **changes.pop("bytes", {})}, **changes}}}


BROKEN_NOTES = {
    "a list": [],
    "classes are a list": {"classes": []},
    "no bytes": {"classes": {"0": {"tried": 3, "kept": 3, "pieces": 1}}},
    "negative": _entry(kept=-1),
    "more than was tried": _entry(kept=5),
    "huge": _entry(kept=10**18, tried=10**18),
    "a text": _entry(tried="3"),
    "true": _entry(pieces=True),
    "outside": _entry(bytes={"../../manifest.jsonl": 0}),
    "a file of another class": _entry(bytes={"1.jsonl": 0}),
    "longer than the file": _entry(bytes={"0.jsonl": 10**15}),
    "a line cut in half": _entry(),
}


@pytest.fixture
def stopped(tiny, tmp_path, monkeypatch):
    """A set whose making was interrupted after its first class."""

    class Stop(Exception):
        pass

    note, count = PartialSet.note, []

    def stop(self, progress):
        note(self, progress)
        count.append(1)
        if len(count) == 1:
            raise Stop

    monkeypatch.setattr(PartialSet, "note", stop)
    with pytest.raises(Stop):
        generate(tiny["digits"], to=tmp_path / "set", quotas={"5": 3, "6": 3})
    monkeypatch.setattr(PartialSet, "note", note)
    return tmp_path / "set"


@pytest.mark.parametrize("problem", BROKEN_NOTES)
def test_broken_notes_of_an_interruption(tiny, stopped, problem):
    (stopped / ".partial" / "progress.json").write_text(json.dumps(BROKEN_NOTES[problem]))
    (stopped / "manifest.jsonl").write_text("mine")
    (stopped.parent / "manifest.jsonl").write_text("mine")
    with pytest.raises(InputError, match="is damaged.*remove the folder"):
        generate(tiny["digits"], to=stopped, quotas={"5": 3, "6": 3}, resume=True)
    assert (stopped / "manifest.jsonl").read_text() == (stopped.parent / "manifest.jsonl").read_text() == "mine"


@pytest.mark.parametrize("name, content", [("request.json", "[]"), ("request.json", '{"runs": [1]}'), ("0.jsonl", None)])
def test_other_leftovers(tiny, stopped, name, content):
    path = stopped / ".partial" / name
    path.write_text("x" * path.stat().st_size if content is None else content)
    with pytest.raises(InputError, match="remove the folder|with the same request"):
        generate(tiny["digits"], to=stopped, quotas={"5": 3, "6": 3}, resume=True)


def test_augment_goes_on_with_nothing_that_is_damaged(here, tiny, small_mnist, tmp_path):
    command = ["augment", "--run", tiny["conditional"], "--to", tmp_path / "set", "--per-class", 48, "--filter", "score", "--resume"]
    command += ["--filter-set", "score.threshold=-1000.0"]
    here(*command)
    (tmp_path / "set" / "dropped.json").write_text("[]")
    assert "dropped.json is damaged" in here(*command, code=2).stderr
    (tmp_path / "set" / ".generated").mkdir()
    (tmp_path / "set" / ".generated" / "progress.json").write_text("[]")
    (tmp_path / "set" / ".generated" / "request.json").write_text("[]")
    done = here(*command, code=2)
    assert ".generated is damaged" in done.stderr and "Traceback" not in done.stderr


def test_an_augmentation_of_an_earlier_version_is_left_alone(here, tiny, tmp_path):
    """It kept its unfinished set elsewhere: it is refused in one line, and nothing of it is touched."""
    old = tmp_path / "set" / ".generated" / "set" / ".partial"
    old.mkdir(parents=True)
    (old / "request.json").write_text("{}")
    for more in ([], ["--resume"]):
        done = here("augment", "--run", tiny["conditional"], "--to", tmp_path / "set", "--filters", "none", *more, code=2)
        assert "earlier version" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert (old / "request.json").read_text() == "{}"


@pytest.mark.parametrize("left", [[".lock"], [".lock", ".partial/"]])
def test_killed_before_the_first_image(tiny, tmp_path, left):
    """What a kill leaves before anything was drawn is begun afresh."""
    (tmp_path / "set").mkdir()
    for name in left:
        (tmp_path / "set" / name).mkdir() if name.endswith("/") else (tmp_path / "set" / name).write_text("1")
    generate(tiny["digits"], to=tmp_path / "set", quotas={"5": 2}, resume=True)
    assert len(rows_of(tmp_path / "set")) == 2


# ---- names ---------------------------------------------------------------------------------------------------------------


def test_lists_with_odd_names(tmp_path, capsys):
    rows = [
        ('train/a "b", c/1 2.png', 'a "b", c', "train", False),
        ("train/b/\udcb0.png", "b", "train", True),
        ("train/b/3.png", "b", "test", True),
    ]
    write_lists(tmp_path, lambda: iter(rows), ["train", "test"])
    lines = (tmp_path / "train_list.txt").read_bytes().decode("utf-8", "surrogateescape").splitlines()
    assert lines == ['train/a "b", c/1 2.png\t0', "train/b/\udcb0.png\t1"]
    assert (tmp_path / "images.csv").read_bytes().splitlines()[1] == b'"train/a ""b"", c/1 2.png","a ""b"", c",train,0'
    assert "tabs after them" in capsys.readouterr().err
    write_lists(tmp_path, lambda: iter([("train/b/1\n.png", "b", "train", True)]))
    assert "line break" in capsys.readouterr().err
    assert json.loads(json_line({"file": "\udcb0.png"})) == {"file": "\udcb0.png"} and json_line({"file": "猫"}) == '{"file": "猫"}\n'


@pytest.fixture(scope="module")
def odd_names(tmp_path_factory, small_mnist, process):
    """(data, {algorithm: run}) of classes that cannot be folders."""
    folder = tmp_path_factory.mktemp("odd")
    images = load(str(small_mnist), "train").images[:24]
    np.savez(folder / "d.npz", images=images, labels=np.arange(24) % 2, class_names=["a/b", "../x"])
    overrides = {"data.source": str(folder / "d.npz"), "train.steps": 1, "train.batch_size": 8, "log.visualdl": False}
    overrides.update({"generator.width": 0.05, "discriminator.width": 0.05})
    options = {"output": folder, "log": folder, "overrides": overrides, "quiet": True}
    return folder / "d.npz", {name: paddle_gan_aug.train(name, run=name, **options).folder for name in ("projection", "dagan")}


def test_a_refused_class_leaves_no_folder_and_its_advice_works(here, odd_names, tmp_path):
    data, runs = odd_names
    for command in (
        ["generate", runs["projection"], "--per-class", 2],
        ["generate", runs["dagan"], "--from", data, "--count", 4],
        ["augment", "--run", runs["projection"], "--filters", "none", "--per-class", 20],
    ):
        done = here(*command, "--to", tmp_path / "set", code=2)
        assert "cannot be the name of a folder" in done.stderr and "npz" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1 and not (tmp_path / "set").exists()
    here("generate", runs["projection"], "--per-class", 2, "--to", tmp_path / "set", "--format", "npz")
    assert count_by_class(tmp_path / "set") == {"a/b": 2, "../x": 2}


def test_a_line_break_in_a_class_stays_in_its_line(here, small_mnist, tmp_path):
    images = load(str(small_mnist), "train").images[:24]
    np.savez(tmp_path / "d.npz", images=images, labels=np.arange(24) % 2, class_names=["a\nb", "c"])
    options = ["--batch-size", 8, "-o", "generator.width=0.05", "discriminator.width=0.05", "log.visualdl=false"]
    here("train", "--gan", "projection", "--data", tmp_path / "d.npz", "--run", "r", "--steps", 1, *options)
    done = here("generate", here.output / "r", "--per-class", 2, "--to", tmp_path / "set")
    assert r"(a\nb: 2, c: 2)" in done.stdout and len(done.stdout.strip().splitlines()) == 1
    done = here("augment", "--run", here.output / "r", "--per-class", 14, "--filters", "none", "--to", tmp_path / "out")
    assert any(line.split()[::3] == [r"a\nb", "14"] for line in done.stdout.splitlines())
