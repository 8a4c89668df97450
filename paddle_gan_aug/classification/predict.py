"""Reads images without labels with a trained classifier."""

import csv
import io
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple, Union

import numpy as np

from ..config.arguments import checked
from ..config.sections import Data
from ..console import listed
from ..data import DataSpec, read_image_set
from ..data.rows import joined
from ..errors import InputError
from ..files import find_path
from ..runs.opened import open_run
from ..runs.reading import read_probabilities

COLUMNS = ("file", "class", "probability")
PathLike = Union[str, Path]


@dataclass(frozen=True)
class Prediction:
    """The class that a classifier predicts for one image.

    Attributes:
        file: The path of the picture, from where the picture or its folder was given; of an npz with the index of the image.
        class_name: The class with the highest probability.
        probability: The probability of that class, 0 to 1.
    """

    file: str
    class_name: str
    probability: float

    def row(self) -> Dict[str, Any]:
        """The prediction as a dict with the keys of `COLUMNS`, as the command line prints it."""
        return dict(zip(COLUMNS, (self.file, self.class_name, self.probability)))


@checked
def predict(
    run: PathLike,
    images: Union[PathLike, Sequence[PathLike]],
    *,
    checkpoint: Union[str, int] = "last",
    device: str = "auto",
    threads: int = 0,
    skip_bad: bool = False,
) -> List[Prediction]:
    """Classify images with a run of `classify`.

    Args:
        run: The run's folder, or its name in `output`.
        images: A picture, a folder of pictures (in class folders or not), or an .npz file, or a list of these. Pictures of another size
            or depth are made like those that the classifier has learnt.
        checkpoint: "last", "best" or a step.
        device: "auto", "cpu" or "gpu".
        threads: CPU threads; 0 means one per physical core.
        skip_bad: Leave out files that cannot be read.

    Returns:
        One `Prediction` for each image.

    Raises:
        InputError: There is no such run or no such image, an image cannot be read, or the run is no classifier.

    Example:
        >>> [(p.file, p.class_name) for p in predict("output/my-classifier", "photos")]
    """
    opened = open_run(run, checkpoint=checkpoint, device=device, threads=threads)
    if not opened.algorithm.reads_images:
        raise InputError(f"run {opened.folder} reads no images: it trained the algorithm {opened.config.algorithm}; give a run of classify")
    shape, classes = opened.state["image_shape"], opened.state["data"]["class_names"]
    paths = [images] if isinstance(images, (str, Path)) else list(images)
    if not paths:
        raise InputError("images: none are given")
    read = [_read(path, shape, skip_bad, opened.config.data) for path in paths]
    files = [_named(path, name) for path, (names, _) in zip(paths, read) for name in names]
    probabilities = read_probabilities(opened, joined(*(pixels for _, pixels in read)))
    best = probabilities.argmax(1)
    rows = zip(files, best, probabilities[np.arange(len(best)), best])
    return [Prediction(name, classes[c], round(float(p), 6)) for name, c, p in rows]


def _named(path: PathLike, name: str) -> str:
    """What a picture of a path is called, as one would type it: the picture that was given, or one in the folder that was given."""
    return str((Path(path) if find_path(path).is_dir() else Path(path).parent) / name)


def _read(path: PathLike, shape: Sequence[int], skip_bad: bool, data: Data) -> Tuple[List[str], np.ndarray]:
    """The names and the images, uint8 [N, C, H, W], read as the section `data` of the run's configuration says."""
    spec = replace(DataSpec.of(data).whole(), image_size=shape[1], channels=shape[0], skip_bad=skip_bad)
    found = read_image_set(path, spec)
    changed = sum(found.others.values())
    if changed:
        learnt = f"{shape[1]}×{shape[2]} pixels, {_depth(shape[0])}"
        were = listed((f"{width}×{height} {_depth(depth)}" for (width, height), depth in sorted(found.others)), most=3)
        print(f"{changed} of {len(found.images)} pictures were made like those that were learnt: {learnt} (from {were})", file=sys.stderr)
    if list(found.images.shape[1:]) != list(shape):
        raise InputError(f"{path} has images {list(found.images.shape[1:])}, the classifier learnt {list(shape)}: resize them")
    return found.names, found.images


def _depth(channels: int) -> str:
    return "grey" if channels == 1 else "colour"


def as_lines(predictions: Sequence[Prediction], form: str) -> str:
    """Predictions as text: "json" (one object per line) or "csv" (with a head line)."""
    rows = [prediction.row() for prediction in predictions]
    if form == "json":
        return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().rstrip("\n")
