"""The feature network of a data set: the classifier in whose features generated images are measured.

Inception was trained on photographs and sees little in 28-pixel digits, so each data set has a network of its own: the LeNet of
`classify`, trained on the real training part alone. The one of MNIST ships with the package; that of any other data is trained
once and kept in `output/.cache/`, by the fingerprint of the data. Numbers from different networks are on different scales.

The shipped one is made by `python -m benchmarks features --data mnist --to paddle_gan_aug/features`.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Optional, Tuple, Union

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .. import __version__, runtime
from ..algorithms import build
from ..algorithms.reading import READ_AT_ONCE, read_in_pieces
from ..config.loading import Config, load_config, to_flat
from ..console import tell
from ..data import Batches, DataSpec, LabelledImages, as_spec, cache, to_network
from ..data import load as load_images
from ..data.rows import is_array
from ..errors import InputError, NoSuchPart
from ..files import atomic_write, cache_folder, make_folder, read_json, regular, write_json
from ..leading import Arrays, Work, hand_out, spread
from ..training.callbacks import ProgressCallback
from ..training.loop import run_steps
from . import kept

PathLike = Union[str, os.PathLike]
SHIPPED = Path(__file__).resolve().parent.parent / "features"
SETTINGS = ("classifier.", "optimizer.classifier", "optimizer.beta", "optimizer.schedule", "train.batch_size", "train.steps", "train.seed")
EPOCHS = 6
LEAST_STEPS = 1000  # of a small data set


@dataclass(frozen=True, eq=False)
class FeatureNetwork:
    """A trained classifier as a measuring instrument.

    Attributes:
        name: the data source and the first eight digits of the weights' SHA-256; equal names mean equal numbers.
        description: what its JSON says: data, fingerprint, settings, accuracy on the validation images.
        algorithm: the classifier.
    """

    name: str
    description: Dict[str, Any]
    algorithm: Any

    @property
    def accuracy(self) -> Optional[float]:
        """The share of validation images that it reads rightly; None where the data has none."""
        return self.description["accuracy"]

    @property
    def feature_width(self) -> int:
        """How many features an image has."""
        return self.algorithm.classifier.feature_width

    def read(self, images: np.ndarray, allocate: Optional[cache.Allocate] = None) -> Tuple[np.ndarray, np.ndarray]:
        """Read images in one pass that serves all metrics.

        Args:
            images: uint8 [N, C, H, W] of the shape it was trained on, N >= 1.
            allocate: gives the array of the features, see `read_in_pieces`.

        Returns:
            (features float32 [N, 84], probabilities float32 [N, classes]). The features are the classifier's after their
            ReLU, over their root mean square in training: KID's kernel adds 1 to their products and wants them of that size.

        Raises:
            InputError: another type or shape, or no image.
        """
        shape = self.description["image_shape"]
        if not is_array(images) or images.dtype != np.uint8 or list(images.shape[1:]) != shape or not len(images):
            what = f"{images.dtype} {list(images.shape)}" if is_array(images) else type(images).__name__
            raise InputError(f"feature network {self.name} reads uint8 images [N, {', '.join(map(str, shape))}], not {what}")
        probabilities, features = read_in_pieces(self.algorithm, images, allocate, spread(f"read {self.name}"))
        features /= np.float32(self.description["feature_scale"])
        return features, probabilities


def read_real(network: FeatureNetwork, images: LabelledImages) -> Tuple[np.ndarray, np.ndarray]:
    """Read a part of a real data set; what was read is kept in the cache, since it is read for every evaluation.

    Args:
        network: a `FeatureNetwork`. images: `LabelledImages`.

    Returns:
        (features, probabilities) as `FeatureNetwork.read`.
    """
    names = ("features", "probabilities")
    if 4 * len(images) * network.feature_width > cache.LARGE:
        make = lambda allocate: dict(zip(names, network.read(images.images, allocate)))  # noqa: E731
        found = cache.kept(f"features-{network.name}-{images.fingerprint()[:16]}", make)
    else:
        found = kept.arrays(
            kept_file(network, images),
            lambda: dict(zip(names, network.read(images.images))),
            lambda arrays: len(arrays["features"]) == len(arrays["probabilities"]) == len(images),
        )
    return found["features"], found["probabilities"]


def kept_file(network: FeatureNetwork, images: LabelledImages) -> Path:
    """Where `read_real` keeps what was read."""
    return kept.folder_of(network.name) / f"{images.fingerprint()[:16]}.safetensors"


def feature_network(data: Union[str, DataSpec] = "mnist", *, quiet: bool = False) -> FeatureNetwork:
    """The feature network of a data set: the shipped one, the one in the cache, or a new one, trained now.

    Args:
        data: the data set, by name, path or as a `DataSpec`; what counts is its training images, not what it is called. All of its
            classes are learnt, also those that a `DataSpec` leaves out; of a few-label source its few images alone.
        quiet: print no progress line while training.

    Raises:
        InputError: no such data, or images that the classifier cannot learn.
    """
    spec = replace(as_spec(data), classes=None, class_name=None, split="standard")
    return find_network(load_images(spec, "train"), _validation_of(spec), str(spec), quiet=quiet)


def find_network(training: LabelledImages, validation: Optional[LabelledImages], name: str, *, quiet: bool = False) -> FeatureNetwork:
    """As `feature_network`, of images that were read: `validation` is what it is tested on, `name` what the data is called."""
    network = known_network(training)
    if network is not None:
        return network
    folder = _cache(training.fingerprint())
    with cache.one_at_a_time(folder.name):
        network = known_network(training)  # another process may have trained it meanwhile
        if network is None:
            if not quiet:
                tell(f"no feature network for {name} yet: training one, kept in {folder}")
            network, weights = _train(training, validation, name, quiet=quiet)
            with cache.told_if_not_kept():
                folder.mkdir(parents=True, exist_ok=True)
                _write(network, weights, folder)
    return network


def known_network(training: LabelledImages) -> Optional[FeatureNetwork]:
    """The feature network of these training images, the shipped one or the one in the cache; None if there is none yet."""
    fingerprint = training.fingerprint()
    for path in [*sorted(SHIPPED.glob("*.json")), *sorted(_cache(fingerprint).glob("*.json"))]:
        network = _load_if_of(path, fingerprint)
        if network is not None:
            return network
    return None


def _cache(fingerprint: str) -> Path:
    return cache_folder() / f"features-{fingerprint[:16]}"


def _validation_of(spec: DataSpec) -> Optional[LabelledImages]:
    """The validation images, or None where the data is too small to hold any out."""
    try:
        return load_images(spec, "valid")
    except NoSuchPart:
        return None


def train_feature_network(
    data: Union[str, DataSpec] = "mnist",
    *,
    to: Optional[PathLike] = None,
    seed: int = 0,
    steps: Optional[int] = None,
    quiet: bool = False,
) -> FeatureNetwork:
    """Train the feature network of a data set on its training part and write it.

    Args:
        data: the data set, by name or path.
        to: the folder for <name>.safetensors (the weights) and <name>.json (what they are); made if need be. None = the cache, where
            `feature_network` looks.
        steps: None = six epochs, or 1,000 steps if that is more.

    Raises:
        InputError: no such data, images that the classifier cannot learn, a folder that cannot be written to.
        KeyboardInterrupt: it was interrupted; nothing is written.
    """
    spec = as_spec(data)
    training = load_images(spec, "train")
    folder = make_folder(to or _cache(training.fingerprint()))
    network, weights = _train(training, _validation_of(spec), str(spec), seed, steps, quiet)
    _write(network, weights, folder)
    return network


def _train(
    training: LabelledImages,
    validation: Optional[LabelledImages],
    source: str,
    seed: int = 0,
    steps: Optional[int] = None,
    quiet: bool = False,
) -> Tuple[FeatureNetwork, bytes]:
    """(The network, its weights as a file holds them)."""
    config, algorithm = train_classifier(training, seed, steps, quiet)
    weights = save({key: np.ascontiguousarray(value) for key, value in algorithm.weights().items()})
    description = {
        "source": source,
        "fingerprint": training.fingerprint(),
        "trained_on": {"source": training.source, "count": len(training)},
        "image_shape": list(training.shape),
        "class_names": list(training.class_names),
        "accuracy": None if validation is None else _accuracy(algorithm, validation),
        "validation_count": 0 if validation is None else len(validation),
        "feature_scale": _root_mean_square(algorithm, training.images),
        "sha256": hashlib.sha256(weights).hexdigest(),
        "settings": {key: value for key, value in to_flat(config).items() if key.startswith(SETTINGS)},
        "version": __version__,
        "paddle": runtime.import_paddle().__version__,
        "made_by": f"python -m benchmarks features --data {source} --seed {seed}",
    }
    stem = re.sub(r"[^\w-]+", "-", Path(source).name.split(".")[0]).strip("-") or "data"
    return _network(stem, description, weights), weights


def _network(stem: str, description: Dict[str, Any], weights: bytes) -> FeatureNetwork:
    return FeatureNetwork(f"{stem}-{description['sha256'][:8]}", description, _algorithm(description, load(weights)))


def _write(network: FeatureNetwork, weights: bytes, folder: Path) -> None:
    """Write <name>.safetensors and <name>.json into a folder."""
    path = folder / f"{network.name.rpartition('-')[0]}.json"
    with atomic_write(path.with_suffix(".safetensors")) as file:
        file.write(weights)
    write_json(path, network.description)  # last: without it the weights are not looked at


def train_classifier(images: LabelledImages, seed: int = 0, steps: Optional[int] = None, quiet: bool = True) -> Tuple[Config, Any]:
    """Train the preset `classifier` on `LabelledImages`, without a run's folder.

    Args:
        steps: None = six epochs, or 1,000 steps if that is more.

    Returns:
        (config, algorithm).

    Raises:
        InputError: images that the classifier cannot learn. KeyboardInterrupt: it was interrupted.
    """
    config, algorithm, batches = classifier_of(images, seed, steps)
    progress = run_steps(algorithm, batches, config.train.steps, seed, [] if quiet else [ProgressCallback()])
    if progress.interrupted:
        raise KeyboardInterrupt(progress.interrupted)
    return config, algorithm


def classifier_of(images: LabelledImages, seed: int = 0, steps: Optional[int] = None) -> Tuple[Config, Any, Batches]:
    """(config, algorithm, batches) of the classifier that `train_classifier` trains, before its first step."""
    batch_size = min(len(images), load_config("classifier").train.batch_size)
    batches = Batches(images, batch_size, lambda epoch: runtime.rng(seed, "shuffle", epoch))
    steps = steps or max(EPOCHS * batches.steps_per_epoch, LEAST_STEPS)
    settings = {"train.batch_size": batch_size, "train.steps": steps, "train.epochs": None, "train.seed": seed}
    config = load_config("classifier", settings)
    runtime.seed_paddle(seed, "initial weights")
    return config, build(config, images.shape, images.class_names), batches


def _accuracy(algorithm: Any, images: LabelledImages) -> float:
    probabilities, _ = read_in_pieces(algorithm, images.images)
    return float((probabilities.argmax(1) == images.labels).mean())


def _root_mean_square(algorithm: Any, images: np.ndarray) -> float:
    """Of the features of all images; 1 where all are 0."""
    squares = [
        np.square(algorithm.read(to_network(images[i : i + READ_AT_ONCE]))[1], dtype=np.float64).sum(0)
        for i in range(0, len(images), READ_AT_ONCE)
    ]
    return float(np.sqrt(np.sum(squares) / (len(images) * len(squares[0])))) or 1.0


def load_feature_network(path: PathLike) -> FeatureNetwork:
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
        description = read_json(path)
        weights = regular(path.with_suffix(".safetensors")).read_bytes()
        digest = hashlib.sha256(weights).hexdigest()
        if digest != description["sha256"]:
            raise ValueError(f"{path.with_suffix('.safetensors').name} does not match its checksum")
        return _network(path.stem, description, weights)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(f"feature network {path} cannot be used: {error}; train it again with train_feature_network") from None


def _algorithm(description: Dict[str, Any], weights: Dict[str, np.ndarray]) -> Any:
    settings = {key: value for key, value in description["settings"].items() if key.startswith("classifier.")}
    algorithm = build(load_config("classifier", settings), description["image_shape"], description["class_names"])
    algorithm.load_weights(weights)
    return algorithm


def share_reading(network: FeatureNetwork) -> None:
    """Let other processes take turns when this network reads, see `leading.led`; they make `reading_of`."""
    weights = network.algorithm.weights()
    hand_out(f"read {network.name}", "read", [network.description, list(weights)], list(weights.values()))


def reading_of(value: Any, weights: Arrays) -> Work:
    """What reads pieces as the network does that process 0 has shared."""
    description, names = value
    algorithm = _algorithm(description, dict(zip(names, weights)))
    return lambda images: algorithm.read(to_network(images))


def _load_if_of(path: Path, fingerprint: str) -> Optional[FeatureNetwork]:
    """The network at `path` if it is of the data with this fingerprint and sound, else None."""
    try:
        if read_json(path).get("fingerprint") != fingerprint:
            return None
        return load_feature_network(path)
    except (OSError, ValueError, AttributeError, InputError) as error:
        print(f"feature network skipped: {error}", file=sys.stderr)
        return None
