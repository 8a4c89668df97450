"""Images from a run: as many as asked for, the same for the same seed, each with its origin."""

import dataclasses
import hashlib
import json
import re

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.synthesis.filters import Filters
from paddle_gan_aug.synthesis.generate import generate
from paddle_gan_aug.synthesis.partial_set import PartialSet
from paddle_gan_aug.synthesis.sampler import Samplers, open_runs
from paddle_gan_aug.synthesis.writers import FORMATS


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_mnist):
    """A run of three steps."""
    import paddle_gan_aug

    folder = tmp_path_factory.mktemp("runs")
    overrides = {"data.source": str(small_mnist), "train.steps": 3, "generator.init_std": 0.3}
    overrides.update({"generator.width": 0.05, "discriminator.width": 0.05})
    return paddle_gan_aug.train("classic", run="r", output=folder, log=folder / "log", overrides=overrides, quiet=True).folder


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_images_grid_and_manifest(cli, run, tmp_path):
    cli("generate", run, "--count", 7, "--seed", 3, "--to", tmp_path / "a")
    names = [f"{i:06d}.png" for i in range(7)]
    assert sorted(contents(tmp_path / "a")) == sorted([*names, "grid.png", "manifest.jsonl", "paddle_gan_aug.json"])
    image = Image.open(tmp_path / "a" / names[0])
    assert (image.size, image.mode) == ((28, 28), "L")
    assert Image.open(tmp_path / "a" / "grid.png").size == (7 * 28, 28)
    rows = [json.loads(line) for line in (tmp_path / "a" / "manifest.jsonl").read_text().splitlines()]
    assert [row["file"] for row in rows] == names
    weights = run / "checkpoints" / "step-3" / "weights.safetensors"
    assert {row["weights_sha256"] for row in rows} == {hashlib.sha256(weights.read_bytes()).hexdigest()}
    assert {(row["seed"], row["checkpoint"], row["run"]) for row in rows} == {(3, 3, "r")}


def test_the_seed_decides_and_longer_sets_begin_alike(cli, run, tmp_path):
    cli("generate", run, "--count", 6, "--seed", 1, "--to", tmp_path / "a")
    cli("generate", run, "--count", 6, "--seed", 1, "--to", tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    cli("generate", run, "--count", 6, "--seed", 2, "--to", tmp_path / "c")
    assert contents(tmp_path / "a")["000000.png"] != contents(tmp_path / "c")["000000.png"]
    cli("generate", run, "--count", 9, "--seed", 1, "--to", tmp_path / "d")
    for name in (f"{i:06d}.png" for i in range(6)):
        one, other = (np.asarray(Image.open(tmp_path / folder / name), dtype=int) for folder in "ad")
        assert np.abs(one - other).max() <= 1  # the last bits of a product depend on how many rows it has


def test_a_conditional_run_shows_the_classes_in_turn(tmp_path, small_mnist):
    import paddle_gan_aug

    overrides = {"data.source": str(small_mnist), "train.steps": 2, "log.visualdl": False}
    overrides.update({"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 20})
    run = paddle_gan_aug.train("projection", run="r", output=tmp_path, log=tmp_path, overrides=overrides, quiet=True)
    paddle_gan_aug.generate(run.folder, to=tmp_path / "images", count=12)
    rows = [json.loads(line) for line in (tmp_path / "images" / "manifest.jsonl").read_text().splitlines()]
    assert [row["class"] for row in rows] == [*"0123456789", "0", "1"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--count", "0"], "at least 1"),
        (["--count", "x"], "expected a whole number"),
        (["--seed", "-1"], "from 0"),
        (["--checkpoint", "77"], "no checkpoint 77; it has 3"),
        (["--checkpoint", "newest"], "no checkpoint newest; it has 3"),
    ],
)
def test_bad_arguments(cli, run, tmp_path, arguments, words):
    done = cli("generate", run, "--to", tmp_path / "new", *arguments, code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten(cli, run, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    done = cli("generate", run, "--to", tmp_path / "used", code=2)
    assert "not empty" in done.stderr
    assert contents(tmp_path / "used").keys() == {"mine.txt"}
    assert "no run at" in cli("generate", tmp_path / "nowhere", "--to", tmp_path / "new", code=2).stderr


# ---- sets with classes ---------------------------------------------------------------------------------------------------


def tree(folder):
    """{path below the folder: SHA-256} of every file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows_of(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_quotas_are_exact_and_the_same_seed_gives_the_same_files(cli, tiny, tmp_path):
    done = cli("generate", tiny["conditional"], "--per-class", 3, "--seed", 4, "--to", tmp_path / "a", "--json")
    assert json.loads(done.stdout)["classes"] == {str(digit): 3 for digit in range(10)}
    names = [f"{digit}/{i:06d}.png" for digit in range(10) for i in range(3)]
    lists = ["images.csv", "label_list.txt", "train_list.txt"]
    assert sorted(tree(tmp_path / "a")) == sorted([*names, *lists, "grid.png", "manifest.jsonl", "paddle_gan_aug.json"])
    assert (tmp_path / "a" / "train_list.txt").read_text().splitlines() == [f"{name} {name[0]}" for name in names]
    shown = np.asarray(Image.open(tmp_path / "a" / "grid.png"))  # one class a row
    assert shown.shape == (10 * 28, 3 * 28, 3)
    np.testing.assert_array_equal(shown[7 * 28 : 8 * 28, 28:56, 0], np.asarray(Image.open(tmp_path / "a" / "7" / "000001.png")))
    rows = rows_of(tmp_path / "a")
    assert [row["file"] for row in rows] == names
    assert [(row["class"], row["latent"]) for row in rows[:4]] == [("0", 0), ("0", 1), ("0", 2), ("1", 0)]
    assert {(row["seed"], row["run"], row["checkpoint"]) for row in rows} == {(4, "conditional", 3)}
    generate(tiny["conditional"], to=tmp_path / "b", seed=4, per_class=3)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    generate(tiny["conditional"], to=tmp_path / "c", seed=5, per_class=3)
    assert tree(tmp_path / "a")["0/000000.png"] != tree(tmp_path / "c")["0/000000.png"]


def test_one_run_for_each_class(tiny, tmp_path):
    generate([tiny["5"], tiny["6"]], to=tmp_path / "several", quotas={"5": 2, "6": 4, "7": 0})
    generate(tiny["digits"], to=tmp_path / "folder", quotas={5: 2, "6": 4})  # an index, and a name
    assert tree(tmp_path / "several") == tree(tmp_path / "folder")
    assert [row["run"] for row in rows_of(tmp_path / "folder")] == ["digits-5"] * 2 + ["digits-6"] * 4
    generate(tiny["5"], to=tmp_path / "alone", per_class=2)
    alone = tree(tmp_path / "alone")
    assert alone["5/000001.png"] == tree(tmp_path / "folder")["5/000001.png"]  # its images do not depend on the company
    generate(tiny["5"], to=tmp_path / "flat", count=2)
    assert tree(tmp_path / "flat")["000001.png"] == alone["5/000001.png"]


def test_truncation_keeps_latents_near_zero(tiny, process):
    sampler = Samplers(open_runs(tiny["conditional"])).of_class("1")
    plain = sampler.latents(range(50), 0)
    cut = sampler.latents(range(50), 0, truncation=0.7)
    assert np.abs(plain).max() > 2 and np.abs(cut).max() <= 0.7
    inside = np.abs(plain) <= 0.7
    np.testing.assert_array_equal(cut[inside], plain[inside])  # only what lies beyond is drawn anew
    assert abs(cut.std() - 0.382) < 0.02  # of N(0, 1) given |z| <= 0.7


@pytest.mark.parametrize("form", ["npz", "idx", "mnist.json.gz"])
def test_every_form_holds_the_same_set(tiny, tmp_path, form):
    from paddle_gan_aug.data import DataSpec, load

    request = {"seed": 1, "quotas": {"5": 9, "6": 15}}
    generate(tiny["digits"], to=tmp_path / "folder", **request)
    generate(tiny["digits"], to=tmp_path / "one", form=form, **request)
    generate(tiny["digits"], to=tmp_path / "two", form=form, **request)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert tree(tmp_path / "one")["grid.png"] == tree(tmp_path / "folder")["grid.png"]
    path = tmp_path / "one" / {"npz": "images.npz", "idx": "", "mnist.json.gz": "mnist.json.gz"}[form]
    found = load(DataSpec(str(path)), "train", split="full") if form != "npz" else None
    if form == "npz":
        from paddle_gan_aug.data import read_images
        from paddle_gan_aug.data.npz import read_npz

        images, labels, names = read_npz(path)
        assert names == tuple("0123456789")
        np.testing.assert_array_equal(read_images(tmp_path / "one")[0], images)
    else:
        images, labels = found.images, found.labels
    whole = load(str(tmp_path / "one"), "train", split="full")  # a command that is given the folder finds the file
    assert sorted(image.tobytes() for image in whole.images) == sorted(image.tobytes() for image in images)
    rows = rows_of(tmp_path / "one")
    assert [row["index"] for row in rows] == list(range(24))
    assert [row["class"] for row in rows] == [str(label) for label in labels]
    assert set(labels[-4:]) == {5, 6}  # mixed: a reader may hold out the end
    files = {(row["class"], row["latent"]): row["file"] for row in rows_of(tmp_path / "folder")}
    for row, image in zip(rows, images):
        picture = np.asarray(Image.open(tmp_path / "folder" / files[row["class"], row["latent"]]))
        np.testing.assert_array_equal(image[0], picture)


class Stop(Exception):
    pass


@pytest.mark.parametrize("form", ["folder", "npz"])
@pytest.mark.parametrize("filtered", [False, True])
def test_an_interrupted_set_goes_on_to_identical_files(tiny, tmp_path, monkeypatch, form, filtered):
    monkeypatch.setattr("paddle_gan_aug.synthesis.drawing.CHUNK", 6)
    monkeypatch.setattr("paddle_gan_aug.synthesis.held_out.MOST_EPOCHS", 2)
    names = ["confidence", "duplicates", "rejection"]
    filters = Filters(names, tiny["classifier"], {"confidence": {"threshold": 0.02}}) if filtered else None
    request = {"quotas": {"5": 14, "6": 8}, "form": form, "filters": filters}
    generate(tiny["digits"], to=tmp_path / "whole", **request)
    parts = tmp_path / "parts"
    note, count = PartialSet.note, []

    def stop(self, progress):
        count.append(1)
        if len(count) in ((2, 5) if filtered else (2, 4, 6, 8)):  # the files are longer than the progress that is put down
            raise Stop
        note(self, progress)

    monkeypatch.setattr(PartialSet, "note", stop)
    with pytest.raises(Stop):
        generate(tiny["digits"], to=parts, **request)
    assert not (parts / "manifest.jsonl").exists()
    with pytest.raises(InputError, match="resume=True goes on"):
        generate(tiny["digits"], to=parts, **request)
    with pytest.raises(InputError, match="seed"):
        generate(tiny["digits"], to=parts, seed=9, resume=True, **request)
    for _ in range(5):
        try:
            generate(tiny["digits"], to=parts, resume=True, **request)
            break
        except Stop:
            continue
    assert len(count) > 4
    assert tree(parts) == tree(tmp_path / "whole")
    generate(tiny["digits"], to=parts, resume=True, **request)  # nothing left to do
    assert tree(parts) == tree(tmp_path / "whole")


def test_a_class_that_cannot_be_filled_is_said_and_may_go_on(here, tiny, tmp_path):
    to = tmp_path / "set"
    command = ["generate", tiny["conditional"], "--per-class", 2, "--to", to, "--classifier", tiny["classifier"], "--filter", "agreement"]
    done = here(*command, "--attempts", 30, code=1)
    assert "within 30 attempts" in done.stderr and "more --attempts" in done.stderr
    dropped = json.loads((to / "dropped.json").read_text())
    short = [name for name, part in dropped["classes"].items() if part["kept"] < 2]
    assert short and dropped["missing"] == {name: 2 - dropped["classes"][name]["kept"] for name in short}
    for name, part in dropped["classes"].items():
        assert part["tried"] == part["kept"] + part["dropped"]["other-class"]
        assert part["tried"] == 60 if name in short else part["tried"] <= 60
        assert len(list((to / name).iterdir())) == part["kept"]
    rows = rows_of(to)
    assert len(rows) == dropped["kept"]
    assert all(row["read_as"] == row["class"] and row["passed"] == ["agreement"] for row in rows)
    here(*command, "--attempts", 40, "--resume", code=1)
    again = json.loads((to / "dropped.json").read_text())
    assert all(again["classes"][name]["tried"] <= 80 and again["attempts"] == 40 for name in short)
    assert any(again["classes"][name]["tried"] > 60 for name in short)
    assert rows_of(to)[: again["classes"]["0"]["kept"]] == [row for row in rows_of(to) if row["class"] == "0"]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"run": "none", "count": 2}, "no run"),
        ({"run": "classifier", "count": 2}, "makes no images"),
        ({"run": "run", "per_class": 2}, "cannot be asked for a class"),
        ({"run": "conditional", "count": 3, "form": "npz"}, "with per_class"),
        ({"run": "conditional", "per_class": 2, "form": "tiff"}, "choose one of folder, npz"),
        ({"run": "conditional", "per_class": 0}, "at least one"),
        ({"run": "conditional", "per_class": 2, "truncation": 0}, "above 0"),
        ({"run": "conditional", "count": 3, "per_class": 2}, "give one of"),
        ({"run": "digits", "quotas": {"7": 2}}, "no run makes the class 7"),
        ({"run": "digits", "quotas": {"5": 0}}, "nothing to generate"),
        ({"run": "digits", "quotas": {10: 2}}, "quotas: there is no class 10: indices go from 0 to 9"),
        ({"run": "digits", "quotas": {-1: 2}}, "quotas: there is no class -1"),
        ({"run": "digits", "quotas": {3: 2}}, "no run makes the class 3"),
        ({"run": "digits", "quotas": {5: 2, "5": 1}}, "quotas: the class 5 is given twice"),
        ({"run": "digits", "quotas": {5: -2}}, "quotas: -2 images of the class 5: give 0 or more"),
        ({"run": "digits", "quotas": {True: 2}}, "quotas: the name True: expected"),
        ({"run": "conditional", "per_class": 2, "filters": Filters(settings={"confidence": {"threshold": 0.9}})}, "no filter is on"),
        ({"run": "conditional", "per_class": 2, "filters": Filters(["beauty"])}, "choose from contrast"),
        ({"run": "conditional", "per_class": 2, "filters": Filters(["confidense"])}, "did you mean confidence"),
        ({"run": "conditional", "per_class": 2, "filters": Filters("default")}, "give a run of classify"),
        ({"run": "conditional", "per_class": 2, "filters": Filters(["agreement"], "conditional")}, "reads no images"),
        ({"run": "conditional", "per_class": 2, "filters": Filters(["score"], settings={"score": {"treshold": 1}})}, "knows the settings"),
    ],
)
def test_bad_requests_leave_nothing(tiny, run, tmp_path, change, words):
    runs = {**tiny, "run": run, "none": tmp_path / "none"}
    options = {**change}
    name = options.pop("run")
    if getattr(options.get("filters"), "classifier", None):
        options["filters"] = dataclasses.replace(options["filters"], classifier=runs[options["filters"].classifier])
    with pytest.raises(InputError, match=words):
        generate(runs[name], to=tmp_path / "set", **options)
    assert not (tmp_path / "set").exists()


def test_a_complete_set_is_not_taken_for_another(here, tiny, tmp_path):
    command = ["generate", tiny["digits"], "--to", tmp_path / "set", "--resume"]
    here(*command, "--per-class", 2, "--truncation", 2)
    before = tree(tmp_path / "set")
    assert "nothing left to do" in here(*command, "--per-class", 2, "--truncation", 2).stderr
    same = ["--per-class", 2, "--truncation", 2]
    for given, words in (
        (["--per-class", 3, "--truncation", 2], "complete with 2 images of each class, not 3 images of each class"),
        (["--count", 4, "--truncation", 2], "complete with flat False, not flat True"),
        (["--per-class", 2], "complete with truncation 2.0, not truncation None"),
        ([*same, "--seed", 4], "complete with seed 0, not seed 4"),
        ([*same, "--format", "npz"], "complete with format folder, not format npz"),
        ([*same, "--filter", "contrast"], "complete with filters [], not filters ['contrast']"),
    ):
        done = here(*command, *given, code=2)
        assert words in done.stderr and "choose another folder" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    other = here("generate", tiny["conditional"], "--count", 4, "--to", tmp_path / "flat", "--resume")
    assert "nothing left" not in other.stderr
    refused = here("generate", tiny["digits"], "--count", 4, "--to", tmp_path / "flat", "--resume", code=2)
    assert "is complete with" in refused.stderr
    assert "nothing left to do" in here("generate", tiny["conditional"], "--count", 4, "--to", tmp_path / "flat", "--resume").stderr
    assert tree(tmp_path / "set") == before


@pytest.mark.parametrize("form", ["npz", "idx", "mnist.json.gz"])
def test_what_a_failing_writer_leaves_is_gone_on_with(tiny, tmp_path, monkeypatch, form):
    request = {"quotas": {"5": 4, "6": 3}, "form": form}
    generate(tiny["digits"], to=tmp_path / "whole", **request)
    with monkeypatch.context() as patch:

        def full(*_):
            raise OSError(28, "No space left on device")

        patch.setitem(FORMATS, form, dataclasses.replace(FORMATS[form], write=full))
        with pytest.raises(OSError):
            generate(tiny["digits"], to=tmp_path / "set", **request)
    generate(tiny["digits"], to=tmp_path / "set", resume=True, **request)
    assert tree(tmp_path / "set") == tree(tmp_path / "whole")
    generate(tiny["digits"], to=tmp_path / "set", resume=True, **request)  # complete


@pytest.mark.parametrize("form", ["npz", "idx"])
def test_what_a_killed_writer_leaves_is_gone_in_the_end(tiny, tmp_path, monkeypatch, form):
    request = {"quotas": {"5": 4, "6": 3}, "form": form}
    generate(tiny["digits"], to=tmp_path / "whole", **request)
    with monkeypatch.context() as patch:
        patch.setitem(FORMATS, form, dataclasses.replace(FORMATS[form], write=lambda *_: 1 / 0))
        with pytest.raises(ZeroDivisionError):
            generate(tiny["digits"], to=tmp_path / "set", **request)
    for name in (FORMATS[form].file, "manifest.jsonl", "grid.png"):
        (tmp_path / "set" / f".{name}.9z51jv_n").write_bytes(b"half")
    for name in (".mine.npz.9z51jv_n", f".{FORMATS[form].file}.bak"):
        (tmp_path / "set" / name).write_bytes(b"mine")
    generate(tiny["digits"], to=tmp_path / "set", resume=True, **request)
    assert tree(tmp_path / "set").keys() - tree(tmp_path / "whole").keys() == {".mine.npz.9z51jv_n", f".{FORMATS[form].file}.bak"}


@pytest.mark.parametrize("further", [[], ["--dry-run"]])
def test_more_images_than_the_disk_takes_are_refused(here, tiny, tmp_path, further):
    told = here("generate", tiny["digits"], "--count", 10**14, "--to", tmp_path / "many", *further, code=2).stderr
    assert re.search(r"100000000000000 images take at least 1e\+07 GB, and .*many has [\d.e+]+ GB left: ask for fewer, or", told)
    assert told.count("\n") == 1 and not (tmp_path / "many").exists()
