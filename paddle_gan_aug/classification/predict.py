"""The command `predict`: what a trained classifier reads in images without labels."""

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np

from ..console import listed
from ..data.decoding import SUFFIXES, decode, say_skipped
from ..data.folders import file_of_set, list_folder
from ..data.npz import is_npz, read_npz
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
    read = [_read(file_of_set(find_path(path)), shape, skip_bad, opened.config.data) for path in paths]
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
    window = data.window and tuple(data.window)
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        if path.is_dir():
            listing = list_folder(path)
            files, names = listing.files, listing.names
        else:
            files, names = [path], [path.name]
        if not all(Path(file).is_file() for file in files):
            raise InputError(f"{path} does not exist: give a picture, a folder of pictures, or an .npz file")
        decoded = decode(files, str(path), shape[1], shape[0], skip_bad, names, window, data.background, data.fit)
        if decoded.fitted:
            told = f"{shape[1]}×{shape[2]} pixels, {_depth(shape[0])}"
            were = listed((f"{width}×{height} {_depth(depth)}" for (width, height), depth in sorted(decoded.others)), most=3)
            print(f"{decoded.fitted} of {len(files)} pictures were made like those that were learnt: {told} (from {were})", file=sys.stderr)
        say_skipped(decoded.bad, len(files), str(path))
        return [names[i] for i in decoded.kept], decoded.images
    if path.is_file() and is_npz(path):
        images, _, _ = read_npz(path, window)
        if list(images.shape[1:]) != list(shape):
            raise InputError(f"{path} has images {list(images.shape[1:])}, the classifier learnt {list(shape)}: resize them")
        return [f"{path.name}:{i}" for i in range(len(images))], images
    problem = "is none of these" if path.exists() else "does not exist"
    raise InputError(f"{path} {problem}: give a picture, a folder of pictures, or an .npz file")


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
