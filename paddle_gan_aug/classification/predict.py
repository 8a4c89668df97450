"""The command `predict`: what a trained classifier reads in images without labels."""

import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..console import listed
from ..data import DataSpec, read_image_set
from ..errors import InputError
from ..files import find_path
from ..runs.opened import open_run
from ..runs.reading import read_probabilities

COLUMNS = ("file", "class", "probability")


def predict(run, images, checkpoint="last", device="auto", threads=0, skip_bad=False):
    """Read images with a run of `classify`.

    Args:
        run: the run's folder or name. images: a picture file, a folder of pictures (in class folders or not), or an .npz file, or several
            of them. Pictures of another size or depth are made like those that the run learnt. skip_bad: leave out files that cannot be
            read.

    Returns:
        One dict per image: file (the path below the folder; of an npz its name and the index; of several paths these before it), class,
        probability (of that class).

    Raises:
        InputError: no such run or images, images that cannot be read, a run that is no classifier.
    """
    opened = open_run(run, checkpoint, device, threads)
    if not opened.algorithm.reads_images:
        raise InputError(f"run {opened.folder} reads no images: it trained the algorithm {opened.config.algorithm}; give a run of classify")
    shape, classes = opened.state["image_shape"], opened.state["data"]["class_names"]
    paths = [images] if isinstance(images, (str, Path)) else list(images)
    read = [_read(path, shape, skip_bad, opened.config.data) for path in paths]
    files = [name if len(paths) == 1 else _below(path, name) for path, (names, _) in zip(paths, read) for name in names]
    probabilities = read_probabilities(opened, np.concatenate([pixels for _, pixels in read]))
    best = probabilities.argmax(1)
    rows = zip(files, best, probabilities[np.arange(len(best)), best])
    return [{"file": name, "class": classes[c], "probability": round(float(p), 6)} for name, c, p in rows]


def _below(path, name):
    """What a file is called where several paths were given: the path as given, with the name below it."""
    return f"{path}/{name}" if find_path(path).is_dir() else str(Path(path).with_name(name))


def _read(path, shape, skip_bad, data):
    """(names, uint8 [N, C, H, W]), made of the files by the section `data` of the run's configuration."""
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


def _depth(channels):
    return "grey" if channels == 1 else "colour"


def as_lines(rows, form):
    """The rows of `predict` as text: "json" (an object a line) or "csv" (with a head line)."""
    if form == "json":
        return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().rstrip("\n")
