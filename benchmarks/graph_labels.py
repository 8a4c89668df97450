"""Few labels without a GAN: Poisson-MBO (Calder et al. 2020) on a graph of neighbours among the features of a small VAE.

The package `graphlearning` holds the method; it is a requirement of this command alone. The VAE learns the training images without labels.
The method is transductive: test images are nodes of the graph, without labels. All classes are taken to be equally frequent.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np

from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.data import DataSpec, load
from paddle_gan_aug.data.overlap import repeated
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import find_path, make_folder, write_json

from .few_labels import error_table

NEIGHBOURS = 10
LATENT, HIDDEN, BATCH = 20, 400, 128  # of the VAE
RATE = 1e-3
CHUNK = 1000  # rows of distances at once
Row = Dict[str, Any]


def graph_labels(data: str, labels: int, seeds: Sequence[int], epochs: int, to: str, say: Callable) -> Tuple[List[Row], str]:
    """`graph-labels`: measure each label seed that has no result yet.

    Args:
        data: name or path. labels: images with a label. seeds: they choose which (`data.seed`). epochs: of the VAE, which is trained once.
        to: the folder of results, `graph-<data>-<labels>-labels-seed-<s>.json`. say: prints a line.

    Raises:
        InputError: `graphlearning` is not installed.
    """
    name = re.sub(r"\W+", "-", f"graph {Path(data).name} {labels} labels")
    paths = {seed: make_folder(find_path(to)) / f"{name}-seed-{seed}.json" for seed in seeds}
    todo = [seed for seed, path in paths.items() if not path.exists()]
    if todo:
        _package()
        train, test = (load(DataSpec(data), part) for part in ("train", "test"))
        say(f"training a VAE on {len(train)} images for {epochs} epochs")
        began = time.process_time()
        features = vae_features(train.images, np.concatenate([train.images, test.images]), epochs)
        neighbours = nearest(features, NEIGHBOURS)
        shared = time.process_time() - began
    for seed in todo:
        say(f"{name}, label seed {seed}")
        began = time.process_time()
        few = load(DataSpec(data, labels=labels, seed=seed), "train")
        known = np.flatnonzero(repeated(train.images, few.images))
        read = read_by_graph(neighbours, known, train.labels[known])[len(train) :]
        wrong = int((read != test.labels).sum())
        row = {"name": name, "data": data, "labels": len(known), "part": "test", "seed": seed, "step": epochs * (len(train) // BATCH)}
        row.update({"error": wrong / len(test), "wrong": wrong, "count": len(test), "labelled": few.fingerprint()})
        row.update({"cpu_seconds": round(time.process_time() - began, 1), "shared_cpu_seconds": round(shared, 1)})
        row.update({"graphlearning": _version(), "version": __version__, "paddle": runtime.import_paddle().__version__})
        write_json(paths[seed], row)
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in paths.values()]
    return rows, error_table(rows)


def _package() -> Any:
    try:
        import graphlearning
    except ImportError as error:
        raise InputError(f"graph-labels needs the package graphlearning ({error}): pip install graphlearning") from None
    return graphlearning


def _version() -> str:
    from importlib.metadata import version

    return version("graphlearning")


def vae_features(learnt: np.ndarray, read: np.ndarray, epochs: int) -> np.ndarray:
    """The means of the latents of a VAE (Kingma and Welling 2014) with one hidden layer each way.

    Args:
        learnt, read: uint8 [N, C, H, W]; the VAE learns the first and reads the second.

    Returns:
        float32 [N, 20].
    """
    paddle = runtime.import_paddle()
    runtime.start(threads=1)
    paddle.seed(0)
    nn, functional, size = paddle.nn, paddle.nn.functional, int(np.prod(learnt.shape[1:]))
    encoder = nn.Sequential(nn.Linear(size, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENT))
    decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, size))
    adam = paddle.optimizer.Adam(RATE, parameters=[*encoder.parameters(), *decoder.parameters()])
    for epoch in range(epochs):
        order = runtime.rng(0, "vae", epoch).permutation(len(learnt))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            pixels = paddle.to_tensor(_flat(learnt[order[start : start + BATCH]]))
            mean, log_variance = encoder(pixels).split(2, axis=1)
            drawn = decoder(mean + (0.5 * log_variance).exp() * paddle.randn(mean.shape))
            told = functional.binary_cross_entropy_with_logits(drawn, pixels, reduction="sum")
            apart = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum()
            ((told + apart) / BATCH).backward()
            adam.step()
            adam.clear_grad()
    with paddle.no_grad():
        parts = (read[start : start + CHUNK] for start in range(0, len(read), CHUNK))
        return np.concatenate([encoder(paddle.to_tensor(_flat(part))).numpy()[:, :LATENT] for part in parts])


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def nearest(features: np.ndarray, count: int) -> Tuple[np.ndarray, np.ndarray]:
    """(indices int64, Euclidean distances float32), both [N, count + 1], of each point's nearest ones, itself first."""
    squares = (features**2).sum(1)
    indices, distances = [], []
    for start in range(0, len(features), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(features)))
        apart = squares[rows, None] + squares[None] - 2 * features[rows] @ features.T
        apart[np.arange(len(rows)), rows] = -1.0
        near = np.argpartition(apart, count, axis=1)[:, : count + 1]
        found = np.take_along_axis(apart, near, 1)
        order = found.argsort(1)
        indices.append(np.take_along_axis(near, order, 1))
        distances.append(np.sqrt(np.maximum(np.take_along_axis(found, order, 1), 0)))
    return np.concatenate(indices), np.concatenate(distances).astype(np.float32)


def read_by_graph(neighbours: Tuple[np.ndarray, np.ndarray], known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class of every node, int64 [N], from the labels int64 [M] of the nodes `known`, by Poisson-MBO with equal classes."""
    package = _package()
    weights = package.weightmatrix.knn(None, neighbours[0].shape[1], knn_data=neighbours)
    classes = len(np.unique(labels))
    model = package.ssl.poisson_mbo(weights, np.full(classes, 1 / classes))
    return np.asarray(model.fit_predict(known, labels)).astype(np.int64)
