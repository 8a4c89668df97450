"""Tiny adversarial algorithms, their steps, and what their optimizers were given."""

import numpy as np

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batch

NAMES = ("0", "1", "2")
SIZE, BATCH = 12, 6
TINY = {
    "algorithm": "gan",
    "generator.architecture": "dcgan",
    "generator.width": 0.03,
    "generator.latent_dim": 5,
    "generator.init_std": 0.3,
    "generator.ema": 0.0,
    "discriminator.architecture": "dcgan",
    "discriminator.width": 0.05,
    "discriminator.init_std": 0.3,
    "discriminator.norm": "none",
    "discriminator.minibatch_std": False,
    "train.batch_size": BATCH,
}


def gan(**overrides):
    import paddle

    from paddle_gan_aug.algorithms import build

    paddle.seed(3)
    return build(load_config("classic", {**TINY, **overrides}), (1, SIZE, SIZE), NAMES)


def real(seed=0, count=BATCH):
    rng = np.random.default_rng(seed)
    return Batch(images=rng.uniform(-1, 1, (count, 1, SIZE, SIZE)).astype("float32"), labels=rng.integers(0, len(NAMES), count))


def step(algorithm, number=1, count=BATCH):
    import paddle

    algorithm.begin_step(number, 10)
    paddle.seed(number)
    batches = [real(100 * number + i, count) for i in range(algorithm.batches_per_step)]
    return {name: float(value) for name, value in algorithm.step(batches, np.random.default_rng(number)).items()}


def parameters(network):
    return [p for p in network.parameters() if not p.stop_gradient]


class Gradients:
    """What each optimizer was given, and the weights it then saw."""

    def __init__(self, algorithm, monkeypatch):
        self.order, self.seen = [], []
        for name, optimizer in algorithm.optimizers.items():
            monkeypatch.setattr(optimizer, "step", self._noting(name, optimizer, algorithm, optimizer.step))

    def _noting(self, name, optimizer, algorithm, go):
        def noted():
            weights = {key: value.copy() for key, value in algorithm.weights().items()}
            self.order.append(name)
            self.seen.append(([p.grad.numpy().copy() for p in optimizer._parameter_list], weights))
            go()

        return noted


def assert_close(found, expected):
    scale = max(np.abs(value).max() for value in expected)
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, atol=2e-5 * scale + 1e-9)
