"""What `export` writes gives what the run gives, to programs that know Paddle alone."""

import json
import subprocess
import sys

import numpy as np
import pytest

import paddle_gan_aug
from paddle_gan_aug.algorithms import build
from paddle_gan_aug.config.loading import load_config, presets
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.runs import inference, inference_texts
from paddle_gan_aug.runs.inference import BATCHES, TOLERANCE

CLASSES = [str(digit) for digit in range(10)]
ALONE = "import runpy, sys; sys.modules['paddle_gan_aug'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
NARROW = ("generator.width", "discriminator.width", "classifier.width", "semi_supervised.width")


def algorithm_of(preset, overrides=None):
    """(an untrained algorithm of a preset at a small width, the shape of its images)."""
    config = load_config(preset, {**dict.fromkeys(NARROW, 0.1), **(overrides or {})})
    shape = [config.data.channels or 1, config.data.image_size or 28, config.data.image_size or 28]
    algorithm = build(config, shape, CLASSES)
    rng, weights = np.random.default_rng(0), algorithm.weights()
    for name, array in weights.items():  # as of a trained network: nothing is tiny, and nothing is 0 or 1 for all maps alike
        if name == "sources/images":
            weights[name] = rng.integers(0, 256, array.shape).astype(np.uint8)
        elif array.dtype == np.float32:
            small = array.ndim > 1 and array.std() < 0.05
            weights[name] = array * 4 if small else array + rng.uniform(0.01, 0.1, array.shape).astype(np.float32) * (array.ndim == 1)
    algorithm.load_weights(weights)
    return algorithm, shape


def round_trip(algorithm, shape, folder):
    """{name of a network: (difference once it is loaded back, standard deviation of what it gives)}."""
    found = {}
    for model in algorithm.inference_models(shape):
        predict = inference._load_paddle([folder / name for name in inference._write_paddle(model, folder)])
        given = model.compute(*model.example(50, np.random.default_rng(1)))
        found[model.name] = inference._difference(model, predict), float(given.std(0).mean())
    return found


def expected_models(algorithm):
    """The names of the networks that an algorithm exports."""
    makes = ["variation" if algorithm.varies_images else "generator"] if algorithm.makes_images else []
    return makes + ["classifier"] * algorithm.reads_images


@pytest.mark.parametrize("preset", sorted(presets()))
def test_every_preset_goes_round(process, preset, tmp_path):
    algorithm, shape = algorithm_of(preset)
    found = round_trip(algorithm, shape, tmp_path)
    assert list(found) == expected_models(algorithm) and found
    for difference, spread in found.values():
        assert difference <= TOLERANCE and spread > 1e-5


@pytest.mark.parametrize(
    "preset, overrides",
    [
        ("classifier", {"classifier.architecture": "resnet"}),
        ("classic", {"generator.variant": "upsample"}),
        ("projection", {"generator.conditioning": "embedding"}),
        ("semi-supervised", {"semi_supervised.gan": False}),
    ],
)
def test_what_no_preset_has_goes_round_too(process, preset, overrides, tmp_path):
    algorithm, shape = algorithm_of(preset, overrides)
    for difference, spread in round_trip(algorithm, shape, tmp_path).values():
        assert difference <= TOLERANCE and spread > 1e-5


def run_alone(folder):
    """What example.py prints in a process in which this package cannot be imported."""
    command = [sys.executable, "-c", ALONE, str(folder / "example.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_and_its_example(here, tiny, tmp_path):
    done = json.loads(here("export", tiny["conditional"], "--to", tmp_path / "model", "--json").stdout)
    assert [model["name"] for model in done["models"]] == ["generator"] and done["models"][0]["difference"] <= TOLERANCE
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {"README.txt", "example.py", "model.json", *done["models"][0]["files"]}
    text = json.loads((tmp_path / "model" / "model.json").read_text())
    (model,) = text["models"]
    assert [(port["name"], port["shape"], port["dtype"]) for port in model["inputs"]] == [
        ("latents", [-1, 100], "float32"),
        ("labels", [-1], "int64"),
    ]
    assert model["inputs"][1]["range"] == [0, 9] and model["output"]["range"] == [-1, 1] and text["classes"] == CLASSES
    assert model["compared"]["batches"] == list(BATCHES) and "127.5" in model["pixels_from_images"]
    example = (tmp_path / "model" / "example.py").read_text()
    assert len(example.splitlines()) == 15 and "paddle_gan_aug" not in example
    assert "np.array([0, 1, 2, 3, 4, 5, 6, 7], np.int64)" in example
    some = inference_texts.example({**text, "learnt_classes": ["3", "7"]})
    assert "np.array([3, 7, 3, 7, 3, 7, 3, 7], np.int64)" in some  # the others had no images
    assert run_alone(tmp_path / "model").startswith("(8, 1, 28, 28) ")


def test_a_classifier_is_read_without_this_package(here, tiny, tmp_path):
    said = here("export", tiny["classifier"], "--to", tmp_path / "model").stdout
    assert "classifier: " in said and "differs from the run by at most" in said
    assert "pixels / 127.5 - 1" in (tmp_path / "model" / "README.txt").read_text()
    assert run_alone(tmp_path / "model").startswith("[")


def test_an_opened_run_exports_too(tiny, tmp_path):
    run = paddle_gan_aug.open_run(tiny["5"], device="cpu")
    done = run.export(tmp_path / "model")
    assert done.step == run.step and [model.name for model in done.models] == ["generator"]
    assert "It learnt one class: 5." in (tmp_path / "model" / "README.txt").read_text()


def test_what_cannot_be_exported_is_refused(here, tiny, tmp_path, monkeypatch):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("x")
    assert "is not empty" in here("export", tiny["5"], "--to", tmp_path / "used", code=2).stderr
    assert "no run at" in here("export", tmp_path / "none", "--to", tmp_path / "new", code=2).stderr
    with pytest.raises(InputError, match="form tflite: there is none"):
        paddle_gan_aug.export(tiny["5"], to=tmp_path / "new", form="tflite")
    monkeypatch.setattr(inference.importlib.util, "find_spec", lambda name: None)
    assert "pip install" in here("export", tiny["5"], "--to", tmp_path / "new", "--format", "onnx", code=2).stderr
    assert not (tmp_path / "new").exists()


def test_nothing_is_left_of_a_model_that_gives_other_numbers(tiny, tmp_path, monkeypatch):
    for wrong in (0.5, np.nan):
        monkeypatch.setattr(inference, "_difference", lambda *_, wrong=wrong: wrong)
        with pytest.raises(RunFailed, match="gives other numbers"):
            paddle_gan_aug.export(tiny["5"], to=tmp_path / "model")
        assert not (tmp_path / "model").exists()


def test_onnx_gives_the_same_numbers(tiny, tmp_path):
    """Where paddle2onnx and onnxruntime are installed: they are an extra."""
    pytest.importorskip("paddle2onnx", reason="the extra onnx is not installed")
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    for name in ("5", "conditional", "classifier"):
        done = paddle_gan_aug.export(tiny[name], to=tmp_path / name, form="onnx")
        assert done.models[0].files[0].endswith(".onnx") and done.models[0].difference <= TOLERANCE
        assert run_alone(tmp_path / name)
