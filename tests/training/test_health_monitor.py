"""The monitor's own alarms, with losses, gradients and samples planted, and its word at the end of a run."""

import numpy as np
import pytest

import paddle_gan_aug
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import LabelledImages, load, to_network, write_idx
from paddle_gan_aug.training.health import CHANCE, REAL_IMAGES, HealthMonitor, _some_of_each_class
from paddle_gan_aug.training.loop import Progress

SOUND = {"d_real_loss": 0.5, "d_fake_loss": 0.6, "d_real": 0.7, "g_loss": 1.2, "d_gradient": 1.0, "g_gradient": 1.0}


class Records:
    """Takes the alarms' texts."""

    def __init__(self):
        self.texts = []

    def text(self, step, tag, text):
        self.texts.append(text)


class Generator:
    """Draws whatever it is given, in place of an algorithm."""

    learns_images, findings = True, ()

    latent_dim, conditional, classes = 1, True, 10
    measure_gradients = False

    def __init__(self, images):
        self.drawn = images

    def latents(self, count, rng):
        return rng.standard_normal((count, 1)).astype("float32")

    def images(self, latents, labels=None):
        return self.drawn[np.arange(len(latents)) % len(self.drawn)]

    def default_labels(self, count):
        return np.arange(count) % self.classes


@pytest.fixture(scope="module")
def digits():
    return load("mnist", "train").subset(range(600))


def monitor(real, recovers=False, **settings):
    options = load_config("classic", {f"health.{name}": value for name, value in {"every_steps": 10, **settings}.items()}).health
    said = []
    made = HealthMonitor(options, real, np.zeros((50, 1), "float32"), 0, 0, Records(), said.append, recovers)
    made.said = said
    return made


def watch(made, algorithm, values, steps=20, total=1000):
    """Show the monitor `steps` steps with the same values; returns the last `Progress`."""
    progress = Progress(algorithm, 0, total, 10, 10)
    for step in range(1, steps + 1):
        progress.step, progress.values, progress.notes = step, dict(values), {}
        made.on_step(progress)
    return progress


@pytest.mark.parametrize(
    "planted, alarm",
    [
        ({"d_gradient": 1e4}, "the gradients blow up (d_gradient 1e+04)"),
        ({"g_gradient": 2e3}, "the gradients blow up (g_gradient 2e+03)"),
        ({"d_real_loss": 0.01, "d_fake_loss": 0.01, "d_real": 0.99}, "D has won (losses below 0.02)"),
        ({"g_loss": 11.0}, "D has won (G's loss 11)"),
        ({"d_real_loss": CHANCE, "d_fake_loss": CHANCE + 0.005, "g_gradient": 1e-8}, "D is dead (it cannot tell, and G gets no gradient)"),
    ],
)
def test_losses_and_gradients_that_tell(digits, planted, alarm):
    """Healthy samples notwithstanding, at the first look."""
    made = monitor(digits)
    progress = watch(made, Generator(to_network(digits.images)), {**SOUND, **planted}, steps=10)
    assert progress.notes["health"] == progress.notes["alarm"] == [alarm]
    assert progress.failure.alarms == [alarm] and (progress.failure.step, progress.failure.healthy_step) == (10, 0)
    assert made.said == [f"health alarm at step 10: {alarm}"] and made.records.texts == [f"step 10: {alarm}"]


@pytest.mark.parametrize(
    "planted",
    [
        {},
        {"d_gradient": 999.0, "g_gradient": 1e-8},  # large, and small while D can tell
        {"d_real_loss": 0.03, "d_fake_loss": 0.01, "d_real": 0.99},
        {"d_real_loss": 0.01, "d_fake_loss": 0.01, "d_real": 0.97},
        {"g_loss": 9.9},
        {"d_real_loss": CHANCE, "d_fake_loss": CHANCE, "g_gradient": 1e-6},
        {"d_real_loss": CHANCE + 0.02, "d_fake_loss": CHANCE, "g_gradient": 1e-8},
    ],
)
def test_losses_and_gradients_that_do_not_tell(digits, planted):
    made = monitor(digits)
    progress = watch(made, Generator(to_network(digits.images)), {**SOUND, **planted})
    assert progress.notes["health"] == [] and progress.failure is None and made.said == []


def test_one_lost_step_does_not_tell(digits):
    made, algorithm = monitor(digits), Generator(to_network(digits.images))
    watch(made, algorithm, SOUND, steps=5)
    progress = watch(made, algorithm, {**SOUND, "d_real_loss": 0.0, "d_fake_loss": 0.0, "d_real": 1.0}, steps=5)
    made._look(progress)
    assert progress.notes["health"] == []


def test_a_run_that_ends_unhealthy_says_so(digits):
    """Whatever its length, and not where its samples have looked healthy once."""
    grey, alive = Generator(np.zeros((8, 1, 28, 28), "float32")), Generator(to_network(digits.images))
    for steps in (7, 20, 25):
        made = monitor(digits)
        made.on_end(watch(made, grey, SOUND, steps, total=steps))
        (line,) = made.said
        assert line.startswith("the samples have not looked healthy yet: blank images (contrast 0, ") and "train.steps" in line
        assert "\n" not in line
    made = monitor(digits, recovers=True)
    made.on_end(watch(made, alive, SOUND, 25, total=25))
    assert made.said == []
    made = monitor(digits)
    progress = watch(made, grey, SOUND, 20, total=1000)
    progress.interrupted = "SIGINT"
    made.on_end(progress)  # it will go on
    assert made.said == []


@pytest.mark.parametrize("steps", [20, 25])
def test_a_run_that_has_gone_back_and_ends_unhealthy_has_failed_again(digits, steps):
    """After two bad looks: the next change is tried, or the run has failed for good."""
    made = monitor(digits, recovers=True)
    progress = watch(made, Generator(np.zeros((8, 1, 28, 28), "float32")), SOUND, steps, total=steps)
    assert progress.failure.step == steps and progress.failure.alarms[0].startswith("blank images (contrast 0, ")
    assert len(made.said) == 1 and made.said[0].startswith(f"health alarm at step {steps}: blank images")
    for number, total in ((steps, 1000), (7, 7), (10, 10)):
        made = monitor(digits, recovers=True)
        assert watch(made, Generator(np.zeros((8, 1, 28, 28), "float32")), SOUND, number, total).failure is None


def test_pictures_of_two_values_end_with_a_word_too(digits):
    two = LabelledImages(np.where(digits.images > 100, 255, 0).astype(np.uint8), digits.labels, digits.class_names, "two values")
    made = monitor(two)
    made.on_end(watch(made, Generator(np.zeros((8, 1, 28, 28), "float32")), SOUND, 20, total=20))
    assert "not looked healthy" in made.said[0]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_fewest_images_are_watched(digits, count):
    made = monitor(digits.subset(range(count)), recover=False)
    alive = watch(made, Generator(to_network(digits.images[:count])), SOUND)
    assert alive.notes["health"] == []
    dead = watch(made, Generator(np.full((8, 1, 28, 28), -1.0, "float32")), SOUND)
    assert any("blank" in alarm for alarm in dead.notes["health"])


def test_rare_classes_are_among_those_that_set_the_limits(digits):
    """Of 30,000 images 30 are of class 1: all of them count."""
    images = np.zeros((30_000, 1, 4, 4), np.uint8)
    images[-30:] = 255
    labels = (np.arange(30_000) >= 29_970).astype(np.int64)
    some = _some_of_each_class(LabelledImages(images, labels, ("a", "b"), "x"), 100, np.random.default_rng(0))
    assert len(set(some.tolist())) == len(some) <= REAL_IMAGES + 30
    assert labels[some].sum() == 30


@pytest.mark.parametrize("per_class", [1, 2, 3])
def test_a_class_of_few_images_trains(tmp_path, digits, process, per_class):
    (tmp_path / "data").mkdir()
    chosen = np.concatenate([np.flatnonzero(digits.labels == digit)[:per_class] for digit in (3, 5)])
    write_idx(tmp_path / "data" / "train-images-idx3-ubyte.gz", digits.images[chosen, 0])
    write_idx(tmp_path / "data" / "train-labels-idx1-ubyte.gz", digits.labels[chosen].astype(np.uint8))
    tiny = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 1, "log.visualdl": False, "train.epochs": None}
    given = {**tiny, "data.source": str(tmp_path / "data"), "data.split": "full", "data.class_name": "5", "train.steps": 12}
    run = paddle_gan_aug.train("classic", run="r", output=tmp_path, log=tmp_path, quiet=True, overrides={**given, "health.every_steps": 5})
    assert run.step == 12
