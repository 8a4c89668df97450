"""The classic GAN's step: its order, its gradients against finite differences, and neither of the two old leaks."""

import numpy as np
import pytest

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batch

pytestmark = pytest.mark.usefixtures("process")

BATCH = 6
TINY = {
    "generator.width": 0.02,
    "generator.latent_dim": 5,
    "generator.init_std": 0.3,
    "generator.ema": 0.0,
    "discriminator.width": 0.03,
    "discriminator.init_std": 0.3,
    "discriminator.norm": "none",
}


@pytest.fixture
def float64():
    import paddle

    paddle.set_default_dtype("float64")
    yield
    paddle.set_default_dtype("float32")


def tiny_gan(**overrides):
    import paddle

    from paddle_gan_aug.algorithms.classic import ClassicGAN

    paddle.seed(3)
    return ClassicGAN(load_config("classic", {**TINY, **overrides}), channels=1, image_size=12, class_names=("0",))


def real_batch(seed=0):
    images = np.random.default_rng(seed).uniform(-1, 1, (BATCH, 1, 12, 12))
    return Batch(images=images, labels=np.zeros(BATCH, dtype="int64"))


def trainable(network):
    return [p for p in network.parameters() if not p.stop_gradient]


def snapshot(network):
    return [p.numpy().copy() for p in trainable(network)]


def restore(network, arrays):
    for parameter, array in zip(trainable(network), arrays):
        parameter.set_value(array)


class Recording:
    """Runs steps of a GAN in float64 and keeps, at each optimizer's step, the gradients it uses and the weights it sees."""

    def __init__(self, gan, monkeypatch):
        self.gan, self.order, self.seen = gan, [], {}
        draw = gan.latents
        monkeypatch.setattr(gan, "latents", lambda count, rng: draw(count, rng).astype("float64"))
        for name, optimizer in gan.optimizers.items():
            monkeypatch.setattr(optimizer, "step", self._recorded(name, optimizer, optimizer.step))

    def _recorded(self, name, optimizer, step):
        def recorded():
            self.order.append(name)
            gradients = [p.grad.numpy().copy() for p in optimizer._parameter_list]
            self.seen[name] = gradients, snapshot(self.gan.generator), snapshot(self.gan.discriminator)
            step()

        return recorded

    def step(self, seed=0):
        import paddle

        self.real, self.rng_seed = real_batch(seed), seed
        self.gan.begin_step(seed + 1, 10)
        self.gan.step([self.real], np.random.default_rng(seed))
        self.latents = paddle.to_tensor(self.gan.latents(BATCH, np.random.default_rng(seed)))

    def loss(self, name):
        import paddle

        gan = self.gan
        if name == "real_d":
            return gan.loss.d_part(gan.discriminator(paddle.to_tensor(self.real.images)), True, gan.config.train.real_target)
        return gan.loss.d_part(gan.discriminator(gan.generator(self.latents)), name == "g")

    def slope(self, loss_name, network, direction, weights_at, epsilon=1e-7):
        """The slope of a loss along `direction` in the weights of `network`, by central differences."""
        _, generator, discriminator = self.seen[weights_at]
        values = []
        for sign in (1, -1):
            restore(self.gan.generator, generator)
            restore(self.gan.discriminator, discriminator)
            restore(network, [p.numpy() + sign * epsilon * d for p, d in zip(trainable(network), direction)])
            values.append(float(self.loss(loss_name)))
        restore(self.gan.generator, generator)
        restore(self.gan.discriminator, discriminator)
        return (values[0] - values[1]) / (2 * epsilon)


def directions(network, count=4):
    rng = np.random.default_rng(11)
    return [[rng.standard_normal(p.shape) for p in trainable(network)] for _ in range(count)]


def along(gradients, direction):
    return sum(float((g * d).sum()) for g, d in zip(gradients, direction))


@pytest.mark.parametrize(
    "variant, norm, head, target",
    [("transpose", "none", "sigmoid", 1.0), ("upsample", "batch", "softmax", 1.0), ("transpose", "batch", "sigmoid", 0.9)],
)
def test_the_three_gradients_equal_finite_differences(float64, monkeypatch, variant, norm, head, target):
    overrides = {"generator.variant": variant, "discriminator.norm": norm, "discriminator.head": head, "train.real_target": target}
    gan = tiny_gan(**overrides)
    recording = Recording(gan, monkeypatch)
    recording.step(seed=0)
    recording.step(seed=1)  # the second step would show what the first one left behind
    assert recording.order == ["real_d", "fake_d", "g"] * 2
    for name, network in (("real_d", gan.discriminator), ("fake_d", gan.discriminator), ("g", gan.generator)):
        for direction in directions(network):
            measured = along(recording.seen[name][0], direction)
            assert measured == pytest.approx(recording.slope(name, network, direction, name), rel=1e-5, abs=1e-8), name


def test_with_a_shared_scale_both_optimizers_of_d_divide_by_one_mean_of_squares(float64, monkeypatch):
    gan = tiny_gan(**{"optimizer.shared_scale": True, "optimizer.beta1": 0.0, "optimizer.schedule": "constant"})
    recording, rate, beta2 = Recording(gan, monkeypatch), gan.config.optimizer.discriminator_lr, gan.config.optimizer.beta2
    squares = [np.zeros(p.shape) for p in trainable(gan.discriminator)]
    for step in (1, 2):
        recording.step(seed=step - 1)
        after = {"real_d": recording.seen["fake_d"][2], "fake_d": recording.seen["g"][2]}
        for name in ("real_d", "fake_d"):
            gradients, _, weights = recording.seen[name]
            squares = [beta2 * square + (1 - beta2) * gradient**2 for square, gradient in zip(squares, gradients)]
            corrected = np.sqrt(1 - beta2**step)
            for new, old, gradient, square in zip(after[name], weights, gradients, squares):
                np.testing.assert_allclose(new, old - rate * corrected * gradient / (np.sqrt(square) + 1e-8 * corrected), rtol=1e-6)


def test_no_gradient_is_left_before_any_backward(monkeypatch):
    from paddle_gan_aug.algorithms import losses

    gan = tiny_gan()
    left = []

    def noting(loss):
        def noted(*args, **kwargs):
            parameters = [*gan.generator.parameters(), *gan.discriminator.parameters()]
            left.append(max((float(p.grad.abs().max()) for p in parameters if p.grad is not None), default=0.0))
            return loss(*args, **kwargs)

        return noted

    monkeypatch.setattr(losses, "sigmoid_loss", noting(losses.sigmoid_loss))
    batch = Batch(images=real_batch().images.astype("float32"), labels=real_batch().labels)
    for seed in range(3):
        gan.begin_step(seed + 1, 3)
        gan.step([batch], np.random.default_rng(seed))
    assert left == [0.0] * 9


def test_the_leaks_of_the_oldest_version_only_on_request(float64, monkeypatch):
    gan = tiny_gan(**{"train.gradient_leaks": True})
    recording = Recording(gan, monkeypatch)
    recording.step(seed=0)
    first_g = recording.seen["g"]
    direction = directions(gan.generator, 1)[0]
    clean = recording.slope("g", gan.generator, direction, "g")
    pushed_by_fake_d = recording.slope("fake_d", gan.generator, direction, "fake_d")
    assert along(first_g[0], direction) == pytest.approx(clean + pushed_by_fake_d, rel=1e-5)

    into_d = directions(gan.discriminator, 1)[0]
    left_by_g = recording.slope("g", gan.discriminator, into_d, "g")
    restore(gan.generator, first_g[1])
    fresh = tiny_gan(**{"train.gradient_leaks": True})
    second = Recording(fresh, monkeypatch)
    second.step(seed=0)
    second.step(seed=1)
    clean_real = second.slope("real_d", fresh.discriminator, into_d, "real_d")
    assert along(second.seen["real_d"][0], into_d) == pytest.approx(clean_real + left_by_g, rel=1e-5)


def test_one_generator_pass_a_step_and_d_untouched_by_g(monkeypatch):
    gan = tiny_gan()
    calls = []
    forward = gan.generator.forward
    monkeypatch.setattr(gan.generator, "forward", lambda z: calls.append(z.numpy()) or forward(z))
    batch = Batch(images=real_batch().images.astype("float32"), labels=real_batch().labels)
    values = gan.step([batch], np.random.default_rng(0))
    assert len(calls) == 1
    np.testing.assert_array_equal(calls[0], gan.latents(BATCH, np.random.default_rng(0)))
    assert set(values) == {"d_real_loss", "d_fake_loss", "g_loss", "d_real", "d_fake"}
    assert 0 < float(values["d_real"]) < 1
    assert all(not p.stop_gradient for p in gan.discriminator.parameters())


def test_samples_are_images_and_depend_on_the_generator_alone():
    gan = tiny_gan()
    images = gan.sample(7, np.random.default_rng(0), batch_size=3)
    assert images.shape == (7, 1, 12, 12)
    assert images.dtype == np.float32
    assert np.abs(images).max() <= 1
    np.testing.assert_array_equal(images, gan.sample(7, np.random.default_rng(0), batch_size=3))
    assert gan.generator.training


@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
def test_realness_is_the_logit_of_the_probability_that_a_step_reports(head):
    gan = tiny_gan(**{"discriminator.head": head})
    images = np.float32(real_batch().images)
    import paddle

    from paddle_gan_aug.algorithms.losses import score

    probability = paddle.nn.functional.sigmoid(score(gan.discriminator(paddle.to_tensor(images)))).numpy()
    realness = gan.realness(images)
    assert realness.shape == (BATCH,) and gan.discriminator.training
    np.testing.assert_allclose(1 / (1 + np.exp(-realness)), probability, rtol=1e-5)
    if head == "softmax":
        logits = gan.discriminator(paddle.to_tensor(images)).numpy()
        np.testing.assert_allclose(probability, np.exp(logits[:, 1]) / np.exp(logits).sum(1), rtol=1e-5)


@pytest.mark.parametrize(("variant", "kernel"), [("transpose", 4), ("upsample", 5)])
def test_the_variant_chooses_the_generator(variant, kernel):
    """Transposed convolutions of 4 x 4 pixels, or plain ones of 5 x 5 after upsampling."""
    gan = tiny_gan(**{"generator.variant": variant})
    assert {tuple(p.shape[2:]) for p in trainable(gan.generator) if p.ndim == 4} == {(kernel, kernel)}
    assert gan.images(np.ones((2, gan.latent_dim), "float32")).shape == (2, 1, 12, 12)
