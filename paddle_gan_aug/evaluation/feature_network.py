"""The feature network of a data set: the classifier in whose features generated images are measured.

Inception was trained on photographs and sees little in 28-pixel digits, so each data set has a network of its own: the LeNet of
`classify`, trained on the real training part alone. The one of MNIST ships with the package; that of any other data is trained
once and kept in `output/.cache/`, by the fingerprint of the data. Numbers from different networks are on different scales.

The shipped one is made by `python -m benchmarks features --data mnist --to paddle_gan_aug/features`.
"""

import contextlib
import hashlib
import json
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .. import __version__, runtime
from ..algorithms import build
from ..config.loading import load_config, to_flat
from ..data import Batches, as_spec, to_network
from ..data import load as load_images
from ..errors import InputError, NoSuchPart
from ..files import atomic_write, make_folder, project_root, write_json
from ..training.callbacks import ProgressCallback
from ..training.loop import run_steps

SHIPPED = Path(__file__).resolve().parent.parent / "features"
SETTINGS = ("classifier.", "optimizer.classifier", "optimizer.beta", "optimizer.schedule", "train.batch_size", "train.steps", "train.seed")
EPOCHS = 6
LEAST_STEPS = 1000  # of a small data set
READ_AT_ONCE = 2000  # images


@dataclass(frozen=True, eq=False)
class FeatureNetwork:
    """A trained classifier as a measuring instrument.

    Attributes:
        name: the data source and the first eight digits of the weights' SHA-256; equal names mean equal numbers.
        description: what its JSON says: data, fingerprint, settings, accuracy on the validation images.
        algorithm: the classifier.
    """

    name: str
    description: dict
    algorithm: Any

    @property
    def accuracy(self):
        """The share of validation images that it reads rightly; None where the data has none."""
        return self.description["accuracy"]

    @property
    def feature_width(self):
        """How many features an image has."""
        return self.algorithm.classifier.feature_width

    def read(self, images):
        """Read images in one pass that serves all metrics.

        Args:
            images: uint8 [N, C, H, W] of the shape it was trained on, N >= 1.

        Returns:
            (features float32 [N, 84], probabilities float32 [N, classes]). The features are the classifier's after their
            ReLU, over their root mean square in training: KID's kernel adds 1 to their products and wants them of that size.

        Raises:
            InputError: another type or shape, or no image.
        """
        shape = self.description["image_shape"]
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or list(images.shape[1:]) != shape or not len(images):
            what = f"{images.dtype} {list(images.shape)}" if isinstance(images, np.ndarray) else type(images).__name__
            raise InputError(f"feature network {self.name} reads uint8 images [N, {', '.join(map(str, shape))}], not {what}")
        pieces = [self.algorithm.read(to_network(images[i : i + READ_AT_ONCE])) for i in range(0, len(images), READ_AT_ONCE)]
        probabilities, features = map(np.concatenate, zip(*pieces))
        return features / np.float32(self.description["feature_scale"]), probabilities


def read_real(network, images):
    """Read a part of a real data set; what was read is kept in `output/.cache/`, since it is read for every evaluation.

    Args:
        network: a `FeatureNetwork`. images: `LabelledImages`.

    Returns:
        (features, probabilities) as `FeatureNetwork.read`.
    """
    folder = project_root() / "output" / ".cache" / f"features-{network.name}"
    path = folder / f"{images.fingerprint()[:16]}.safetensors"
    with contextlib.suppress(OSError, ValueError, SafetensorError, KeyError):
        kept = load(path.read_bytes())
        if len(kept["features"]) == len(kept["probabilities"]) == len(images):
            return kept["features"], kept["probabilities"]
    features, probabilities = network.read(images.images)
    with contextlib.suppress(OSError, InputError):  # a folder that cannot be written to costs time, no more
        make_folder(folder)
        with atomic_write(path) as file:
            file.write(save({"features": features, "probabilities": probabilities}))
    return features, probabilities


def feature_network(source="mnist", quiet=False):
    """The feature network of a data set: the shipped one, the one in the cache, or a new one, trained now.

    Args:
        source: the data set, by name, path or as a `DataSpec`; what counts is its training images, not what it is called. All of its
            classes are learnt, also those that a `DataSpec` leaves out; of a few-label source its few images alone.
        quiet: no progress line while training.

    Returns:
        A `FeatureNetwork`.

    Raises:
        InputError: no such data, or images that the classifier cannot learn.
    """
    source = replace(as_spec(source), classes=None, class_name=None, split="standard")
    fingerprint = load_images(source, "train").fingerprint()
    cache = project_root() / "output" / ".cache" / f"features-{fingerprint[:16]}"
    for path in [*sorted(SHIPPED.glob("*.json")), *sorted(cache.glob("*.json"))]:
        network = _load_if_of(path, fingerprint)
        if network is not None:
            return network
    if not quiet:
        print(f"no feature network for {source} yet: training one, kept in {cache}", file=sys.stderr, flush=True)
    return train_feature_network(source, cache, quiet=quiet)


def train_feature_network(source="mnist", to=None, seed=0, steps=None, quiet=False):
    """Train the feature network of a data set on its training part and write it.

    Args:
        source: the data set, by name or path.
        to: the folder for <source>.safetensors (the weights) and <source>.json (what they are); made if need be.
            None = the cache, where `feature_network` looks.
        steps: None = six epochs, or 1,000 steps if that is more.

    Returns:
        A `FeatureNetwork`.

    Raises:
        InputError: no such data, images that the classifier cannot learn, a folder that cannot be written to.
        KeyboardInterrupt: it was interrupted; nothing is written.
    """
    images = load_images(source, "train")
    fingerprint = images.fingerprint()
    folder = make_folder(to or project_root() / "output" / ".cache" / f"features-{fingerprint[:16]}")
    config, algorithm = train_classifier(images, seed, steps, quiet)
    name = re.sub(r"[^\w-]+", "-", Path(str(source)).name.split(".")[0]).strip("-") or "data"
    weights = save({key: np.ascontiguousarray(value) for key, value in algorithm.weights().items()})
    with atomic_write(folder / f"{name}.safetensors") as file:
        file.write(weights)
    description = {
        "source": str(source),
        "fingerprint": fingerprint,
        "trained_on": {"source": images.source, "count": len(images)},
        "image_shape": list(images.shape),
        "class_names": list(images.class_names),
        **_validation(source, algorithm),
        "feature_scale": _root_mean_square(algorithm, images.images),
        "sha256": hashlib.sha256(weights).hexdigest(),
        "settings": {key: value for key, value in to_flat(config).items() if key.startswith(SETTINGS)},
        "version": __version__,
        "paddle": runtime.import_paddle().__version__,
        "made_by": f"python -m benchmarks features --data {source} --seed {seed}",
    }
    write_json(folder / f"{name}.json", description)  # last: without it the weights are not looked at
    return load_feature_network(folder / f"{name}.json")


def train_classifier(images, seed=0, steps=None, quiet=True):
    """Train the preset `classifier` on `LabelledImages`, without a run's folder.

    Args:
        steps: None = six epochs, or 1,000 steps if that is more.

    Returns:
        (config, algorithm).

    Raises:
        InputError: images that the classifier cannot learn. KeyboardInterrupt: it was interrupted.
    """
    batch_size = min(len(images), load_config("classifier").train.batch_size)
    batches = Batches(images, batch_size, lambda epoch: runtime.rng(seed, "shuffle", epoch))
    steps = steps or max(EPOCHS * batches.steps_per_epoch, LEAST_STEPS)
    settings = {"train.batch_size": batch_size, "train.steps": steps, "train.epochs": None, "train.seed": seed}
    config = load_config("classifier", settings)
    runtime.seed_paddle(seed, "initial weights")
    algorithm = build(config, images.shape, images.class_names)
    progress = run_steps(algorithm, batches, steps, seed, [] if quiet else [ProgressCallback()])
    if progress.interrupted:
        raise KeyboardInterrupt(progress.interrupted)
    return config, algorithm


def _validation(source, algorithm):
    """Accuracy on the validation images and their count; None and 0 where the data is too small to hold any out."""
    try:
        held_out = load_images(source, "valid")
    except NoSuchPart:
        return {"accuracy": None, "validation_count": 0}
    probabilities, _ = algorithm.read(to_network(held_out.images))
    return {"accuracy": float((probabilities.argmax(1) == held_out.labels).mean()), "validation_count": len(held_out)}


def _root_mean_square(algorithm, images):
    """Of the features of all images; 1 where all are 0."""
    squares = [
        np.square(algorithm.read(to_network(images[i : i + READ_AT_ONCE]))[1], dtype=np.float64).sum(0)
        for i in range(0, len(images), READ_AT_ONCE)
    ]
    return float(np.sqrt(np.sum(squares) / (len(images) * len(squares[0])))) or 1.0


def load_feature_network(path):
    """Read a feature network.

    Args:
        path: its JSON; the weights lie beside it.

    Returns:
        A `FeatureNetwork`.

    Raises:
        InputError: no such file, or files that do not belong together or are damaged.
    """
    path = Path(path)
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        weights = path.with_suffix(".safetensors").read_bytes()
        digest = hashlib.sha256(weights).hexdigest()
        if digest != description["sha256"]:
            raise ValueError(f"{path.with_suffix('.safetensors').name} does not match its checksum")
        network = {key: value for key, value in description["settings"].items() if key.startswith("classifier.")}
        algorithm = build(load_config("classifier", network), description["image_shape"], description["class_names"])
        algorithm.load_weights(load(weights))
        return FeatureNetwork(f"{path.stem}-{digest[:8]}", description, algorithm)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(f"feature network {path} cannot be used: {error}; train it again with train_feature_network") from None


def _load_if_of(path, fingerprint):
    """The network at `path` if it is of the data with this fingerprint and sound, else None."""
    try:
        if json.loads(path.read_text(encoding="utf-8")).get("fingerprint") != fingerprint:
            return None
        return load_feature_network(path)
    except (OSError, ValueError, AttributeError, InputError) as error:
        print(f"feature network skipped: {error}", file=sys.stderr)
        return None
