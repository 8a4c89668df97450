"""Whole runs through the real command line on real digits: what they leave on disk, going on, being interrupted."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[2]


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def without_times(rows):
    return [{key: value for key, value in row.items() if key not in ("time", "images_per_second")} for row in rows]


def checkpoints(folder):
    return sorted(os.listdir(folder / "checkpoints"), key=lambda name: int(name.split("-")[1]))


def same_checkpoint(one, other):
    for name in ("weights.safetensors", "optimizers.safetensors"):
        left, right = load_file(one / name), load_file(other / name)
        assert left.keys() == right.keys()
        for key in left:
            np.testing.assert_array_equal(left[key], right[key], err_msg=key)


def test_a_run_leaves_what_it_promises(cli, small, small_mnist):
    done = cli("train", "--data", small_mnist, "--steps", 18, "--run", "first", *small)
    folder = cli.output / "first"
    assert str(folder) in done.stdout
    assert "18/18" in done.stderr
    rows = metrics(folder)
    assert [row["step"] for row in rows] == [1, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert [row["epoch"] for row in rows] == [1] * 6 + [2] * 4  # 500 of the 600 images train: ten steps an epoch
    assert {"d_real_loss", "d_fake_loss", "g_loss", "d_real", "d_fake", "images_per_second"} <= set(rows[0])
    assert checkpoints(folder) == ["step-12", "step-16", "step-18"]
    assert sorted(os.listdir(folder / "samples")) == [f"step-{n:06d}.png" for n in (4, 8, 12, 16, 18)]
    assert Image.open(folder / "samples" / "step-000018.png").size[0] >= 16 * 28
    state = json.loads((folder / "checkpoints" / "step-18" / "state.json").read_text())
    assert state["step"] == state["total_steps"] == 18
    assert state["data"]["count"] == 500
    assert len(state["data"]["fingerprint"]) == 64
    assert state["process"]["device"] == "cpu"
    assert load_file(folder / "checkpoints" / "step-18" / "weights.safetensors")["fixed/latents"].shape == (32, 100)


def test_the_dashboard_shows_the_run(cli, small, small_mnist):
    from werkzeug.test import Client

    from paddle_gan_aug.records.dashboard import make_app

    cli("train", "--data", small_mnist, "--steps", 8, "--run", "seen", *small)
    client = Client(make_app(cli.log, cache_seconds=0.001))

    def data(path, **query):
        return client.get(f"/app/api/{path}", query_string=query).get_json()["data"]

    tags = data("scalar/tags")
    curves = {run for run, names in zip(tags["runs"], tags["tags"]) if "loss" in names}
    assert curves == {f"{name} @ seen" for name in ("d_real_loss", "d_fake_loss", "g_loss")}
    rows = metrics(cli.output / "seen")
    for run in curves:
        points = data("scalar/list", run=run, tag="loss")
        name = run.partition(" @ ")[0]
        assert [point[1] for point in points] == [1, 2, 4, 6, 8]
        assert [point[2] for point in points] == pytest.approx([row[name] for row in rows], rel=1e-6)
    images = data("image/tags")
    run = "imgs @ seen"
    assert run in images["runs"]
    assert [entry["step"] for entry in data("image/list", run=run, tag="numbers")] == [4, 8]
    picture = client.get("/app/api/image/image", query_string={"run": run, "tag": "numbers", "index": 1})
    assert picture.data[:8] == b"\x89PNG\r\n\x1a\n"


def test_resume_goes_on_bit_for_bit(cli, small, small_mnist):
    train = ["train", "--data", small_mnist, *small, "optimizer.schedule=constant"]  # a schedule looks at the total, which is raised here
    cli(*train, "--steps", 14, "--run", "whole")
    cli(*train, "--steps", 6, "--run", "parts")
    done = cli("train", "--run", "parts", "--resume", "--steps", 14)
    assert "step 7/14" in done.stderr
    whole, parts = cli.output / "whole", cli.output / "parts"
    same_checkpoint(whole / "checkpoints" / "step-14", parts / "checkpoints" / "step-14")
    expected = {row["step"]: row for row in without_times(metrics(whole))}
    found = without_times(metrics(parts))
    assert len({row["step"] for row in found}) == len(found)
    for row in found:
        if row["step"] in expected:
            assert row == expected[row["step"]]
    done = cli("train", "--run", "parts", "--resume")
    assert "nothing left to do" in done.stderr


def test_resume_without_a_name_takes_the_newest_unfinished(cli, small, small_mnist):
    train = ["train", "--data", small_mnist, *small]
    cli(*train, "--steps", 2, "--run", "finished")
    folder = cli.output / "half"
    cli(*train, "--steps", 4, "--run", "half")
    state = json.loads((folder / "checkpoints" / "step-4" / "state.json").read_text())
    (folder / "config.yaml").write_text((folder / "config.yaml").read_text().replace("steps: 4\n", "steps: 6\n"))
    assert state["total_steps"] == 4  # the run says now that 6 were wanted
    cli("train", "--run", "half", "--resume", "--steps", 6)
    assert checkpoints(folder)[-1] == "step-6"
    done = cli("train", "--resume", "--data", small_mnist, *small, "--steps", 2, "--run", "new")
    assert "starting afresh" in done.stderr
    assert (cli.output / "new" / "config.yaml").exists()


def test_resume_refuses_to_change_what_was_learnt(cli, small, small_mnist):
    cli("train", "--data", small_mnist, *small, "--steps", 2, "--run", "r")
    before = (cli.output / "r" / "config.yaml").read_bytes()
    done = cli("train", "--run", "r", "--resume", "--steps", 4, "-o", "optimizer.beta1=0.1", code=2)
    assert "optimizer.beta1" in done.stderr
    assert (cli.output / "r" / "config.yaml").read_bytes() == before


def test_a_damaged_checkpoint_is_reported_and_the_previous_one_used(cli, small, small_mnist):
    cli("train", "--data", small_mnist, *small, "--steps", 8, "--run", "r")
    newest = cli.output / "r" / "checkpoints" / "step-8" / "weights.safetensors"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    done = cli("generate", cli.output / "r", "--count", 2, "--to", cli.folder / "images")
    assert "damaged checkpoint skipped" in done.stderr
    assert "weights.safetensors does not match its checksum" in done.stderr
    rows = [json.loads(line) for line in (cli.folder / "images" / "manifest.jsonl").read_text().splitlines()]
    assert {row["checkpoint"] for row in rows} == {4}


@pytest.mark.parametrize("signal_sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_runs_save_and_go_on(cli, small, small_mnist, signal_sent):
    arguments = ["train", "--data", small_mnist, *small, "--steps", "100000", "--run", "long", "--output", cli.output, "--log", cli.log]
    process = subprocess.Popen(
        [sys.executable, "-m", "paddle_gan_aug", *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    folder = cli.output / "long"
    deadline = time.monotonic() + 60
    while not (folder / "metrics.jsonl").exists() or len(metrics(folder)) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal_sent)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 130, stderr
    assert "checkpoint saved" in stdout
    assert "Traceback" not in stderr
    step = int(checkpoints(folder)[-1].split("-")[1])
    assert metrics(folder)[-1]["step"] in (step - 1, step)  # every second step is recorded here; an interruption adds no line
    cli("train", "--run", "long", "--resume", "--steps", step + 2)
    assert checkpoints(folder)[-1] == f"step-{step + 2}"


def test_one_class_alone(cli, small, small_mnist):
    cli("train", "--data", small_mnist, "--digit", 5, "--batch-size", 20, "--steps", 2, "--run", "fives", *small[1:])
    state = json.loads((cli.output / "fives" / "checkpoints" / "step-2" / "state.json").read_text())
    from paddle_gan_aug.data import load

    fives = load(str(small_mnist)).labels == 5
    assert state["data"]["count"] == int(fives.sum()) and state["data"]["counts"] == [0] * 5 + [int(fives.sum())] + [0] * 4
    assert state["data"]["fingerprint"] == load(str(small_mnist)).subset(fives).fingerprint(), "these images and not others"


@pytest.mark.parametrize(
    "overrides",
    [["generator.variant=upsample"], ["discriminator.head=softmax", "discriminator.norm=batch"], ["discriminator.norm=spectral"]],
)
def test_the_choices_train_and_sample(cli, small, small_mnist, overrides):
    cli("train", "--data", small_mnist, *small, *overrides, "--steps", 3, "--run", "r")
    rows = metrics(cli.output / "r")
    assert all(np.isfinite(row["g_loss"]) for row in rows)
    cli("generate", cli.output / "r", "--count", 3, "--to", cli.folder / "images")


def adversarial_presets():
    from paddle_gan_aug.config.loading import load_config, presets

    return [name for name in presets() if load_config(name).algorithm in ("gan", "infogan")]


@pytest.mark.parametrize("preset", adversarial_presets())
def test_every_preset_trains_goes_on_bit_for_bit_and_draws(tmp_path, small_mnist, preset):
    import paddle_gan_aug

    narrow = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 20, "log.grid_images": 32, "log.visualdl": False}
    rest = {
        "health.every_steps": 2,
        "health.recover": False,
        "log.every_steps": 1,
        "log.grid_every_steps": 2,
        "optimizer.schedule": "constant",
    }
    if preset.startswith("r3gan"):
        rest["schedule.images"] = 80  # as long for both: by default it is as long as the run
    if preset == "infogan":
        rest["code.sorting_rounds"] = 0  # which would take longer than this run
    overrides = {"data.source": str(small_mnist), **narrow, **rest}

    def train(name, steps, resume=False):
        options = {"overrides": {"train.steps": steps}, "resume": True} if resume else {"overrides": {**overrides, "train.steps": steps}}
        return paddle_gan_aug.train(preset, run=name, output=tmp_path, log=tmp_path / "log", quiet=True, **options)

    train("whole", 4)
    train("parts", 2)
    run = train("parts", 4, resume=True)
    same_checkpoint(tmp_path / "whole" / "checkpoints" / "step-4", tmp_path / "parts" / "checkpoints" / "step-4")
    assert without_times(metrics(tmp_path / "whole")) == without_times(metrics(tmp_path / "parts"))
    assert all("health/contrast" in row for row in metrics(tmp_path / "whole")[1::2])
    drawn = {path.name for path in (tmp_path / "whole" / "samples").iterdir()}
    sweeps = {"category-", "code-1-", "code-2-"} if preset == "infogan" else set()
    assert drawn == {f"{prefix}step-{step:06d}.png" for prefix in ("", *sweeps) for step in (2, 4)}
    again = paddle_gan_aug.open_run(tmp_path / "whole").algorithm
    np.testing.assert_array_equal(again.sample(5, np.random.default_rng(0)), run.algorithm.sample(5, np.random.default_rng(0)))


def test_d_steps_count_as_data_and_settings_are_hyperparameters(tmp_path, small_mnist):
    import paddle_gan_aug
    from paddle_gan_aug.config.loading import load_config
    from paddle_gan_aug.runs.run import hyperparameters

    narrow = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 50, "log.visualdl": False, "log.every_steps": 1}
    overrides = {"data.source": str(small_mnist), **narrow, "train.discriminator_steps": 2, "train.steps": None, "train.epochs": 2}
    run = paddle_gan_aug.train("wgan", run="r", output=tmp_path, log=tmp_path, overrides=overrides, quiet=True)
    assert run.step == 10  # 500 images are ten batches, and five steps, an epoch
    assert [row["epoch"] for row in metrics(tmp_path / "r")] == [1] * 5 + [2] * 5
    recorded = hyperparameters(load_config("wgan"))
    sections = {key.split(".")[0] for key in recorded}
    assert {"algorithm", "data", "loss", "regularizer", "diffaugment", "code", "schedule", "train"} <= sections
    assert not sections & {"runtime", "log", "checkpoint", "health", "eval", "preset", "description"} and "data.place" not in recorded


def test_a_conditional_grid_has_one_class_a_row(tmp_path, monkeypatch):
    from types import SimpleNamespace

    from paddle_gan_aug.training import callbacks

    asked = []

    class Algorithm:
        def images(self, latents, labels=None):
            asked.append(labels)
            return np.zeros((len(latents), 1, 4, 4), "float32")

        def grid_labels(self, count, columns):
            return np.arange(count) // columns % 3

        def sweeps(self, columns, rng):
            return {"category": rng.standard_normal((columns, 5))}

    records = SimpleNamespace(image=lambda step, image, tag: asked.append((tag, image.shape)))
    grids = callbacks.Grids(tmp_path, records, np.zeros((64, 5)), every=10, seed=1)
    grids.on_step(SimpleNamespace(step=10, epoch=1, complete=False, algorithm=Algorithm()))
    assert asked[0].tolist() == [0] * 16 + [1] * 16 + [2] * 16 + [0] * 16
    assert asked[1:] == [("numbers", (16, 64, 3)), None, ("category", (4, 64, 3))]
    assert sorted(os.listdir(tmp_path)) == ["category-step-000010.png", "step-000010.png"]


def test_same_seed_same_run(cli, small, small_mnist):
    for name in ("one", "two"):
        cli("train", "--data", small_mnist, *small, "--steps", 6, "--run", name)
    assert without_times(metrics(cli.output / "one")) == without_times(metrics(cli.output / "two"))
    cli("train", "--data", small_mnist, *small, "--steps", 6, "--run", "other", "--seed", 1)
    assert without_times(metrics(cli.output / "one")) != without_times(metrics(cli.output / "other"))


def test_classify_reports_what_it_read(cli, small_mnist):
    done = cli("classify", "--data", small_mnist, "--batch-size", 50, "--epochs", 12, "--run", "c", "--json")
    report = json.loads(done.stdout)
    folder = cli.output / "c" / "report"
    assert {**json.loads((folder / "classification.json").read_text()), "run": report["run"]} == report
    assert report["run"] == str(cli.output / "c")
    matrix = np.array(report["confusion_matrix"])
    assert matrix.sum() == report["test"]["count"] == 100
    assert report["accuracy"] == pytest.approx(np.trace(matrix) / 100)
    assert report["accuracy"] > 0.7
    assert Image.open(folder / "confusion.png").size[0] > 300
    assert not (cli.output / "c" / "samples").exists()
    refused = cli("generate", cli.output / "c", "--to", cli.folder / "images", code=2)
    assert "makes no images" in refused.stderr


def test_runs_work_from_python(tmp_path, small_mnist):
    import paddle_gan_aug

    overrides = {"data.source": str(small_mnist), "train.steps": 2, "generator.width": 0.05, "discriminator.width": 0.05}
    run = paddle_gan_aug.train("classic", run="py", output=tmp_path / "o", log=tmp_path / "l", overrides=overrides, quiet=True)
    assert run.step == 2
    again = paddle_gan_aug.open_run(tmp_path / "o" / "py")
    rng = np.random.default_rng
    np.testing.assert_array_equal(again.algorithm.sample(4, rng(0)), run.algorithm.sample(4, rng(0)))
