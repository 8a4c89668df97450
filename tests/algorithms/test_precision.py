"""Mixed precision, as far as a CPU can show it: what casts and what does not, scaled losses, and that it is refused without a GPU.

A CPU has no 16-bit kernels, and Paddle's `auto_cast` does nothing there. So a stand-in notes when it would cast.
"""

import contextlib

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.nn.utils.spectral_norm_hook import SpectralNorm
from safetensors.numpy import load_file

import paddle_gan_aug
from paddle_gan_aug import runtime
from paddle_gan_aug.algorithms import build, semi_supervised
from paddle_gan_aug.algorithms.base import Algorithm
from paddle_gan_aug.algorithms.checks import check_config, is_read
from paddle_gan_aug.algorithms.optimizer_state import LossScale
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batches, load
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.networks.discriminators import ClassicDiscriminator, HalvingDiscriminator
from paddle_gan_aug.networks.precision import in_float32, mix
from paddle_gan_aug.networks.residual import ResidualDiscriminator

HAS_GPU = paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
NARROW = {"generator.width": 0.05, "discriminator.width": 0.05, "classifier.width": 0.1, "semi_supervised.width": 0.05}
LEARNING = {  # preset -> (what is set, how the passes of D in one step compute: reals, fakes, penalty, G's)
    "classic": ({}, ["float16"] * 3),
    "sngan-projection": ({"train.discriminator_steps": 1}, ["float16"] * 3),
    "wgan-gp": ({"train.discriminator_steps": 1}, ["float16", "float16", None, "float16"]),
    "r3gan": ({}, [None, "float16", "float16"]),
    "dagan": ({}, ["float16"] * 2),
}


@pytest.fixture
def casts(monkeypatch, process):
    """The data types to which Paddle would cast now, innermost last; training is let through without a GPU."""
    now = []

    @contextlib.contextmanager
    def auto_cast(enable=True, level="O1", dtype=None):
        assert level == "O1"
        now.append(dtype if enable else None)
        yield
        now.pop()

    monkeypatch.setattr(paddle.amp, "auto_cast", auto_cast)
    monkeypatch.setattr(runtime, "check_precision", lambda precision: None)
    return now


def state(now):
    return now[-1] if now else None


def settings(preset, data, **more):
    config = load_config(preset)
    narrow = {key: width for key, width in NARROW.items() if is_read(config, key)}
    tiny = {"train.batch_size": 8, "train.epochs": None, "train.steps": 1, "log.visualdl": False, "log.every_steps": 1}
    return {"data.source": str(data), **tiny, **narrow, **more}


def train(folder, preset, name, overrides, **options):
    return paddle_gan_aug.train(preset, run=name, overrides=overrides, output=folder, log=folder / "log", quiet=True, **options)


def same(run, other):
    weights, others = run.algorithm.weights(), other.algorithm.weights()
    return sorted(weights) == sorted(others) and all(np.array_equal(weights[key], others[key]) for key in weights)


class Halves(nn.Layer):
    """Gives its input in 16 bits where it casts."""

    def __init__(self, now):
        super().__init__()
        self.now, self.seen = now, []

    def forward(self, x):
        self.seen.append(state(self.now))
        return (x.astype("float16") if state(self.now) else x), None


def test_networks_cast_while_they_learn_and_give_float32(casts):
    network = Halves(casts)
    mix([network], "float16")
    x = paddle.ones([2])
    assert network(x)[0].dtype == paddle.float32 and network(x)[1] is None
    with in_float32():
        network(x)
    network.eval()
    network(x)
    network.train()
    mix([network], "float32")
    network(x)
    assert network.seen == ["float16", "float16", None, None, "float16"] and casts == []


def test_a_pass_that_fails_leaves_nothing_behind(casts):
    network = Halves(casts)
    mix([network], "bfloat16")
    with pytest.raises(AttributeError):
        network(None)
    network(paddle.ones([1]))
    assert network.seen == ["bfloat16", "bfloat16"]


@pytest.mark.parametrize("preset", LEARNING)
def test_networks_cast_and_penalties_and_power_iterations_do_not(casts, monkeypatch, small_mnist, preset):
    passes, iterations, losses = [], [], []
    more, wanted = LEARNING[preset]

    def noted(kind, name, note):
        method = getattr(kind, name)
        monkeypatch.setattr(kind, name, lambda self, *given, **options: note(self) or method(self, *given, **options))

    for kind in (ClassicDiscriminator, HalvingDiscriminator, ResidualDiscriminator):
        noted(kind, "features", lambda network: passes.append(state(casts)))
    noted(SpectralNorm, "compute_weight", lambda hook: iterations.append(state(casts)))
    noted(Algorithm, "backward", lambda algorithm: losses.append(state(casts)))
    config = load_config(preset, {**settings(preset, small_mnist), **more, "runtime.precision": "float16"})
    algorithm = build(config, (1, 28, 28), tuple("0123456789"))
    images = load(str(small_mnist), "train")
    batches = Batches(images, 8, lambda epoch: np.random.default_rng(epoch), pairs=algorithm.pairs)
    algorithm.begin_step(1, 10)
    passes.clear()
    algorithm.step([batches.batch(i) for i in range(algorithm.batches_per_step)], np.random.default_rng(0))
    assert passes == wanted and set(losses) == {None} and set(iterations) <= {None}
    assert bool(iterations) == (config.discriminator.norm == "spectral")
    passes.clear()
    algorithm.sample(4, np.random.default_rng(0))
    if preset != "dagan":
        algorithm.realness(np.zeros((8, 1, 28, 28), np.float32), np.zeros(8, np.int64))
        assert passes == [None]


def test_consistency_terms_look_for_tiny_gradients_in_float32(casts, monkeypatch, small_mnist):
    seen = []
    monkeypatch.setattr(semi_supervised, "virtual_adversarial_loss", lambda network, *rest: seen.append(network) or paddle.zeros([]))
    monkeypatch.setattr(semi_supervised, "in_float32", lambda: seen.append("float32") or contextlib.nullcontext())
    more = {"data.labels": 20, "semi_supervised.vat_weight": 1.0, "semi_supervised.consistency_start": 0, "runtime.precision": "bfloat16"}
    algorithm = build(
        load_config("semi-supervised", {**settings("semi-supervised", small_mnist), **more}), (1, 28, 28), tuple("0123456789")
    )
    algorithm.step_number = 2
    algorithm._consistency(paddle.zeros([4, 1, 28, 28]), {"unlabelled": paddle.zeros([4, 10])}, np.random.default_rng(0))
    assert seen == ["float32", algorithm.discriminator] and not algorithm.loss_scales


@pytest.mark.parametrize("preset", ["classic", "wgan-gp", "infogan", "learned-augmenter"])
def test_a_scaled_loss_changes_nothing_in_float32(casts, monkeypatch, small_mnist, tmp_path, preset):
    monkeypatch.setattr(LossScale, "STEADY", 2)
    overrides = settings(preset, small_mnist, **{"train.steps": 3, **({"code.sorting_rounds": 0} if preset == "infogan" else {})})
    plain = train(tmp_path, preset, "plain", overrides)
    scaled = train(tmp_path, preset, "scaled", {**overrides, "runtime.precision": "float16"})
    assert same(plain, scaled) and not plain.algorithm.loss_scales
    for name, scale in scaled.algorithm.loss_scales.items():
        steps = 6 if (preset, name) == ("wgan-gp", "d") else 3
        assert (scale.scale, scale.steps) == (2.0 ** (16 + steps // 2), steps % 2)
    assert sorted(scaled.algorithm.loss_scales) == sorted(scaled.algorithm.optimizers)


def test_a_run_goes_on_with_its_scales_bit_for_bit(casts, monkeypatch, small_mnist, tmp_path):
    monkeypatch.setattr(LossScale, "STEADY", 2)
    overrides = settings("classic", small_mnist, **{"train.steps": 5, "optimizer.schedule": "constant", "runtime.precision": "float16"})
    whole = train(tmp_path, "classic", "whole", overrides)
    train(tmp_path, "classic", "parts", {**overrides, "train.steps": 3})
    parts = train(tmp_path, "classic", "parts", overrides, resume=True)
    wanted, found = (load_file(run.folder / "checkpoints" / "step-5" / "optimizers.safetensors") for run in (whole, parts))
    assert same(whole, parts) and found["g/loss/scale"].tolist() == [2.0**18, 1]
    assert sorted(wanted) == sorted(found) and all(np.array_equal(wanted[key], found[key]) for key in wanted)
    more = {**overrides, "train.steps": 6, "runtime.precision": "float32"}
    assert not train(tmp_path, "classic", "parts", more, resume=True).algorithm.loss_scales  # the scales are left out


def test_a_step_whose_gradients_are_not_finite_is_left_out(process):
    weight = paddle.create_parameter([3], "float32", default_initializer=nn.initializer.Constant(1.0))
    scale = LossScale()
    for factor, finite, wanted, steps in ((1.0, True, 2.0**16, 1), (3e38, False, 2.0**15, 0), (2.0, True, 2.0**15, 1)):
        (weight * factor * scale.scale).sum().backward()
        assert scale.unscale([weight]) is finite
        assert (scale.scale, scale.steps) == (wanted, steps)
        if finite:
            assert weight.grad.numpy().tolist() == [factor] * 3
        weight.clear_gradient()
    scale.scale = 1.0
    (weight * float("nan")).sum().backward()
    assert not scale.unscale([weight]) and scale.scale == 1.0


def test_an_optimizer_waits_for_finite_gradients(casts, small_mnist, tmp_path):
    overrides = settings("classic", small_mnist, **{"runtime.precision": "float16", "health.recover": False})
    config = load_config("classic", overrides)
    algorithm = build(config, (1, 28, 28), tuple("0123456789"))
    for scale in algorithm.loss_scales.values():
        scale.scale = 1e308  # infinite in float32
    before, batches = algorithm.weights(), Batches(load(str(small_mnist), "train"), 8, lambda epoch: np.random.default_rng(epoch))
    for step in (1, 2):
        algorithm.begin_step(step, 10)
        algorithm.measure_gradients = True
        values = algorithm.step([batches.batch(step)], np.random.default_rng(step))
    learnt = [name for name, value in algorithm.weights().items() if not np.array_equal(value, before[name])]
    assert {scale.scale for scale in algorithm.loss_scales.values()} == {1e308 / 4}
    assert "d_gradient" not in values and all(np.isfinite(float(value)) for value in values.values())
    assert learnt and not [name for name in learnt if name.endswith(("weight", "weight_orig", "bias")) and "average" not in name]


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU, which computes with 16 bits")
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_cpu_refuses_it_in_one_line(here, small_mnist, tmp_path, precision):
    folders = ["--output", tmp_path / "output", "--log", tmp_path / "log"]
    for command in ("train", "classify"):
        done = here(command, "--data", small_mnist, "--run", "r", *folders, "-o", f"runtime.precision={precision}", code=2)
        said = done.stderr.strip().splitlines()[-1]
        wanted = f"runtime.precision {precision} needs a GPU, for Paddle has no kernels of 16 bits for CPUs: use float32"
        assert said == f"paddle_gan_aug {command}: {wanted}", said
    assert not (tmp_path / "output").exists()


def test_settings_that_float16_cannot_have_are_refused():
    with pytest.raises(InputError, match="train.gradient_leaks hands gradients from one optimizer to another"):
        check_config(load_config("classic-original", {"runtime.precision": "float16", "train.gradient_leaks": True}))


@pytest.mark.skipif(not HAS_GPU, reason="needs a GPU: Paddle has no 16-bit kernels for CPUs")
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("preset", ["classic", "sngan-projection", "wgan-gp", "r3gan", "classifier"])
def test_a_gpu_trains_and_goes_on_bit_for_bit(small_mnist, tmp_path, preset, precision):
    overrides = settings(preset, small_mnist, **{"train.steps": 4, "runtime.precision": precision, "runtime.device": "gpu"})
    whole = train(tmp_path, preset, "whole", overrides)
    train(tmp_path, preset, "parts", {**overrides, "train.steps": 2})
    assert same(whole, train(tmp_path, preset, "parts", overrides, resume=True))
    assert all(np.isfinite(value).all() for value in whole.algorithm.weights().values())
