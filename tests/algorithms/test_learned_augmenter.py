"""The learned augmenter: its gradient comes through the classifier, which it leaves alone, and the teacher holds it."""

import numpy as np
import paddle
import pytest

from paddle_gan_aug import runtime
from paddle_gan_aug.algorithms import build
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batches, load, to_network

TINY = {"classifier.width": 0.25, "variation.sources": 8}


@pytest.fixture(scope="module")
def digits():
    return load("mnist", "train").subset(range(640))


def learner(**overrides):
    paddle.seed(5)
    algorithm = build(load_config("learned-augmenter", {**TINY, **overrides}), (1, 28, 28), tuple("0123456789"))
    algorithm.begin_step(1, 10)
    return algorithm


def inputs(digits, algorithm, count=64):
    noise = np.random.default_rng(0).standard_normal((count, algorithm.noise_dim), dtype=np.float32)
    arrays = (to_network(digits.images[:count]), digits.labels[:count], noise)
    return [paddle.to_tensor(array) for array in arrays]


def test_the_augmenters_step_changes_the_augmenter_alone(process, digits):
    algorithm = learner()
    before = algorithm.weights()
    changed, values = algorithm.learn_to_change(*inputs(digits, algorithm))
    assert changed.stop_gradient and set(values) == {"augmenter_loss", "changed_accuracy", "teacher_accuracy"}
    moved = {key.split("/")[0] for key, value in algorithm.weights().items() if (value != before[key]).any()}
    assert moved == {"augmenter"}
    assert algorithm.classifier.training and not algorithm.classifier.fc1.weight.stop_gradient


def trained(digits, **overrides):
    algorithm = learner(**{"optimizer.generator_lr": 0.003, "variation.teacher_decay": 0.9, **overrides})
    read = []
    batches = Batches(digits, 32, lambda epoch: runtime.rng(0, "shuffle", epoch))
    for number in range(1, 81):
        algorithm.begin_step(number, 1000)
        runtime.seed_paddle(0, "inside paddle", number)
        values = algorithm.step([batches.batch(number - 1)], runtime.rng(0, "step", number))
        read.append(float(values["changed_accuracy"]))
    return algorithm, np.mean(read[-25:])


def test_it_learns_what_the_classifier_finds_hard_and_the_teacher_reads(process, digits):
    hard, with_hardness = trained(digits, **{"variation.hardness": 3.0})
    mild, without = trained(digits, **{"variation.hardness": 0.0})
    real = to_network(digits.images[:200])

    def distance(algorithm):
        return np.abs(algorithm.vary(real, np.random.default_rng(0)) - real).mean()

    assert distance(hard) > 3 * distance(mild)
    assert with_hardness < without - 0.1
    probabilities, _ = mild.read(to_network(digits.images))
    assert (probabilities.argmax(1) == digits.labels).mean() > 0.7
