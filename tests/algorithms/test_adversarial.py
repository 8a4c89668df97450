"""The adversarial step: its gradients against hand-made ones, its parts one by one, its state, and what it refuses."""

import json

import numpy as np
import pytest
from adversarial_steps import BATCH, SIZE, Gradients, assert_close, gan, parameters, real, step

from paddle_gan_aug.algorithms.registry import LOSSES

pytestmark = pytest.mark.usefixtures("process")


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
