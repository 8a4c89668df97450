"""The GAN whose discriminator is the classifier: its losses, its beginning, its step, its averaged weights."""

import numpy as np
import paddle
import pytest
from paddle.nn import functional as F

from paddle_gan_aug import runtime
from paddle_gan_aug.algorithms import build
from paddle_gan_aug.algorithms.consistency import (
    class_imbalance,
    conditional_entropy,
    divergence,
    pi_loss,
    teacher_loss,
    virtual_adversarial_loss,
)
from paddle_gan_aug.algorithms.ema import SteadyAverage
from paddle_gan_aug.algorithms.semi_supervised import generated_loss, labelled_loss, matching_loss, pull_away_loss, unlabelled_loss
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import LabelledImages, PartlyLabelledBatches, keep_labels, load, without_labels
from paddle_gan_aug.networks.semi_supervised import READERS, DenseGenerator

pytestmark = pytest.mark.usefixtures("process")
LOGITS = np.array([[2.0, -1.0, 0.5], [30.0, -40.0, 10.0], [-3.0, -2.5, -9.0], [0.0, 0.0, 0.0]])
OTHERS = np.array([[1.0, 0.0, 0.5], [-3.0, 4.0, 1.0], [2.0, 2.5, 0.0], [1.0, -1.0, 0.0]])
LABELS = np.array([0, 2, 1, 1])


def tensor(array):
    return paddle.to_tensor(np.asarray(array, np.float32))


def log_z(logits):
    return np.log(np.exp(logits).sum(1))


def softmax(logits):
    return np.exp(logits - log_z(logits)[:, None])


# ---- losses ------------------------------------------------------------------------------------------------------------


def test_the_losses_are_those_of_the_paper():
    z = np.exp(log_z(LOGITS))
    evidence = paddle.logsumexp(tensor(LOGITS), axis=1)
    right = LOGITS[np.arange(4), LABELS]
    assert float(labelled_loss(tensor(LOGITS), paddle.to_tensor(LABELS))) == pytest.approx((-right + log_z(LOGITS)).mean(), rel=1e-6)
    assert float(unlabelled_loss(evidence)) == pytest.approx(0.5 * -np.log(z / (z + 1)).mean(), rel=1e-5)
    assert float(generated_loss(evidence)) == pytest.approx(0.5 * np.log(z + 1).mean(), rel=1e-6)
    features, wanted = np.arange(12.0).reshape(4, 3) ** 2, np.array([1.0, 50.0, -3.0])
    assert float(matching_loss(tensor(features), tensor(wanted))) == pytest.approx(((features.mean(0) - wanted) ** 2).mean(), rel=1e-6)


def test_the_pull_away_term_is_the_mean_square_cosine_of_two_images():
    features = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 2.0]])  # cosines .6, .8 and 0
    assert float(pull_away_loss(tensor(features))) == pytest.approx((0.36 + 0.64 + 0) / 3, rel=1e-6)
    assert float(pull_away_loss(tensor(np.repeat(features[:1], 5, 0)))) == pytest.approx(1, rel=1e-6)
    assert np.isfinite(float(pull_away_loss(tensor(np.zeros((3, 4))))))


def test_the_losses_stay_finite_where_exponentials_do_not():
    evidence = paddle.logsumexp(tensor([[500.0, 400.0], [-500.0, -400.0]]), axis=1)
    assert float(unlabelled_loss(evidence)) == pytest.approx(0.25 * 400, rel=1e-4)
    assert float(generated_loss(evidence)) == pytest.approx(0.25 * 500, rel=1e-4)


def test_the_consistency_terms():
    p, q = softmax(LOGITS), softmax(OTHERS)
    assert float(pi_loss(tensor(LOGITS), tensor(OTHERS))) == pytest.approx(((p - q) ** 2).mean(), rel=1e-5)
    assert float(conditional_entropy(tensor(OTHERS))) == pytest.approx(-(q * np.log(q)).sum(1).mean(), rel=1e-5)
    constant, moving = tensor(OTHERS), tensor(OTHERS[::-1].copy())
    constant.stop_gradient = moving.stop_gradient = False
    found = divergence(constant, moving)
    assert float(found) == pytest.approx((q * np.log(q / q[::-1])).sum(1).mean(), rel=1e-5)
    found.backward()
    assert constant.grad is None and moving.grad is not None


def test_classes_that_are_equally_frequent_in_the_mean_are_balanced():
    mean = softmax(OTHERS).mean(0)
    assert float(class_imbalance(tensor(OTHERS))) == pytest.approx((mean * np.log(3 * mean)).sum(), rel=1e-5)
    sure = 100 * np.eye(3)
    assert float(class_imbalance(tensor(sure))) == pytest.approx(0, abs=1e-6)
    assert float(class_imbalance(tensor(sure[[0, 0, 0]]))) == pytest.approx(np.log(3), rel=1e-6)


def test_the_teacher_passes_on_what_it_reads_with_confidence():
    p, q = softmax(LOGITS), softmax(OTHERS)
    sure = p.max(1) >= 0.9
    assert sure.tolist() == [False, True, False, False]
    lost = -np.log(q[np.arange(4), p.argmax(1)])
    assert float(teacher_loss(tensor(p), tensor(OTHERS), 0.9)) == pytest.approx(lost[sure].sum() / 4, rel=1e-5)
    assert float(teacher_loss(tensor(p), tensor(OTHERS), 0.0)) == pytest.approx(lost.mean(), rel=1e-5)


@pytest.mark.parametrize(
    "name", ["pull-away", "labelled", "unlabelled", "generated", "matching", "pi", "entropy", "imbalance", "divergence"]
)
def test_gradients_by_finite_differences(name):
    def value(logits):
        evidence = paddle.logsumexp(logits, axis=1)
        return {
            "pull-away": lambda: pull_away_loss(logits),
            "labelled": lambda: labelled_loss(logits, paddle.to_tensor(LABELS)),
            "unlabelled": lambda: unlabelled_loss(evidence),
            "generated": lambda: generated_loss(evidence),
            "matching": lambda: matching_loss(logits, paddle.to_tensor(np.array([1.0, -2.0, 0.0]))),
            "pi": lambda: pi_loss(logits, paddle.to_tensor(LOGITS)),
            "entropy": lambda: conditional_entropy(logits),
            "imbalance": lambda: class_imbalance(logits),
            "divergence": lambda: divergence(paddle.to_tensor(LOGITS), logits),
        }[name]()

    logits = paddle.to_tensor(OTHERS)
    logits.stop_gradient = False
    value(logits).backward()
    assert logits.grad.dtype == paddle.float64
    for place in np.ndindex(OTHERS.shape):
        step = np.zeros_like(OTHERS)
        step[place] = 1e-5
        slope = (float(value(paddle.to_tensor(OTHERS + step))) - float(value(paddle.to_tensor(OTHERS - step)))) / 2e-5
        assert float(logits.grad[place]) == pytest.approx(slope, abs=1e-8)


def test_the_virtual_adversary_goes_where_the_reading_changes_most():
    network = READERS["mlp"](classes=3, image_size=4, width=0.05)
    network.initialise(tensor(np.random.default_rng(0).uniform(-1, 1, (200, 1, 4, 4))))
    images = tensor(np.random.default_rng(1).uniform(-1, 1, (50, 1, 4, 4)))
    found = float(virtual_adversarial_loss(network, images, 0.1, np.random.default_rng(2)))
    assert network.training
    network.eval()
    by_chance = []
    for seed in range(20):
        step = np.random.default_rng(seed).standard_normal((50, 16))
        step *= 0.1 / np.linalg.norm(step, axis=1, keepdims=True)
        by_chance.append(float(divergence(network(images), network(images + tensor(step.reshape(50, 1, 4, 4))))))
    assert found > 2 * max(by_chance)
    network.train()
    virtual_adversarial_loss(network, images, 0.1, np.random.default_rng(2)).backward()
    assert all(np.isfinite(p.grad.numpy()).all() for p in network.parameters() if not p.stop_gradient)


# ---- the networks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture, channels, size", [("mlp", 1, 28), ("conv", 1, 28), ("conv", 3, 32)])
def test_a_reader_begins_with_standardised_layers(architecture, channels, size):
    network = READERS[architecture](10, size, channels, width=0.3, input_noise=0.0, hidden_noise=0.0)
    images = tensor(np.random.default_rng(0).uniform(-1, 1, (300, channels, size, size)).cumsum(2) / 10)
    network.initialise(images)
    layers = [*(network.layers if architecture == "mlp" else [*network.convs, network.hidden]), network.last]
    found = []
    hooks = [layer.register_forward_post_hook(lambda layer, given, y: found.append(y.numpy())) for layer in layers]
    logits = network(images)
    for hook in hooks:
        hook.remove()
    assert logits.shape == [300, 10] and len(found) == len(layers)
    for y in found:
        axes = (0,)
        if y.ndim == 4:  # [H, W, maps, N]: what max-pooling leaves
            height, width, maps, count = y.shape
            y, axes = y.reshape([height // 2, 2, width // 2, 2, maps, count]).max((1, 3)), (0, 1, 3)
        np.testing.assert_allclose(y.mean(axes), 0, atol=1e-3)
        np.testing.assert_allclose(y.std(axes), 1, atol=1e-3)


@pytest.mark.parametrize("architecture", list(READERS))
def test_a_reader_may_begin_with_scales_of_one(architecture):
    network = READERS[architecture](10, 28, 1, width=0.1)
    network.set_scales(1.0)
    scales = [value.numpy() for name, value in network.state_dict().items() if name.endswith("weight_g")]
    assert len(scales) == (6 if architecture == "mlp" else 4) and all((scale == 1).all() for scale in scales)


def test_the_convolutional_reader_is_a_lenet_with_weight_normalisation():
    network = READERS["conv"](10, 28, 3, width=0.2)
    network.initialise(tensor(np.random.default_rng(0).uniform(-1, 1, (50, 3, 28, 28))))
    network.eval()
    images = tensor(np.random.default_rng(1).uniform(-1, 1, (4, 3, 28, 28)))
    h = images
    for conv in network.convs:
        norm = conv.weight.square().sum([1, 2, 3], keepdim=True).sqrt()
        kernel = conv.weight / norm * conv.weight_g.reshape([-1, 1, 1, 1])
        h = F.relu(F.max_pool2d(F.conv2d(h, kernel, conv.bias), 2))
    h = h.flatten(1)
    for layer in (network.hidden, network.last):
        weight = layer.weight_v / layer.weight_v.square().sum(0, keepdim=True).sqrt() * layer.weight_g
        h = F.linear(h if layer is network.hidden else F.relu(h), weight, layer.bias)
    np.testing.assert_allclose(network(images).numpy(), h.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", list(READERS))
def test_a_reader_is_noisy_in_training_alone(architecture):
    network = READERS[architecture](10, 28, 1, width=0.1)
    images = tensor(np.zeros((5, 1, 28, 28)))
    assert (network(images) != network(images)).any()
    assert network.features(images).shape == [5, network.feature_width]
    network.eval()
    assert (network(images) == network(images)).all()
    np.testing.assert_array_equal(network.logits(network.features(images)).numpy(), network(images).numpy())


def test_a_dense_reader_does_not_know_where_a_pixel_lies():
    """Permuted pixels with permuted weights of the first layer give the same logits."""
    network, order = READERS["mlp"](10, 8, 1, width=0.1), np.random.default_rng(0).permutation(64)
    network.eval()
    images = np.random.default_rng(1).uniform(-1, 1, (5, 1, 8, 8)).astype(np.float32)
    before = network(tensor(images)).numpy()
    weight = network.layers[0].weight_v
    weight.set_value(weight.numpy()[order])
    permuted = images.reshape(5, -1)[:, order].reshape(images.shape)
    np.testing.assert_allclose(network(tensor(permuted)).numpy(), before, atol=1e-5)


def test_every_weight_of_the_generator_learns():
    generator = DenseGenerator(8, 3, latent_dim=5, width=0.1)
    images = generator(tensor(np.random.default_rng(0).random((20, 5))))
    assert images.shape == [20, 3, 8, 8] and float(images.abs().max()) < 1
    (images * tensor(np.random.default_rng(1).random((20, 3, 8, 8)))).sum().backward()
    for name, parameter in generator.named_parameters():
        assert parameter.stop_gradient == name.endswith(("_mean", "_variance")), name
        if not parameter.stop_gradient:
            assert float(parameter.grad.abs().sum()) > 0, name


# ---- the algorithm -----------------------------------------------------------------------------------------------------

SMALL = {"semi_supervised.width": 0.1, "generator.width": 0.1, "train.batch_size": 20}
PLAIN = {"semi_supervised.teacher_weight": 0.0, "semi_supervised.consistency_start": 0}  # without what the preset adds


def prepared(data, settings=None):
    """(algorithm, batches) of a small network on `data`, 20 labels of which are known."""
    config = load_config("semi-supervised", {**SMALL, **PLAIN, **(settings or {})})
    labelled = keep_labels(data, 20)
    batches = PartlyLabelledBatches(
        labelled, without_labels(data.images, "all"), config.train.batch_size, lambda kind, number: runtime.rng(0, kind, number)
    )
    runtime.seed_paddle(0, "initial weights")
    algorithm = build(config, data.shape, data.class_names)
    algorithm.prepare(batches)
    return algorithm, batches


@pytest.fixture(scope="module")
def data(small_mnist):
    return load(str(small_mnist), "train")


def take_steps(algorithm, batches, steps):
    for step in steps:
        algorithm.begin_step(step, 100)
        runtime.seed_paddle(0, "inside paddle", step)
        values = algorithm.step([batches.batch(step - 1)], runtime.rng(0, "step", step))
    return {name: float(value) for name, value in values.items()}


@pytest.mark.parametrize(
    "settings, named",
    [
        ({}, {"unlabelled_loss", "generated_loss", "matching_loss", "d_real", "d_fake"}),
        (
            {"semi_supervised.pull_away_weight": 1.0},
            {"unlabelled_loss", "generated_loss", "matching_loss", "d_real", "d_fake", "pull_away_loss"},
        ),
        ({"semi_supervised.gan": False, "semi_supervised.scales": "one"}, set()),
        ({"semi_supervised.gan": False, "semi_supervised.pi_weight": 1.0}, {"pi_loss"}),
        (
            {"semi_supervised.vat_weight": 1.0, "semi_supervised.entropy_weight": 0.1, "semi_supervised.consistency_ramp": 10},
            {"unlabelled_loss", "generated_loss", "matching_loss", "d_real", "d_fake", "vat_loss", "entropy"},
        ),
        ({"semi_supervised.gan": False, "semi_supervised.balance_weight": 1.0}, {"imbalance"}),
        ({"semi_supervised.gan": False, "semi_supervised.teacher_weight": 1.0}, {"teacher_loss"}),
        (
            {"semi_supervised.gan": False, "semi_supervised.teacher_weight": 1.0, "semi_supervised.teacher_augmentation": "trivialaugment"},
            {"teacher_loss"},
        ),
        ({"semi_supervised.gan": False, "semi_supervised.pi_weight": 1.0, "semi_supervised.consistency_start": 2}, set()),
        (
            {"semi_supervised.architecture": "conv"},
            {"unlabelled_loss", "generated_loss", "matching_loss", "d_real", "d_fake"},
        ),
    ],
)
def test_a_step_returns_what_is_in_use_and_moves_what_learns(data, settings, named):
    algorithm, batches = prepared(data, settings)
    before = algorithm.weights()
    values = take_steps(algorithm, batches, [1, 2])
    assert set(values) == {"labelled_loss", "accuracy"} | named and np.isfinite(list(values.values())).all()
    after = algorithm.weights()
    moved = {key for key in after if (before[key] != after[key]).any()}
    still = {key for key in set(after) - moved if not key.startswith("reader/")}
    assert all(key.endswith("weight_g") for key in still), still
    assert "generator" in algorithm.networks or algorithm.latent_dim is None


def test_the_teacher_sees_images_as_they_are_and_its_learner_changed_ones(data):
    settings = {"semi_supervised.input_noise": 0.0, "semi_supervised.hidden_noise": 0.0, "semi_supervised.gan": False}
    settings.update({"semi_supervised.teacher_weight": 1.0, "semi_supervised.consistency_start": 3})
    settings.update({"semi_supervised.teacher_augmentation": "trivialaugment"})
    algorithm, batches = prepared(data, settings)
    take_steps(algorithm, batches, [1, 2, 3])
    images = batches.batch(3).unlabelled
    changed = algorithm.teacher_augmentation(images, runtime.rng(0, "step", 4))
    read = {name: [getattr(algorithm, name)(tensor(x)).numpy() for x in (images, changed)] for name in ("reader", "discriminator")}
    limit = float(np.median(softmax(read["reader"][0]).max(1)))  # half of the images count

    def loss(teacher, learner):
        return float(teacher_loss(tensor(softmax(teacher)), tensor(learner), limit))

    algorithm, batches = prepared(data, {**settings, "semi_supervised.teacher_confidence": limit})
    found = take_steps(algorithm, batches, [1, 2, 3, 4])["teacher_loss"]
    (plain, other), (learner_of_plain, learner) = read["reader"], read["discriminator"]
    assert found == pytest.approx(loss(plain, learner), rel=1e-4)
    for wrong in (loss(other, learner), loss(plain, learner_of_plain), loss(learner_of_plain, learner)):
        assert found != pytest.approx(wrong, rel=1e-3)


def test_labelled_images_are_changed_by_the_policy_of_the_data(data):
    calm = {"semi_supervised.input_noise": 0.0, "semi_supervised.hidden_noise": 0.0, "semi_supervised.gan": False}
    algorithm, batches = prepared(data, {**calm, "classifier.augmentation": "standard"})
    batch = batches.batch(0)
    changed = algorithm.augmentation(batch.images, runtime.rng(0, "step", 1))
    losses = [float(labelled_loss(algorithm.discriminator(tensor(x)), paddle.to_tensor(batch.labels))) for x in (changed, batch.images)]
    found = take_steps(algorithm, batches, [1])["labelled_loss"]
    assert found == pytest.approx(losses[0], rel=1e-4) and abs(found - losses[1]) > 1e-3


def test_a_step_is_a_function_of_weights_and_its_number(data):
    first, second = prepared(data), prepared(data)
    take_steps(*first, [1, 2, 3])
    take_steps(*second, [1, 2])
    third = prepared(data)
    third[0].load_weights(second[0].weights())
    third[0].load_optimizer_state(second[0].optimizer_state())
    assert take_steps(*third, [3])
    weights = first[0].weights()
    for key, value in third[0].weights().items():
        np.testing.assert_array_equal(value, weights[key], err_msg=key)


def test_neither_network_keeps_a_gradient_of_the_others_step(data):
    algorithm, batches = prepared(data)
    take_steps(algorithm, batches, [1])
    for network in (algorithm.discriminator, algorithm.generator):
        assert all(p.grad is None or not p.grad.abs().sum() for p in network.parameters())
    assert all(not p.stop_gradient for p in (algorithm.discriminator.layers[0].weight_v, algorithm.discriminator.last.weight_g))


def test_labels_of_unlabelled_images_play_no_part(data):
    """The same images with other labels, of those that are not kept, give the same step."""
    kept = keep_labels(data, 20)
    mask = (data.images[:, None] == kept.images[None]).all((2, 3, 4)).any(1)
    shuffled = np.where(mask, data.labels, (data.labels + 1) % 10)
    found = []
    for labels in (data.labels, shuffled):
        images = LabelledImages(data.images, labels, data.class_names, "same images")
        algorithm, batches = prepared(images)
        batches.dataset = kept
        found.append(take_steps(algorithm, batches, [1, 2]))
    assert found[0] == found[1]


def test_the_average_is_corrected_for_its_beginning():
    network, average = paddle.nn.Linear(3, 2), paddle.nn.Linear(3, 2)
    steady, rate, row, rng = SteadyAverage(network, average, 0.1), 0.1, [], np.random.default_rng(0)
    for step in range(1, 30):
        row.append(rng.standard_normal((3, 2)).astype(np.float32))
        network.weight.set_value(row[-1])
        steady.update(step)
        a = np.zeros((3, 2))
        for weights in row:
            a += rate * (weights - a)
        np.testing.assert_allclose(average.weight.numpy(), a / (1 - (1 - rate) ** step), atol=1e-5)


def test_reading_sampling_and_realness(data):
    algorithm, batches = prepared(data)
    take_steps(algorithm, batches, [1])
    images = algorithm.sample(7, np.random.default_rng(0))
    assert images.shape == (7, 1, 28, 28) and np.abs(images).max() <= 1
    latents = algorithm.latents(1000, np.random.default_rng(0))
    assert latents.dtype == np.float32 and 0 <= latents.min() < 0.01 and 0.99 < latents.max() < 1
    probabilities, features = algorithm.read(images)
    assert probabilities.shape == (7, 10) and features.shape == (7, algorithm.reader.feature_width)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert algorithm.realness(images).shape == (7,)
