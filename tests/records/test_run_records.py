"""Records: what is written to metrics.jsonl, and what VisualDL's own HTTP API gives back of the files beside it."""

import contextlib
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from visualdl_page import Page

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.records import run_records as records
from paddle_gan_aug.records.metrics_file import read_metrics
from paddle_gan_aug.records.run_records import Records
from paddle_gan_aug.records.visualdl_file import log_writer_class, read_records

LOSSES = ("d_real_loss", "d_fake_loss", "g_loss")


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "output" / "first", tmp_path / "log", "first"


def losses(step):
    return {"d_real_loss": 0.1 + step, "d_fake_loss": 0.2 + step, "g_loss": 2.0 + step}


def picture(number):
    image = np.full((28, 56), number, np.uint8)
    image[0, 0] = 255
    return image


def test_three_losses_share_a_chart_and_other_scalars_have_theirs(folders):
    with Records(*folders) as run:
        for step in range(1, 6):
            run.scalars(step, {**losses(step), "d_real": 0.5, "health/diversity": 0.75, "val/accuracy": 0.25}, epoch=step // 3, note="x")
    page = Page(folders[1])
    tags = page.tags("scalar")
    for name in LOSSES:
        assert tags[f"{name} @ first"] == ["loss"]
        curve = page.curve(f"{name} @ first", "loss")
        assert [step for step, _ in curve] == [1, 2, 3, 4, 5]
        np.testing.assert_allclose([value for _, value in curve], [losses(step)[name] for step in range(1, 6)], rtol=1e-6)
        assert (folders[1] / "first" / name / "vdlrecords.first.log").is_file()
    assert tags["metrics @ first"] == ["train/d_real", "run health/diversity", "val/accuracy"]
    assert min(tag for run_tags in tags.values() for tag in run_tags) == "loss"  # the group that the page opens
    assert page.curve("metrics @ first", "run health/diversity")[-1] == (5, 0.75)
    lines = read_metrics(folders[0] / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[2].pop("time") > 1.7e9
    assert lines[2] == {"step": 3, "epoch": 1, **losses(3), "d_real": 0.5, "health/diversity": 0.75, "val/accuracy": 0.25, "note": "x"}


def test_numbers_of_other_libraries(folders):
    tensor = types.SimpleNamespace(item=lambda: 0.5)
    with Records(*folders) as run:
        values = {"a": np.float32(0.25), "b": np.array([2]), "c": True, "d": tensor}
        run.scalars(np.int64(3), values, counts=np.arange(2), at=np.float64("nan"))
        for wrong in ({"a": "text"}, {"a": None}, {"a": np.zeros(2)}, {"step": 1.0}, {"nonfinite": 1.0}):
            with pytest.raises((TypeError, ValueError)):
                run.scalars(4, wrong)
        with pytest.raises(ValueError, match="twice"):
            run.scalars(4, {"twice": 1.0}, twice=2)
    (line,) = read_metrics(folders[0] / "metrics.jsonl")
    del line["time"]
    assert line == {"step": 3, "a": 0.25, "b": 2.0, "c": 1.0, "d": 0.5, "counts": [0, 1], "at": None, "nonfinite": ["at"]}


def test_what_is_not_finite_is_null_in_the_file_and_a_gap_on_the_page(folders):
    with Records(*folders) as run:
        run.scalars(1, losses(1))
        run.scalars(2, {"d_real_loss": float("nan"), "d_fake_loss": np.float32("-inf"), "g_loss": 1e39}, nested={"x": [float("inf")]})
        run.scalars(3, losses(3))
        run.hyperparameters({"x": float("nan")}, ["fid"])
        run.hyperparameter_results({"fid": float("nan")})
    text = (folders[0] / "metrics.jsonl").read_text()
    line = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()][1]
    assert line["d_real_loss"] is None and line["d_fake_loss"] is None and line["g_loss"] == 1e39 and line["nested"] == {"x": [None]}
    assert line["nonfinite"] == ["d_real_loss", "d_fake_loss"]
    page = Page(folders[1])
    for name in LOSSES:
        assert [step for step, _ in page.curve(f"{name} @ first", "loss")] == [1, 3]
    (row,) = json.loads(page.get("hparams/list").text, parse_constant=pytest.fail)["data"]
    assert row["hparams"] == {"x": "nan"} and row["metrics"] == {"result/fid": None}


def test_every_one_of_25_images_and_texts_can_be_had_also_after_a_resume(folders):
    for start, resume_step in ((0, None), (13, 120)):
        with Records(*folders, resume_step=resume_step) as run:
            for number in range(start, 25):
                run.image(number * 10, picture(number))
                run.text(number * 10, "notes", f"text {number}")
            run.image(0, picture(99), tag="samples/100% noise")
    page = Page(folders[1])
    tags = ["numbers", "numbers/011-020", "numbers/021-030"]
    assert page.tags("image")["imgs @ first"] == [*tags[:2], "samples/100_ noise", tags[2]]
    images = [page.images("imgs @ first", tag) for tag in tags]
    assert [len(some) for some in images] == [10, 10, 5]
    for index, (step, image) in enumerate((step, image) for some in images for step, image in some.items()):
        assert step == index * 10
        np.testing.assert_array_equal(image, np.stack([picture(index)] * 3, axis=2))
    texts = [page.get("text/text", run="text @ first", tag="notes/021-030", index=index).text for index in range(5)]
    assert texts == [f"text {number}" for number in range(20, 25)]


def test_image_layouts_and_what_visualdl_would_do_to_them(folders):
    colour = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    black = np.ones((8, 9), np.uint8)  # one step above black; VisualDL multiplies such an image by 255, in place
    with Records(*folders) as run:
        for step, image in enumerate((colour, colour.transpose(2, 0, 1), colour[:, :, :1], black)):
            before = image.copy()
            run.image(step, image, tag="tag")
            np.testing.assert_array_equal(image, before)
        with pytest.raises(ValueError):
            run.image(9, colour / 255)
    images = Page(folders[1]).images("imgs @ first", "tag")
    np.testing.assert_array_equal(images[0], colour)
    np.testing.assert_array_equal(images[1], colour)
    np.testing.assert_array_equal(images[2], colour[:, :, :1].repeat(3, axis=2))
    assert images[3].shape == (8, 9, 3) and images[3].max() == 0


def test_hyperparameter_table_shows_the_last_word_with_its_results(folders):
    settings = {"optimizer.lr": 2e-4, "batch": np.int64(128), "ema": True, "gan": "classic", "layers": [1, 2], "none": None, "huge": 2**70}
    with Records(*folders) as run:
        run.hyperparameters({"optimizer.lr": 1.0}, ["fid"])
        run.scalars(7, losses(7))
        run.hyperparameters(settings, ["fid", "f0.5"])
        run.hyperparameter_results({"fid": 12.5, "f0.5": 0.5})
    with Records(folders[0].parent / "second", folders[1], "second") as run:
        run.hyperparameters({"optimizer.lr": 3}, ["fid"])
    page = Page(folders[1])
    rows = {row["name"]: row for row in page.data("hparams/list")}
    expected = {"optimizer/lr": 2e-4, "batch": 128, "ema": "true", "gan": "classic", "layers": "[1, 2]", "huge": str(2**70)}
    assert rows["first"]["hparams"] == expected  # without the setting that both runs lack
    assert rows["first"]["metrics"] == {"result/fid": 12.5, "result/f0_5": 0.5}
    assert rows["second"]["metrics"] == {"result/fid": None}
    assert page.curve("first", "result/fid") == [(7, 12.5)]
    assert {entry["name"] for entry in page.data("hparams/indicators")["metrics"]} == {"result/fid", "result/f0_5"}


def record_some(run, steps):
    for step in steps:
        run.scalars(step, losses(step))
        run.image(step, picture(step))
        run.text(step, "notes", f"step {step}")


@pytest.mark.parametrize("how", ["resume", "roll back"])
def test_resume_and_roll_back_cut_everything_after_the_step(folders, how, capfd):
    run = Records(*folders)
    run.hyperparameters({"a": 1}, ["fid"])
    record_some(run, range(20))
    run.hyperparameter_results({"fid": 1.0})
    if how == "resume":
        run.close()
        run = Records(*folders, resume_step=11)
        run.hyperparameters({"a": 1}, ["fid"])
    else:
        run.cut(11)
    page = Page(folders[1])
    assert "first" not in page.tags("scalar")  # the results were of step 19
    for name in LOSSES:
        assert [step for step, _ in page.curve(f"{name} @ first", "loss")] == list(range(12))
    record_some(run, range(12, 26))
    run.hyperparameter_results({"fid": 2.0})
    run.close()
    page = Page(folders[1])
    for name in LOSSES:
        assert [step for step, _ in page.curve(f"{name} @ first", "loss")] == list(range(26))
    assert [line["step"] for line in read_metrics(run.metrics_path)] == list(range(26))
    tags = page.tags("image")["imgs @ first"]
    images = {tag: list(page.images("imgs @ first", tag)) for tag in tags}
    assert images == {"numbers": list(range(10)), "numbers/011-020": list(range(10, 20)), "numbers/021-030": list(range(20, 26))}
    texts = [page.data("text/list", run="text @ first", tag=tag) for tag in page.tags("text")["text @ first"]]
    assert [entry["step"] for some in texts for entry in some] == list(range(26))
    (row,) = page.data("hparams/list")
    assert row == {"name": "first", "hparams": {"a": 1}, "metrics": {"result/fid": 2.0}}
    assert page.curve("first", "result/fid") == [(25, 2.0)]
    assert capfd.readouterr() == ("", "")  # VisualDL prints when it appends to a file


def test_a_resume_leaves_other_runs_alone(folders):
    for name in ("first", "first/nested", "other"):
        with Records(folders[0].parent / name, folders[1], name) as run:
            run.scalars(5, losses(5))
    Records(*folders, resume_step=0).close()
    page = Page(folders[1])
    assert sorted(run for run in page.tags("scalar") if "g_loss" in run) == ["g_loss @ first/nested", "g_loss @ other"]
    assert len(read_metrics(folders[0].parent / "other" / "metrics.jsonl")) == 1


def run_on(run, steps=range(1, 6)):
    for step in steps:
        run.scalars(step, losses(step))
        run.image(step, picture(step))
        run.text(step, "notes", "text")
    run.hyperparameters({"a": 1}, ["fid"])
    run.hyperparameter_results({"fid": 1})
    run.flush()
    run.close()


def break_import(monkeypatch, folders):
    log_writer_class.cache_clear()
    monkeypatch.setitem(sys.modules, "visualdl", None)


def break_call(monkeypatch, folders):
    from visualdl import LogWriter

    def fail(*_, **__):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(LogWriter, "add_scalar", fail)


def break_folder(monkeypatch, folders):
    folders[1].parent.mkdir(parents=True, exist_ok=True)
    folders[1].write_text("a file where the folder should be")


def break_disk(monkeypatch, folders):
    folder = folders[1] / "first" / "d_real_loss"
    folder.mkdir(parents=True)
    (folder / "vdlrecords.first.log").symlink_to("/dev/full")


def break_old_file(monkeypatch, folders):
    (folders[1] / "first" / "g_loss" / "vdlrecords.first.log").mkdir(parents=True)


@pytest.mark.parametrize("breakage", [break_import, break_call, break_folder, break_disk, break_old_file])
def test_visualdl_fails_with_one_warning_and_the_run_goes_on(folders, breakage, monkeypatch, capfd):
    if breakage is break_disk and not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    breakage(monkeypatch, folders)
    run = Records(*folders)
    run_on(run)
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.startswith("warning: VisualDL is off") and errors.count("\n") == 1 and "metrics.jsonl" in errors
    assert [line["step"] for line in read_metrics(run.metrics_path)] == [1, 2, 3, 4, 5]


def test_disk_that_fills_up_leaves_whole_records(folders, capfd):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    run = Records(*folders)
    noise = np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), dtype=np.uint8)  # about 5 kB each as PNG
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, limits[1]))
        for step in range(6):
            run.image(step, noise[step])
            run.scalars(step, losses(step))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    run.close()
    assert capfd.readouterr().err.count("warning") == 1
    assert len(read_metrics(run.metrics_path)) == 6
    path = folders[1] / "first" / "imgs" / "vdlrecords.first.log"
    assert sum(len(packet) for packet, _ in read_records(path)) == path.stat().st_size  # no torn record at the end
    images = Page(folders[1]).images("imgs @ first", "numbers")
    assert list(images) == [0, 1]
    np.testing.assert_array_equal(images[1], noise[1])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_metrics_file_that_cannot_be_written_raises(folders):
    run = Records(*folders)
    run.close()
    with contextlib.suppress(OSError), open("/dev/full", "w") as run._metrics, pytest.raises(OSError):
        run.scalars(1, losses(1))
    (folders[0].parent / "file").write_text("")
    with pytest.raises(InputError):
        Records(folders[0].parent / "file", folders[1], "first")


def test_closed_records_record_no_more(folders):
    run = Records(*folders)
    run.scalars(1, losses(1))
    run.close()
    run.close()
    with pytest.raises(ValueError):
        run.scalars(2, losses(2))
    run.image(2, picture(2))
    assert not (folders[1] / "first" / "imgs").exists()


def test_imports_stay_light():
    code = """
import sys
import numpy as np
from paddle_gan_aug import pictures
from paddle_gan_aug.records import dashboard, run_records as records
heavy = {"paddle", "visualdl", "matplotlib", "PIL", "flask", "pandas", "google.protobuf"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
with records.Records(sys.argv[1] + "/run", sys.argv[1] + "/log", "run") as run:
    run.scalars(1, {"g_loss": 1.0})
    run.image(1, np.zeros((4, 4), np.uint8))
dashboard.make_app(sys.argv[1] + "/log")
pictures.titled_grid(sys.argv[1] + "/grid.png", np.zeros((4, 1, 8, 8), np.uint8), "title")
assert "paddle" not in sys.modules
"""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(Path(records.__file__).parents[2])}
        done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and done.stdout == "" and done.stderr == "", done.stderr
