"""Tiny runs whose samples collapse when a test says so, and what became of them."""

import json

import numpy as np
import pytest

import paddle_gan_aug
from paddle_gan_aug.data import load, to_network

TINY = {
    "generator.width": 0.05,
    "discriminator.width": 0.05,
    "discriminator.norm": "none",
    "train.batch_size": 50,
    "train.steps": 20,
    "checkpoint.every_steps": 4,
    "log.every_steps": 1,
    "log.grid_images": 16,
    "health.every_steps": 2,
    "health.samples": 40,
}


@pytest.fixture(name="run")
def collapsing_run(tmp_path, small_mnist, monkeypatch):
    """Trains a tiny run whose samples are real digits, or black once `black(config, step)` says so."""
    from paddle_gan_aug.algorithms.classic import ClassicGAN

    digits = to_network(load("mnist", "train").subset(range(2000)).images)

    def start(black, **overrides):
        def images(self, latents, labels=None):
            if black(self.config, self.step_number):
                return np.full((len(latents), 1, 28, 28), -1.0, dtype="float32")
            return digits[(int(abs(latents[0, 0]) * 1e6) + np.arange(len(latents))) % len(digits)]

        monkeypatch.setattr(ClassicGAN, "images", images)
        return paddle_gan_aug.train(
            run="r",
            output=tmp_path / "output",
            log=tmp_path / "log",
            resume=(tmp_path / "output" / "r").exists(),
            overrides={"data.source": str(small_mnist), **TINY, **overrides},
            quiet=True,
        )

    start.folder = tmp_path / "output" / "r"
    return start


def recorded(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def used(folder):
    return json.loads((folder / "recovery.json").read_text())


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


RUNG_OF = {  # the rung that helps -> whether samples are black at a step under a configuration
    "smaller-d-step": lambda config, step: step > 9 and config.train.real_target == 1.0,
    "instance-noise": lambda config, step: step > 9 and config.train.instance_noise == 0.0,
    "spectral-norm": lambda config, step: step > 9 and config.discriminator.norm == "none",
    "new-seed": lambda config, step: step > 9 and config.train.seed == 0,
}


def wrapped(function, before=None, after=None):
    def run(*given, **named):
        if before:
            before(*given)
        result = function(*given, **named)
        if after:
            after(*given)
        return result

    return run


def kill_once(done=[]):  # noqa: B006 - one list for the process would do, but each test makes its own
    def kill(*_):
        if not done:
            done.append(1)
            raise Killed

    return kill
