"""Faults on real processes and files: whatever happens, the newest whole checkpoint is found, or the message says what is wrong."""

import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paddle_gan_aug.files import sha256

ROOT = Path(__file__).resolve().parents[2]
FILES = ["weights.safetensors", "optimizers.safetensors", "state.json", "checksums.json"]


@pytest.fixture
def trained(cli, small, small_mnist):
    """The folder of a run with checkpoints at steps 4 and 8, both whole."""
    cli("train", "--data", small_mnist, *small, "checkpoint.light=false", "--steps", 8, "--run", "r")
    return cli.output / "r"


def snapshot(folder):
    """{path: hash} of every file below."""
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_killed_runs_resume_to_the_same_bits(cli, small_mnist, tmp_path):
    cli("benchmarks", "kills", "--count", 3, "--seed", 1, "--data", small_mnist, "--to", tmp_path / "kills.json", timeout=600)
    result = json.loads((tmp_path / "kills.json").read_text())
    assert (result["count"], result["identical"]) == (3, 3)
    assert [kill["differences"] for kill in result["kills"]] == [[], [], []]
    assert {kill["when"] for kill in result["kills"]} == {"training", "saving"}


def test_the_comparison_of_runs_sees_differences(cli, small, small_mnist):
    from benchmarks.faults import differences

    for run, seed in (("one", 0), ("again", 0), ("other", 1)):
        cli("train", "--data", small_mnist, *small, "--steps", 4, "--run", run, "--seed", seed)
    assert differences(cli.folder, "one", "again") == []
    assert differences(cli.folder, "one", "other") == [*FILES[:2], "metrics.jsonl", "VisualDL records"]


@pytest.mark.parametrize(
    "name, damage",
    [*[(name, "flip") for name in FILES], (FILES[0], "cut"), (FILES[1], "empty"), (FILES[2], "cut"), (FILES[3], "missing")],
)
def test_every_damaged_file_of_a_checkpoint_is_seen(cli, trained, name, damage):
    path = trained / "checkpoints" / "step-8" / name
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    else:
        content[len(content) // 2] ^= 4
        path.write_bytes({"flip": bytes(content), "cut": bytes(content[: len(content) // 2]), "empty": b""}[damage])
    done = cli("train", "--run", "r", "--resume", "--steps", 10)
    assert "damaged checkpoint skipped" in done.stderr
    assert "step-8" in done.stderr
    assert "step 5/10" in done.stderr  # it went on from step 4
    assert (trained / "checkpoints" / "step-10").is_dir()


def test_a_planted_pickle_is_refused_and_not_run(cli, trained):
    folder, touched = trained / "checkpoints" / "step-8", cli.folder / "touched"

    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {touched}",)

    (folder / "weights.safetensors").write_bytes(pickle.dumps(Payload()))
    checksums = json.loads((folder / "checksums.json").read_text())
    checksums["weights.safetensors"] = sha256(folder / "weights.safetensors")  # even with a matching checksum
    (folder / "checksums.json").write_text(json.dumps(checksums))
    done = cli("generate", trained, "--count", 2, "--to", cli.folder / "images")
    assert "damaged checkpoint skipped" in done.stderr
    assert not touched.exists()


def test_when_all_checkpoints_are_damaged_it_says_so(cli, trained):
    for step in (4, 8):
        (trained / "checkpoints" / f"step-{step}" / "weights.safetensors").write_bytes(b"")
    done = cli("generate", trained, "--to", cli.folder / "images", code=1)
    assert "no undamaged checkpoint is left" in done.stderr.splitlines()[-1]


def test_a_half_written_checkpoint_is_not_one(cli, trained):
    whole = trained / "checkpoints" / "step-8"
    shutil.copytree(whole, trained / "checkpoints" / ".step-9.incomplete")
    done = cli("train", "--run", "r", "--resume", "--steps", 10)
    assert "step 9/10" in done.stderr
    assert not list((trained / "checkpoints").glob(".*incomplete"))


def test_a_full_disk_while_saving_loses_nothing(cli, trained):
    before = snapshot(trained / "checkpoints")
    largest = max(path.stat().st_size for path in trained.rglob("*.safetensors"))

    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest // 2, largest // 2))

    command = ["train", "--run", "r", "--resume", "--steps", "12", "--output", str(cli.output), "--log", str(cli.log)]
    process = [sys.executable, "-m", "paddle_gan_aug", *command]
    done = subprocess.run(process, cwd=ROOT, capture_output=True, text=True, preexec_fn=small_files_only, timeout=300)
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert "cannot save the checkpoint of step 12" in last
    assert "the one of step 8 is whole" in last
    assert "resume the run" in last
    assert "Traceback" not in done.stderr
    assert snapshot(trained / "checkpoints") == before
    cli("train", "--run", "r", "--resume", "--steps", 12)
    assert (trained / "checkpoints" / "step-12").is_dir()


def test_an_output_that_cannot_be_written_is_named(cli, trained):
    before = snapshot(trained)
    (trained / "checkpoints").rename(trained / "kept")
    (trained / "checkpoints").write_text("a file where the folder was")
    done = cli("train", "--run", "r", "--resume", "--steps", 12, code=2)
    assert str(trained / "checkpoints") in done.stderr
    (trained / "checkpoints").unlink()
    (trained / "kept").rename(trained / "checkpoints")
    assert {name: value for name, value in snapshot(trained).items() if name != ".lock"} == {
        name: value for name, value in before.items() if name != ".lock"
    }


def test_a_second_process_on_the_same_run_is_refused(cli, small, small_mnist):
    arguments = ["train", "--data", small_mnist, *small, "--steps", "100000", "--run", "r", "--output", cli.output, "--log", cli.log]
    first = subprocess.Popen([sys.executable, "-m", "paddle_gan_aug", *map(str, arguments)], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not list((cli.output / "r" / "checkpoints").glob("step-*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        second = cli("train", "--run", "r", "--resume", "--steps", 100001, code=2)
        assert f"in use by another process (number {first.pid})" in second.stderr
        assert first.poll() is None
    finally:
        first.terminate()
        assert first.wait(60) == 130
    cli("train", "--run", "r", "--resume", "--steps", int(max(os.listdir(cli.output / "r" / "checkpoints"), key=len).split("-")[1]) + 2)


def test_a_clock_set_back_changes_nothing(tmp_path, small_mnist, monkeypatch):
    import paddle_gan_aug
    from benchmarks.faults import differences

    tiny = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 50, "optimizer.schedule": "constant"}
    settings = {"data.source": str(small_mnist), **tiny}
    places = {"output": tmp_path / "output", "log": tmp_path / "log", "quiet": True}
    paddle_gan_aug.train(run="one", overrides={**settings, "train.steps": 20, "checkpoint.every_steps": 10}, **places)
    now = iter(range(2_000_000_000, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    paddle_gan_aug.train(run="two", overrides={**settings, "train.steps": 10, "checkpoint.every_steps": 10}, **places)
    os.utime(tmp_path / "output" / "two" / "config.yaml", (1, 1))
    paddle_gan_aug.train(run="two", resume=True, overrides={"train.steps": 20}, **places)
    assert differences(tmp_path, "one", "two") == []
