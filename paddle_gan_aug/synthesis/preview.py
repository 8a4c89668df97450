"""A look at samples before any set is written: each with what the discriminator and a classifier say of it."""

from pathlib import Path

import numpy as np

from .. import runtime
from ..errors import InputError
from ..files import make_folder
from ..pictures import captioned_grid
from .drawing import stream_of
from .filter_runner import FilterRunner, chosen_filters
from .filters import KEPT
from .sampler import Samplers

COLUMNS = 8


def preview(run, to, count=None, seed=0, checkpoint="last", device="auto", threads=0, truncation=None, filters=None):
    """Draw a sheet of samples, a row or more for each class, as the PNG file `to`.

    Under each image: its class and D's logit ("5, D +1.20"), with a classifier its reading and how sure it is ("read 5 98 %"), and with
    filters "kept" or the reason against it. Nothing else is written.

    Args:
        run: as for `generate`. count: images in all; None = 8 of each class, 32 of a run without classes. filters: `Filters`.

    Returns:
        (the path, rows): a dict for each image with class, score, read_as, confidence, verdict.

    Raises:
        InputError: as `generate`; the file exists, or is no .png.
    """
    to = Path(to).expanduser()
    if to.suffix.lower() != ".png":
        raise InputError(f"--to {to}: a preview is one picture; give the name of a .png file")
    if to.exists():
        raise InputError(f"{to} exists: nothing is overwritten; choose another name")
    classifier, settings = (filters.classifier, filters.settings) if filters else (None, None)
    names = chosen_filters(filters.names if filters else None, classifier is not None)
    samplers = Samplers(run, checkpoint, device, threads)
    runner = FilterRunner(samplers, names, classifier, settings, device, threads)
    each = -(-count // len(samplers.classes)) if count else COLUMNS if samplers.labelled else 4 * COLUMNS
    images, rows = [], []
    for c in samplers.classes:
        piece = samplers.sample(c, range(each), seed, stream_of(samplers, c), truncation)
        images.append(piece)
        rows += _rows(samplers, runner, c, piece)
    make_folder(to.parent)
    captioned_grid(to, np.concatenate(images), [_caption(row) for row in rows], COLUMNS)
    return to, rows


def _rows(samplers, runner, c, images):
    candidates = runner.candidates(c, images, everything=True)
    runner.chain.forget()
    reasons = runner.judge(c, candidates, runtime.rng(0, "filter preview", c or 0))
    for i, reason in enumerate(reasons):
        row = {"class": samplers.name(c), "score": round(float(candidates.scores[i]), 3)}
        if candidates.probabilities is not None:
            p = candidates.probabilities[i]
            row.update(read_as=samplers.class_names[int(p.argmax())], confidence=round(float(p.max()), 4))
        if runner.chain.filters:
            row["verdict"] = "kept" if reason == KEPT else reason
        yield row


def _caption(row):
    name = "" if row["class"] is None else f"{row['class'][:9]}, "
    lines = [f"{name}D {row['score']:+.2f}"]
    if "read_as" in row:
        lines.append(f"read {row['read_as'][:9]} {100 * row['confidence']:.0f} %")
    if "verdict" in row:
        lines.append(row["verdict"])
    return "\n".join(lines)
