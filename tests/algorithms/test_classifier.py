"""The classifier's losses, against values worked out by hand."""

import numpy as np
import paddle
import pytest

from paddle_gan_aug.algorithms import build
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import LabelledImages, Pretraining
from paddle_gan_aug.data.batches import Batch
from paddle_gan_aug.runs.run import training_batches


def classifier(counts=(6, 2), **overrides):
    overrides = {"classifier.dropout": 0.0, "classifier.width": 0.25, **{key.replace("__", "."): v for key, v in overrides.items()}}
    return build(load_config("classifier", overrides), (1, 16, 16), ("a", "b"), counts)


def loss_and_logits(learner, weights=None):
    images = np.random.default_rng(0).uniform(-1, 1, (4, 1, 16, 16)).astype(np.float32)
    labels = np.array([0, 1, 1, 0])
    logits, loss = learner._learn(images, Batch(images, labels, weights=weights), np.random.default_rng(0))
    return float(loss), logits.numpy().astype(np.float64), labels


def cross_entropy(logits, labels):
    return float(np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]))


@pytest.mark.parametrize("weights", [None, np.ones(4, np.float32)])
@pytest.mark.parametrize("tau", [0.0, 1.0, 2.0])
def test_logit_adjustment_adds_the_log_of_the_prior(tau, weights):
    loss, logits, labels = loss_and_logits(classifier(classifier__logit_adjustment=tau), weights)
    assert loss == pytest.approx(cross_entropy(logits + tau * np.log([6 / 8, 2 / 8]), labels), rel=1e-5)


def test_what_is_read_is_not_adjusted():
    learner = classifier(classifier__logit_adjustment=1.0)
    images = np.zeros((2, 1, 16, 16), np.float32)
    plain = paddle.nn.functional.softmax(learner.classifier(paddle.to_tensor(images)), axis=1).numpy()
    np.testing.assert_allclose(learner.read(images)[0], plain, rtol=1e-5)


def data(counts=(9, 3)):
    labels = np.repeat(np.arange(len(counts)), counts)
    return LabelledImages(np.zeros((len(labels), 1, 16, 16), np.uint8), labels, ("a", "b"), "data")


def test_balanced_sampling_shows_classes_equally_often():
    config = load_config("classifier", {"classifier.sampling": "balanced", "train.batch_size": 6})
    batches = training_batches(config, data())
    seen = np.concatenate([batches.batch(step).labels for step in range(batches.steps_per_epoch)])
    assert np.bincount(seen).tolist() == [9, 9]


def test_pretraining_ends_with_real_images_alone():
    class Made:
        read = None

        def images(self, number):
            return LabelledImages(np.full((8, 1, 16, 16), 255, np.uint8), np.array([0, 1] * 4), ("a", "b"), "made")

    config = load_config("classifier", {"generated.pretrain_steps": 2, "train.batch_size": 4})
    batches = training_batches(config, data(), Made())
    assert isinstance(batches, Pretraining)
    assert [float(batches.batch(step).images.mean()) for step in range(4)] == [1, 1, -1, -1]
