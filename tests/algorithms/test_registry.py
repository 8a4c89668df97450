"""The tables: every row leads somewhere, and a loss, a penalty, a transform and an algorithm join from outside the package."""

import sys
import types

import numpy as np
import pytest

from paddle_gan_aug.algorithms.registry import (
    ALGORITHMS,
    CLASSIFIERS,
    DISCRIMINATORS,
    GENERATORS,
    LOSSES,
    PENALTIES,
    AlgorithmRow,
    Loss,
    Penalty,
    resolve,
)
from paddle_gan_aug.augment.policies import POLICIES, Policy, Step
from paddle_gan_aug.augment.transforms import DIGITS, TRANSFORMS, Range, Transform
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.errors import InputError

TABLES = {"loss": LOSSES, "penalty": PENALTIES, "algorithm": ALGORITHMS}
QUICK = {"train.steps": 2, "train.batch_size": 20, "train.epochs": None, "log.visualdl": False}
NARROW = {"generator.width": 0.05, "discriminator.width": 0.05, "log.grid_images": 8}


@pytest.mark.parametrize("kind", TABLES)
def test_every_row_has_its_name_and_leads_to_its_code(kind, process):
    for name, row in TABLES[kind].items():
        assert row.name == name
        places = [getattr(row, field) for field in ("function", "generator", "place") if getattr(row, field, None)]
        assert places and all(callable(resolve(place)) for place in places), name


def test_every_algorithm_keeps_its_promises(process):
    from paddle_gan_aug.algorithms.base import Algorithm

    for row in ALGORITHMS.values():
        kind = resolve(row.place)
        assert issubclass(kind, Algorithm)
        for attribute, method in (("makes_images", "images"), ("reads_images", "read"), ("varies_images", "vary")):
            has = getattr(kind, method, None) is not getattr(Algorithm, method, None)
            assert getattr(kind, attribute) == has, f"{row.name}: {attribute}"
        assert row.reads_key("health.every_steps") == kind.makes_images
        assert row.reads_images == kind.reads_images
        assert row.reads_key("eval.count") == (kind.makes_images and not row.classifies)


def test_every_architecture_is_built(process):
    from paddle_gan_aug.algorithms.building import make_discriminator, make_generator

    for name in GENERATORS:
        options = load_config("lsgan", {"generator.architecture": name, "generator.width": 0.05}).generator
        assert make_generator(options, 1, 28, 7).latent_dim == 7
    for name in DISCRIMINATORS:
        options = load_config("lsgan", {"discriminator.architecture": name, "discriminator.width": 0.05}).discriminator
        assert make_discriminator(options, 1, 28).feature_width > 0
    assert all(resolve(place)(classes=3).layers > 1 for place in CLASSIFIERS.values())


def test_a_row_that_reads_no_such_setting_is_refused_at_once():
    with pytest.raises(ValueError, match="mine says that it reads loss.nam, lose.: there is no such setting"):
        AlgorithmRow("mine", "my_module:Mine", reads=("loss.name", "loss.nam", "lose.", "code."))


@pytest.fixture
def outside(monkeypatch):
    """A module that is no part of the package; the rows that a test adds are taken away again."""
    module = types.ModuleType("my_module")
    monkeypatch.setitem(sys.modules, "my_module", module)
    before = [(table, dict(table)) for table in (LOSSES, PENALTIES, ALGORITHMS, TRANSFORMS, POLICIES)]
    yield module
    for table, rows in before:
        table.clear()
        table.update(rows)


def train(preset, tmp_path, small_mnist, **overrides):
    import paddle_gan_aug

    overrides = {**QUICK, "data.source": str(small_mnist), **overrides}
    return paddle_gan_aug.train(preset, run="r", output=tmp_path, log=tmp_path, overrides=overrides, quiet=True)


def test_a_loss_from_outside(outside, process, tmp_path, small_mnist):
    def exponential(logits, real):
        outside.called = True
        return (-logits if real else logits).clip(max=5.0).exp().mean()

    outside.exponential = exponential
    with pytest.raises(InputError, match="loss.name exponential: there is none of that name"):
        train("lsgan", tmp_path, small_mnist, **NARROW, **{"loss.name": "exponential"})
    LOSSES["exponential"] = Loss("exponential", "my_module:exponential", centred=True)
    run = train("lsgan", tmp_path, small_mnist, **NARROW, **{"loss.name": "exponential"})
    assert run.step == 2 and outside.called
    with pytest.raises(InputError, match="train.real_target below 1"):  # its row says that it has no label to smooth
        train("lsgan", tmp_path, small_mnist, **NARROW, **{"loss.name": "exponential", "train.real_target": 0.9})


def test_a_penalty_from_outside(outside, process, tmp_path, small_mnist):
    from paddle_gan_aug.algorithms.regularizers import squared_gradient_norms

    outside.at_fakes = lambda discriminator, real, fake, rng: squared_gradient_norms(discriminator, fake).mean()
    PENALTIES["at-fakes"] = Penalty("at-fakes", "my_module:at_fakes", weight=2.0)
    run = train("lsgan", tmp_path, small_mnist, **NARROW, **{"regularizer.penalty": "at-fakes", "log.every_steps": 1})
    assert run.step == 2 and run.algorithm.penalty_weight == 2.0
    assert '"penalty"' in (run.folder / "metrics.jsonl").read_text()


def test_a_transform_from_outside(outside, process, tmp_path, small_mnist):
    seen = []

    def invert_some(image, rng, amount):
        seen.append(amount)
        return np.where(rng.random(image.shape) < amount, 255 - image, image).astype(np.uint8)

    TRANSFORMS["speckle"] = Transform("speckle", invert_some, {"amount": Range(0.0, 0.2)})
    POLICIES["digits"] = Policy("digits", DIGITS, "speckled", steps=(Step("speckle"),), space=(Step("speckle"),))
    run = train("classifier", tmp_path, small_mnist, **{"classifier.augmentation": "standard"})
    assert run.step == 2 and len(seen) == 40 and max(seen) <= 0.2


def test_an_algorithm_from_outside(outside, process, tmp_path, small_mnist):
    import paddle

    from paddle_gan_aug.algorithms.base import Algorithm, clear_gradients

    class MeanImage(Algorithm):
        """Images of one learnt image and a little noise."""

        makes_images = True
        losses = ("distance",)

        def __init__(self, config, channels, image_size, class_names):
            super().__init__(config)
            self.latent_dim, self.shape = config.generator.latent_dim, (channels, image_size, image_size)
            self.networks = {"mean": paddle.nn.Linear(1, int(np.prod(self.shape)))}
            self.add_adam("mean", self.networks["mean"], config.optimizer.generator_lr)

        def step(self, batches, rng):
            image = self.networks["mean"](paddle.ones([1, 1])).reshape([1, *self.shape])
            loss = (paddle.to_tensor(batches[0].images) - image).square().mean()
            loss.backward()
            self.optimizers["mean"].step()
            clear_gradients(self.networks["mean"])
            return {"distance": loss.detach()}

        def images(self, latents, labels=None):
            image = self.networks["mean"](paddle.ones([1, 1])).reshape([1, *self.shape]).detach().numpy()
            return (image + 0.1 * latents[:, :1, None, None]).clip(-1, 1).astype(np.float32)

    outside.MeanImage = MeanImage
    ALGORITHMS["mean"] = AlgorithmRow(
        "mean", "my_module:MeanImage", reads=("generator.latent_dim", "optimizer.generator_lr", "health.", "eval.")
    )
    config = tmp_path / "mean.yaml"
    config.write_text("algorithm: mean\ngenerator: {latent_dim: 5}\n")
    run = train(config, tmp_path, small_mnist, **{"log.grid_images": 8})
    assert run.step == 2 and run.algorithm.sample(3, np.random.default_rng(0)).shape == (3, 1, 28, 28)
    with pytest.raises(InputError, match="generator.width: the algorithm mean .unlike .*. does not read it"):
        train(config, tmp_path, small_mnist, **{"generator.width": 0.5})
