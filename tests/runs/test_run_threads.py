"""The library asked from threads, as a web service or a window does: Paddle comes into the process in one, and others use it."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import json, os, signal, sys, threading
import paddle_gan_aug
from paddle_gan_aug.cli.main import main

data, output = sys.argv[1:]
came = []
signal.signal(signal.SIGTERM, lambda *_: came.append("SIGTERM"))
tiny = {"data.source": data, "generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 50, "train.steps": 6}
quiet = {"log.grid_images": 32, "log.every_steps": 1, "log.visualdl": False, "health.every_steps": 3}
said = {}

def train(name, preset="classic-diffaug"):
    run = paddle_gan_aug.train(preset, run=name, output=output, log=output, overrides={**tiny, **quiet}, quiet=True)
    said[name] = run.step

def draw(name, run=None):
    run = run or paddle_gan_aug.open_run(f"{output}/one")
    said[name] = run.algorithm.sample(4, paddle_gan_aug.runtime.rng(0, "x")).astype(float).sum()

def in_threads(*works):
    threads = [threading.Thread(target=work, args=arguments) for work, *arguments in works]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

in_threads((train, "one"))
in_threads((train, "two"))
train("main")
in_threads((train, "left"), (train, "right", "sngan-projection"))
train("right alone", "sngan-projection")
in_threads((draw, "draw"))
opened = paddle_gan_aug.open_run(f"{output}/one")
in_threads(*((draw, f"draw {i}", opened) for i in range(4)))
draw("draw in main", opened)
in_threads((lambda: said.update(code=main(["train", "--run", "one", "--output", output, "--log", output, "--resume"])),))
os.kill(os.getpid(), signal.SIGTERM)
print(json.dumps({**said, "came": came}))
"""


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [[row["d_real_loss"] if "d_real_loss" in row else row["d_loss"], row["g_loss"]] for row in rows]


def test_training_drawing_and_the_command_line_work_in_any_thread(tmp_path, small_mnist):
    command = [sys.executable, "-c", PROGRAM, str(small_mnist), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert {said[name] for name in ("one", "two", "main", "left", "right", "right alone")} == {6}
    assert said["code"] == 0 and said["came"] == ["SIGTERM"]  # what the program had chosen for its signals stays
    assert len({said[name] for name in said if name.startswith("draw")}) == 1
    first = losses(tmp_path / "one")
    assert len(first) == 6 and all(losses(tmp_path / name) == first for name in ("two", "main", "left"))
    assert losses(tmp_path / "right") == losses(tmp_path / "right alone")


def test_a_classifier_reads_in_threads(tiny, small_mnist, tmp_path):
    import paddle_gan_aug
    from paddle_gan_aug.data import load

    np.savez(tmp_path / "some.npz", images=load(str(small_mnist), "test").images)
    expected, found = paddle_gan_aug.predict(tiny["classifier"], tmp_path / "some.npz"), []
    threads = [
        threading.Thread(target=lambda: found.append(paddle_gan_aug.predict(tiny["classifier"], tmp_path / "some.npz"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3
