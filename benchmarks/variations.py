"""What the feature network reads in variations of real images: whether they keep their class, and whether they vary."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from benchmarks.readings import reference_for
from paddle_gan_aug import __version__, runtime
from paddle_gan_aug.data import DataSpec, LabelledImages, to_network, to_uint8
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.metrics.diversity import mean_pairwise_distance
from paddle_gan_aug.synthesis.vary import open_varying

SEED = 0  # of the noise, and of which images are varied


def variations(runs: Sequence[str], classes: Optional[Sequence[str]], count: int, draws: int) -> Tuple[List[Dict[str, Any]], str]:
    """`variations`: see `read_variations`."""
    rows = [read_variations(run, classes, count, draws) for run in runs]
    return rows, variations_table(rows)


def read_variations(run: str, classes: Optional[Sequence[str]] = None, count: int = 500, draws: int = 8) -> Dict[str, Any]:
    """Vary validation images of some classes and have them read.

    Args:
        run: of `dagan` or `learned-augmenter`.
        classes: by name or index; None = those of the data that the run has not seen, or all if it saw all.
        count: images of each class at most. draws: variations of each image, at least 2.

    Returns:
        A dict of plain values: the run, its preset, its seen classes, and for each class `read_as_class` (the share of variations; for the
        real images `real_read_as_class`), `diversity`: the mean feature distance of two variations of one image over that of two
        real images of the class, `distance`: from an image to its variation, over the same.

    Raises:
        InputError: the run varies no images, or the data has no such class.
    """
    if draws < 2:
        raise InputError(f"draws {draws}: diversity needs at least two variations of an image")
    opened = open_varying(run)
    learnt = DataSpec.of(opened.config.data)
    reference = reference_for(learnt.whole())
    data, network = reference.real.reference, reference.network
    seen = sorted({data.class_index(name) for name in learnt.classes or data.class_names})
    unseen = [index for index in range(len(data.class_names)) if index not in seen]
    wanted = [data.class_index(name) for name in classes] if classes else unseen or seen
    rows = {data.class_names[label]: _of_class(opened.algorithm, network, data, label, count, draws) for label in wanted}
    return {
        "run": opened.folder.name,
        "preset": opened.config.preset,
        "step": opened.step,
        "seed": opened.config.train.seed,
        "seen": [data.class_names[label] for label in seen],
        "feature_network": network.name,
        "part": "valid",
        "draws": draws,
        "classes": rows,
        "read_as_class": float(np.mean([row["read_as_class"] for row in rows.values()])),
        "diversity": float(np.mean([row["diversity"] for row in rows.values()])),
        "version": __version__,
    }


def _of_class(algorithm: Any, network: Any, data: LabelledImages, label: int, count: int, draws: int) -> Dict[str, Any]:
    of_class = data.of_class(data.class_names[label])
    chosen = runtime.rng(SEED, "varied images", label).permutation(len(of_class))[:count]
    images = of_class.images[chosen]
    features, probabilities = network.read(images)
    real = to_network(images)
    natural = mean_pairwise_distance(features)
    right, drawn = [], []
    for draw in range(draws):
        varied = algorithm.vary(real, runtime.rng(SEED, f"variations of {label}", draw))
        of_draw, read = network.read(to_uint8(varied))
        right.append((read.argmax(1) == label).mean())
        drawn.append(of_draw)
    pairs = [np.linalg.norm(drawn[i] - drawn[j], axis=1).mean() for i in range(draws) for j in range(i)]
    return {
        "count": len(real),
        "real_read_as_class": float((probabilities.argmax(1) == label).mean()),
        "read_as_class": float(np.mean(right)),
        "diversity": float(np.mean(pairs) / natural),
        "distance": float(np.mean([np.linalg.norm(features - one, axis=1).mean() for one in drawn]) / natural),
    }


def variations_table(rows: List[Dict[str, Any]]) -> str:
    """Every class of every run as a line of Markdown."""
    lines = ["| run | class | seen | real read as it | variations read as it | diversity | distance |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        for name, of_class in row["classes"].items():
            shares = f"{of_class['real_read_as_class']:.3f} | {of_class['read_as_class']:.3f}"
            seen = "yes" if name in row["seen"] else "no"
            lines.append(f"| {row['run']} | {name} | {seen} | {shares} | {of_class['diversity']:.2f} | {of_class['distance']:.2f} |")
    return "\n".join(lines)
