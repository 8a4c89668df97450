"""The adversarial step: its gradients against hand-made ones, its parts one by one, its state, and what it refuses."""

import json

import numpy as np
import pytest

from paddle_gan_aug.algorithms.registry import LOSSES
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batch

pytestmark = pytest.mark.usefixtures("process")

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


@pytest.mark.parametrize("loss", LOSSES)
def test_d_and_g_get_the_gradients_of_their_losses(monkeypatch, loss):
    import paddle

    algorithm = gan(**{"loss.name": loss, "discriminator.head": "softmax" if LOSSES[loss].logits == 2 else "sigmoid"})
    recorded = Gradients(algorithm, monkeypatch)
    step(algorithm, 1)
    step(algorithm, 2)  # the second would show what the first left behind
    assert recorded.order == ["d", "g", "d", "g"]
    rng = np.random.default_rng(2)
    latents = paddle.to_tensor(algorithm.latents(BATCH, rng))
    images = paddle.to_tensor(real(200).images)
    rule = LOSSES[loss]

    algorithm.load_weights(recorded.seen[2][1])
    fakes = algorithm.generator(latents)
    d_loss = rule.d_loss(algorithm.discriminator(images), algorithm.discriminator(fakes.detach()))
    assert_close(recorded.seen[2][0], [g.numpy() for g in paddle.grad(d_loss, parameters(algorithm.discriminator))])

    of_g, weights = recorded.seen[3]
    algorithm.load_weights({**weights, **{k: v for k, v in recorded.seen[2][1].items() if k.startswith("generator/")}})
    g_loss = rule.g_loss(algorithm.discriminator(images), algorithm.discriminator(algorithm.generator(latents)))
    assert_close(of_g, [g.numpy() for g in paddle.grad(g_loss, parameters(algorithm.generator))])


def test_hinge_is_no_mean_of_logits():
    """A D that forgets the margin trains on plain ±mean: beyond the margin the true loss is flat."""
    import paddle

    algorithm = gan(**{"loss.name": "hinge"})
    parts = algorithm._adversarial_parts(paddle.to_tensor([[3.0], [0.5]]), paddle.to_tensor([[-4.0], [0.0]]))
    assert {name: float(value) for name, value in parts.items()} == {"d_real_loss": 0.25, "d_fake_loss": 0.5}


def test_latents_are_normal_and_logits_no_probabilities():
    algorithm = gan(**{"discriminator.init_std": 2.0})
    latents = algorithm.latents(4000, np.random.default_rng(0))
    assert abs(latents.mean()) < 0.02 and abs(latents.std() - 1) < 0.02 and latents.min() < -3
    logits = algorithm.realness(real(count=50).images)
    assert logits.min() < 0 or logits.max() > 1


def test_batches_of_another_size_are_no_trouble():
    algorithm = gan()
    assert all(np.isfinite(list(step(algorithm, number, count).values())).all() for number, count in ((1, 8), (2, 3), (3, 12)))


def test_d_steps_and_accumulation(monkeypatch):
    import paddle

    algorithm = gan(**{"train.discriminator_steps": 3, "train.accumulate": 2})
    assert algorithm.batches_per_step == 6
    recorded = Gradients(algorithm, monkeypatch)
    step(algorithm)
    assert recorded.order == ["d", "d", "d", "g"]
    given, weights = recorded.seen[0]
    algorithm.load_weights(weights)
    rng, losses = np.random.default_rng(1), []
    for number in range(2):
        fakes = algorithm.generator(paddle.to_tensor(algorithm.latents(BATCH, rng)))
        logits = algorithm.discriminator(paddle.to_tensor(real(100 + number).images)), algorithm.discriminator(fakes.detach())
        losses.append(algorithm.loss.d_loss(*logits))
    mean = (losses[0] + losses[1]) / 2
    assert_close(given, [g.numpy() for g in paddle.grad(mean, parameters(algorithm.discriminator))])


def test_one_backward_through_g_a_step_and_d_untouched_by_g(monkeypatch):
    algorithm = gan(**{"train.discriminator_steps": 2})
    made = []
    make = algorithm._make
    monkeypatch.setattr(algorithm, "_make", lambda *a: made.append(make(*a)) or made[-1])
    step(algorithm)
    assert [fake.images.stop_gradient for fake in made] == [True, False]
    assert all(p.grad is None or not float(p.grad.abs().max()) for net in algorithm.networks.values() for p in net.parameters())
    assert not any(p.stop_gradient for p in algorithm.discriminator.parameters())


@pytest.mark.parametrize("penalty, every", [("gradient-penalty", 1), ("r1", 3), ("dragan", 1)])
def test_penalties_join_d_with_their_weight(monkeypatch, penalty, every):
    import paddle

    from paddle_gan_aug.algorithms.registry import PENALTIES

    algorithm = gan(**{"regularizer.penalty": penalty, "regularizer.every_steps": every, "regularizer.weight": 2.5})
    recorded = Gradients(algorithm, monkeypatch)
    values = [step(algorithm, number) for number in (1, 2)]
    assert ["penalty" in row for row in values] == [True, every == 1]
    given, weights = recorded.seen[0]
    algorithm.load_weights(weights)
    rng = np.random.default_rng(1)
    images, fakes = paddle.to_tensor(real(100).images), algorithm.generator(paddle.to_tensor(algorithm.latents(BATCH, rng)))
    loss = algorithm.loss.d_loss(algorithm.discriminator(images), algorithm.discriminator(fakes.detach()))
    loss = loss + 2.5 * every * PENALTIES[penalty](algorithm.discriminator, images, fakes.detach(), rng)
    assert_close(given, [g.numpy() for g in paddle.grad(loss, parameters(algorithm.discriminator))])


def test_clipping_and_lecam():
    algorithm = gan(**{"loss.name": "wasserstein", "regularizer.clip": 0.01, "regularizer.lecam": 0.3})
    values = step(algorithm)
    assert max(float(p.abs().max()) for p in algorithm.discriminator.parameters()) <= 0.01
    assert {"lecam", "real_score", "fake_score"} <= set(values) and "d_real" not in values
    assert algorithm.state()["lecam"]["real"] == pytest.approx(values["real_score"], rel=1e-5)


@pytest.mark.parametrize("conditioning", [("embedding", "embedding"), ("batch-norm", "projection"), ("embedding", "auxiliary")])
@pytest.mark.parametrize("penalty", ["none", "gradient-penalty"])
def test_conditional_gans_learn_and_show_the_class_asked_for(conditioning, penalty):
    g, d = conditioning
    algorithm = gan(**{"generator.conditioning": g, "discriminator.conditioning": d, "regularizer.penalty": penalty})
    assert algorithm.conditional and algorithm.classes == 3
    values = [step(algorithm, number) for number in (1, 2)][-1]
    assert ("class_loss" in values, "fake_class_loss" in values) == (d == "auxiliary", d == "auxiliary")
    assert np.isfinite(list(values.values())).all()
    latents = algorithm.latents(7, np.random.default_rng(0))
    one, other = algorithm.images(latents, np.zeros(7, "int64")), algorithm.images(latents, np.ones(7, "int64"))
    assert one.shape == (7, 1, SIZE, SIZE) and np.abs(one - other).max() > 1e-4
    in_turn = algorithm.sample(7, np.random.default_rng(0))
    np.testing.assert_allclose(in_turn[0], one[0], atol=1e-6)
    np.testing.assert_allclose(in_turn[1], other[1], atol=1e-6)
    assert algorithm.grid_labels(8, 2).tolist() == [0, 0, 1, 1, 2, 2, 0, 0]
    read = algorithm.realness(one, np.zeros(7, "int64"))
    assert read.shape == (7,)
    if d != "auxiliary":
        assert np.abs(read - algorithm.realness(one, np.ones(7, "int64"))).max() > 1e-6
    with pytest.raises(ValueError, match="label"):
        algorithm.images(latents)


def test_fakes_take_the_labels_of_the_reals(monkeypatch):
    algorithm = gan(**{"generator.conditioning": "embedding", "discriminator.conditioning": "projection"})
    asked = []
    make = algorithm._make
    monkeypatch.setattr(algorithm, "_make", lambda *a: asked.append(a[1].numpy()) or make(*a))
    step(algorithm)
    np.testing.assert_array_equal(asked[0], real(100).labels)


def test_packing_stacks_neighbours_on_channels():
    import paddle

    algorithm = gan(**{"discriminator.pack": 3})
    images = real(count=6).images
    packed = algorithm._packed(paddle.to_tensor(images)).numpy()
    assert packed.shape == (2, 3, SIZE, SIZE)
    np.testing.assert_array_equal(packed[1, 2], images[5, 0])
    assert np.isfinite(list(step(algorithm).values())).all()
    realness = algorithm.realness(images)
    algorithm.discriminator.eval()
    np.testing.assert_allclose(realness[3], algorithm.discriminator(paddle.to_tensor(packed[1:])).item(), rtol=1e-4, atol=1e-5)


def test_ada_raises_the_probability_of_a_d_that_is_sure(monkeypatch):
    options = {"diffaugment.policy": "digits", "diffaugment.adaptive": "ada", "diffaugment.probability": 0.0}
    algorithm = gan(**options, **{"diffaugment.images_to_one": 240, "discriminator.init_std": 1e-4})
    algorithm.discriminator.body.fc.bias.set_value(np.float32([3.0]))
    values = [step(algorithm, number)["augment_p"] for number in range(1, 5)]
    assert values == pytest.approx([0, 0, 0, 4 * BATCH / 240])
    state = json.loads(json.dumps(algorithm.state()))
    other = gan(**options)
    other.load_state(state)
    assert other.view.controller.p == algorithm.view.controller.p


def test_apa_shows_fakes_as_reals_and_measures_true_reals():
    algorithm = gan(**{"diffaugment.adaptive": "apa", "diffaugment.images_to_one": 30, "discriminator.init_std": 1e-4})
    algorithm.discriminator.body.fc.bias.set_value(np.float32([3.0]))
    values = [step(algorithm, number) for number in range(1, 5)]
    assert (values[2]["augment_p"], values[3]["augment_p"], values[3]["augment_r"]) == pytest.approx((0, 0.8, 1))


def test_average_holds_the_buffers_too():
    algorithm = gan(**{"generator.ema": 0.5})
    step(algorithm)
    names = [name for name in algorithm.weights() if name.startswith("generator_average/") and name.endswith("_mean")]
    assert names
    for name in names:
        began, now = 0.0, algorithm.weights()[name.replace("_average", "")]
        np.testing.assert_allclose(algorithm.weights()[name], began + (1 - 2 / 11) * (now - began), rtol=1e-4, atol=1e-7)


WHOLE = {  # everything with a state of its own at once
    "generator.ema": 0.9,
    "generator.conditioning": "batch-norm",
    "discriminator.conditioning": "projection",
    "discriminator.norm": "spectral",
    "discriminator.dropout": 0.3,
    "diffaugment.policy": "digits",
    "diffaugment.adaptive": "ada",
    "diffaugment.images_to_one": 100,
    "regularizer.penalty": "r1",
    "regularizer.every_steps": 2,
    "regularizer.lecam": 0.1,
    "train.accumulate": 2,
}


def test_state_carries_on_bit_for_bit():
    whole, first, second = (gan(**WHOLE) for _ in range(3))
    for number in range(1, 8):
        step(whole, number)
    for number in range(1, 4):
        step(first, number)
    step(second, 1)  # its optimizers have other names and moments by now
    second.load_weights(first.weights())
    second.load_optimizer_state(first.optimizer_state())
    second.load_state(json.loads(json.dumps(first.state())))
    for number in range(4, 8):
        step(second, number)
    for key, value in {**whole.weights(), **whole.optimizer_state()}.items():
        np.testing.assert_array_equal(value, {**second.weights(), **second.optimizer_state()}[key], err_msg=key)
    assert whole.state() == second.state()


RESIDUAL = {
    **{"generator.architecture": "residual", "generator.activation": None, "generator.width": 0.05, "generator.init_std": 0.02},
    **{"discriminator.architecture": "residual", "discriminator.activation": "relu", "discriminator.width": 0.05},
    **{"regularizer.penalty": "r1-r2", "loss.name": "paired"},
}
MOVING = {
    **{"schedule.learning_rate": 0.2, "schedule.beta2": 0.99, "schedule.penalty": 0.1, "schedule.augment": 0.6, "schedule.ema_images": 60},
    **{"optimizer.schedule": "constant", "optimizer.beta1": 0.0, "optimizer.beta2": 0.9},
    **{"diffaugment.policy": "digits", "diffaugment.probability": 0.0},
}


def test_both_penalties_go_through_the_augmentation_to_the_images_before_it(monkeypatch):
    """D's gradient against one whose penalty is taken by images that the augmentation then doubles: four times as large."""
    import paddle

    from paddle_gan_aug.algorithms.view import View

    monkeypatch.setattr(View, "_changed", lambda self, images, rng: 2 * images)
    algorithm = gan(**{"regularizer.penalty": "r1-r2", "regularizer.weight": 2.5, "loss.name": "paired", "diffaugment.policy": "digits"})
    recorded = Gradients(algorithm, monkeypatch)
    values = step(algorithm)
    given, weights = recorded.seen[0]
    algorithm.load_weights(weights)
    images = paddle.to_tensor(real(100).images)
    fakes = algorithm.generator(paddle.to_tensor(algorithm.latents(BATCH, np.random.default_rng(1)))).detach()
    squares = []
    for seen in (2 * images, 2 * fakes):
        seen.stop_gradient = False
        (slope,) = paddle.grad(algorithm.discriminator(seen).sum(), [seen], create_graph=True)
        squares.append((2 * slope).square().sum([1, 2, 3]).mean())
    penalty = 0.5 * paddle.add_n(squares)
    assert values["penalty"] == pytest.approx(float(penalty), rel=1e-4)
    loss = algorithm.loss.d_loss(algorithm.discriminator(2 * images), algorithm.discriminator(2 * fakes)) + 2.5 * penalty
    assert_close(given, [g.numpy() for g in paddle.grad(loss, parameters(algorithm.discriminator))])


def test_a_pair_is_of_one_class(monkeypatch):
    """D is told the same class for the real and the fake of every pair, in its own step and in G's."""
    conditional = {"generator.conditioning": "batch-norm", "discriminator.conditioning": "projection"}
    algorithm = gan(**{**RESIDUAL, **conditional})
    told, read = [], algorithm.discriminator.read

    def noted(images, labels=None):
        told.append(labels.numpy())
        return read(images, labels)

    monkeypatch.setattr(algorithm.discriminator, "read", noted)
    step(algorithm)
    both, reals, fakes = told
    expected = real(100).labels
    for labels in (both[:BATCH], both[BATCH:], reals, fakes):
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("pack", [1, 2])
def test_both_penalties_of_packs(pack):
    values = step(gan(**{**RESIDUAL, "discriminator.pack": pack}))
    assert values["penalty"] > 0 and np.isfinite(list(values.values())).all()


def test_schedules_move_along_half_a_cosine_of_the_images_seen():
    algorithm = gan(**{**RESIDUAL, **MOVING, "schedule.images": 12 * BATCH, "regularizer.weight": 4.0})
    rate = algorithm.config.optimizer.generator_lr
    for number, done in ((1, 0.0), (4, 0.25), (7, 0.5), (13, 1.0), (20, 1.0)):
        algorithm.begin_step(number, 1000)
        share = 0.5 * (1 - np.cos(np.pi * done))
        assert algorithm.optimizers["g"].get_lr() == pytest.approx(rate * (1 - 0.8 * share))
        assert algorithm.optimizers["d"]._beta2 == pytest.approx(0.9 + 0.09 * share)
        assert algorithm.penalty_weight == pytest.approx(4.0 * (1 - 0.9 * share))
        assert algorithm.view.probability == pytest.approx(0.6 * share)
        half_life = 60 * share / BATCH  # in steps
        assert algorithm.average.decay == pytest.approx(0.5 ** (1 / half_life) if half_life else 0.0)
    algorithm.config.schedule.images = None  # the whole run
    algorithm.begin_step(501, 1000)
    assert algorithm.done == 0.5


def test_adam_takes_the_beta2_of_each_step():
    """Three steps of one weight by hand, with β1 = 0. Paddle corrects the bias by each β2 a step late, which a slow change forgives."""
    import paddle

    weight = paddle.create_parameter([1], "float32")
    weight.set_value(paddle.zeros([1]))
    adam = paddle.optimizer.Adam(0.1, beta1=0.0, beta2=0.9, parameters=[weight])
    square, expected, product = 0.0, 0.0, 0.9
    for beta2, slope in ((0.9, 3.0), (0.99, -1.0), (0.995, 2.0)):
        adam._beta2 = beta2
        (weight * slope).sum().backward()
        adam.step()
        adam.clear_grad()
        square = beta2 * square + (1 - beta2) * slope**2
        expected -= 0.1 * slope / (np.sqrt(square / (1 - product)) + 1e-8)
        product *= beta2
        assert weight.numpy()[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("conditional", [False, True])
def test_residual_networks_and_schedules_carry_on_bit_for_bit(conditional):
    told = {"generator.conditioning": "batch-norm", "discriminator.conditioning": "projection"} if conditional else {}
    whole, first, second = (gan(**{**RESIDUAL, **MOVING, **told}) for _ in range(3))
    for number in range(1, 6):
        step(whole, number)
    for number in range(1, 4):
        step(first, number)
    second.load_weights(first.weights())
    second.load_optimizer_state(first.optimizer_state())
    second.load_state(json.loads(json.dumps(first.state())))
    for number in range(4, 6):
        step(second, number)
    for key, value in {**whole.weights(), **whole.optimizer_state()}.items():
        np.testing.assert_array_equal(value, {**second.weights(), **second.optimizer_state()}[key], err_msg=key)


@pytest.mark.parametrize("architecture", ["augmentor", "folder", "dcgan"])
@pytest.mark.parametrize("norm", ["none", "instance", "spectral"])
def test_every_architecture_but_the_classic_takes_penalties(architecture, norm):
    overrides = {"discriminator.architecture": architecture, "discriminator.norm": norm, "discriminator.dropout": 0.3}
    assert np.isfinite(list(step(gan(**overrides, **{"regularizer.penalty": "gradient-penalty"})).values())).all()


def test_a_layer_without_second_derivatives_is_named_before_training(monkeypatch):
    import paddle

    from paddle_gan_aug.errors import InputError
    from paddle_gan_aug.networks import discriminators

    monkeypatch.setattr(discriminators, "MaskDropout", paddle.nn.Dropout)
    with pytest.raises(InputError, match="discriminator.body.dropout .Dropout.*MaskDropout"):
        gan(**{"discriminator.dropout": 0.3, "regularizer.penalty": "r1"})
