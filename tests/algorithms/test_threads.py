"""Every preset's step on two CPU threads does what it does on one: batches that are shared out, gradients that are summed again."""

import numpy as np
import pytest

from paddle_gan_aug import runtime
from paddle_gan_aug.algorithms import build
from paddle_gan_aug.algorithms.registry import ALGORITHMS
from paddle_gan_aug.config.loading import PRESETS, load_config
from paddle_gan_aug.data import load, without_labels
from paddle_gan_aug.networks import parallel
from paddle_gan_aug.runs.batches import training_batches

# a generator of matrix products, and a discriminator that is differentiated twice; networks of matrix products
NOTHING_SHARED_OUT = ("r3gan", "r3gan-projection", "semi-supervised", "classifier")
NARROW = {"generator.width": 0.1, "discriminator.width": 0.1, "classifier.width": 0.2, "semi_supervised.width": 0.1}
CASES = [(preset.stem, {}) for preset in sorted(PRESETS.glob("*.yaml"))] + [
    ("classic", {"generator.variant": "upsample"}),
    ("classic", {"train.gradient_leaks": True}),
]


@pytest.fixture(scope="module")
def digits():
    return load("mnist", "train").subset(range(100))


def losses(preset, overrides, threads, digits, monkeypatch):
    """Of two steps on a batch that is large enough for two parts; the second shows what the first's gradients did."""
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    runtime.seed_paddle(3, "initial weights")
    row = ALGORITHMS[load_config(preset).algorithm]
    narrow = {key: width for key, width in NARROW.items() if row.reads_key(key)}
    if preset == "infogan":
        narrow["code.sorting_rounds"] = 0  # G learns from the first step
    config = load_config(preset, {**narrow, **overrides, "train.batch_size": 20, "train.seed": 0})
    algorithm = build(config, (1, 28, 28), tuple("0123456789"))
    unlabelled = without_labels(digits.images, "digits") if row.learns_without_labels else None
    batches = training_batches(config, digits, pairs=algorithm.pairs, unlabelled=unlabelled)
    algorithm.prepare(batches)
    values = []
    for number in (1, 2):
        algorithm.begin_step(number, 100)
        runtime.seed_paddle(0, "inside paddle", number)
        step = algorithm.step([batches.batch(number + i) for i in range(algorithm.batches_per_step)], runtime.rng(0, "step", number))
        values += [float(step[name]) for name in algorithm.losses]
    return values


@pytest.mark.parametrize("preset, overrides", CASES, ids=lambda part: part if isinstance(part, str) else "-".join(part) or "preset")
def test_two_threads_learn_what_one_does(preset, overrides, digits, process, monkeypatch):
    shared, in_threads = [], parallel._in_threads
    monkeypatch.setattr(parallel, "_in_threads", lambda parts, *work: shared.append(parts) or in_threads(parts, *work))
    one = losses(preset, overrides, 1, digits, monkeypatch)
    assert not shared
    two = losses(preset, overrides, 2, digits, monkeypatch)
    assert set(shared) == (set() if preset in NOTHING_SHARED_OUT else {2})
    assert np.isfinite(one).all()
    assert two == pytest.approx(one, rel=2e-3, abs=1e-4)
