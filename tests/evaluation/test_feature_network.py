"""Feature networks: the shipped one, and those made and kept for other data."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from paddle_gan_aug.data import load
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.evaluation import feature_network as module
from paddle_gan_aug.evaluation.feature_network import feature_network, load_feature_network, train_feature_network
from paddle_gan_aug.metrics.inception import inception_score


@pytest.fixture
def other_project(tmp_path, monkeypatch):
    """The current folder becomes a project of its own, so that caches stay out of the real one."""
    (tmp_path / "work" / "mnist").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def mnist_network(process):
    return feature_network("mnist")


def test_the_shipped_network_is_of_mnist(mnist_network):
    description = json.loads((module.SHIPPED / "mnist.json").read_text())
    assert mnist_network.description == description
    assert mnist_network.name == f"mnist-{description['sha256'][:8]}"
    assert description["fingerprint"] == load("mnist", "train").fingerprint()
    assert description["trained_on"]["count"] == 50_000
    assert description["made_by"].startswith("python -m benchmarks features")
    assert (module.SHIPPED / "mnist.safetensors").stat().st_size < 2_000_000


def test_its_recorded_accuracy_is_measured_on_the_validation_images(mnist_network):
    held_out = load("mnist", "valid")
    _, probabilities = mnist_network.read(held_out.images)
    accuracy = (probabilities.argmax(1) == held_out.labels).mean()
    assert accuracy == pytest.approx(mnist_network.accuracy, abs=2e-4)  # another build of Paddle may round another way
    assert accuracy > 0.99


def test_the_score_of_the_real_test_images_is_near_ten(mnist_network):
    """A published score of a network like it: 9.8793 ± .0614."""
    _, probabilities = mnist_network.read(load("mnist", "test").images)
    assert inception_score(probabilities, np.random.default_rng(0))[0] > 9.7


def test_one_pass_gives_features_and_probabilities(mnist_network):
    images = load("mnist", "valid").images[:2001]
    features, probabilities = mnist_network.read(images)
    assert features.shape == (2001, 84) and features.dtype == np.float32 and features.min() >= 0
    assert probabilities.shape == (2001, 10) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    again, _ = mnist_network.read(images[1999:])
    np.testing.assert_allclose(again, features[1999:], atol=1e-4)


@pytest.mark.parametrize(
    "images",
    [np.zeros((4, 1, 28, 28)), *(np.zeros(shape, np.uint8) for shape in [(4, 3, 28, 28), (4, 1, 32, 32), (0, 1, 28, 28)]), []],
)
def test_images_that_it_does_not_read(mnist_network, images):
    with pytest.raises(InputError, match="reads uint8 images"):
        mnist_network.read(images)


def test_other_data_gets_a_network_of_its_own_once(process, small_mnist, other_project, monkeypatch, capsys):
    monkeypatch.setattr(module, "LEAST_STEPS", 60)
    made = feature_network(small_mnist)
    assert "training one" in capsys.readouterr().err
    folder = other_project / "output" / ".cache" / f"features-{load(small_mnist, 'train').fingerprint()[:16]}"
    assert sorted(path.name for path in folder.iterdir()) == ["small-mnist.json", "small-mnist.safetensors"]
    assert made.name.startswith("small-mnist-") and made.accuracy > 0.3
    assert made.description["validation_count"] == 100
    monkeypatch.setattr(module, "_train", None)  # a second training would fail
    found = feature_network(small_mnist)
    assert found.name == made.name
    images = load(small_mnist, "test").images
    np.testing.assert_array_equal(found.read(images)[0], made.read(images)[0])
    assert capsys.readouterr().err == ""


def test_equal_seeds_make_equal_networks(process, small_mnist, tmp_path):
    names = [
        train_feature_network(small_mnist, to=tmp_path / str(i), seed=seed, steps=3, quiet=True).name for i, seed in enumerate((0, 0, 1))
    ]
    assert names[0] == names[1] != names[2]
    weights = [load_file(tmp_path / str(i) / "small-mnist.safetensors") for i in range(2)]
    assert all(np.array_equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_a_damaged_network_is_refused_or_made_anew(process, small_mnist, other_project, monkeypatch, capsys):
    monkeypatch.setattr(module, "LEAST_STEPS", 3)
    monkeypatch.setattr(module, "EPOCHS", 1)
    first = feature_network(small_mnist, quiet=True)
    path = next((other_project / "output" / ".cache").rglob("*.safetensors"))
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match="checksum"):
        load_feature_network(path.with_suffix(".json"))
    assert feature_network(small_mnist, quiet=True).name == first.name
    assert "skipped" in capsys.readouterr().err
    path.unlink()
    with pytest.raises(InputError, match="cannot be used"):
        load_feature_network(path.with_suffix(".json"))
    for content in ("[]", "[" * 100_000):
        path.with_suffix(".json").write_text(content)
        with pytest.raises(InputError, match="cannot be used"):
            load_feature_network(path.with_suffix(".json"))
    assert feature_network(small_mnist, quiet=True).name == first.name


def test_no_such_data(process):
    with pytest.raises(InputError, match="nowhere"):
        feature_network("nowhere")
