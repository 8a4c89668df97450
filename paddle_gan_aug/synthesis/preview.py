"""A look at samples before any set is written: each with what the discriminator and a classifier say of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Union

import numpy as np

from .. import runtime
from ..config.arguments import checked
from ..errors import InputError
from ..files import expanded, make_folder
from ..pictures import captioned_grid
from .filter_runner import FilterRunner
from .filters import KEPT, Filters
from .reader import Reader, open_reader
from .sampler import Runs, Sampler, Samplers, open_runs

COLUMNS = 8


@dataclass(frozen=True)
class Preview:
    """A sheet of samples.

    Attributes:
        file: the picture.
        rows: for each image a dict with class and score (the logit of the discriminator), with a classifier also
            read_as and confidence (0 to 1), and with filters verdict ("kept", or the reason against it).
    """

    file: Path
    rows: List[Dict[str, Union[str, float, None]]]


@checked
def preview(
    runs: Runs,
    *,
    to: Union[str, Path],
    count: Optional[int] = None,
    seed: int = 0,
    truncation: Optional[float] = None,
    filters: Optional[Filters] = None,
    checkpoint: Union[str, int] = "last",
    device: str = "auto",
    threads: int = 0,
) -> Preview:
    """Draw a sheet of samples, a row or more for each class, as a PNG file.

    Under each image stand its class and the logit of the discriminator ("5, D +1.20"), with a classifier what it reads
    and how sure it is ("read 5 98 %"), and with filters "kept" or the reason against the image. Nothing else is
    written.

    Args:
        runs: as for `generate`.
        to: the file, which must not exist; its name ends in .png.
        count: images in all; None = 8 of each class, 32 of a run without classes.
        seed, truncation, filters, checkpoint, device, threads: as for `generate`.

    Returns:
        A `Preview`.

    Raises:
        InputError: as `generate`; the file exists, or is no .png.
    """
    to, filters = expanded(to), filters or Filters()
    if to.suffix.lower() != ".png":
        raise InputError(f"to is {to}: a preview is one picture; give the name of a .png file")
    if to.exists():
        raise InputError(f"{to} exists: nothing is overwritten; choose another name")
    if count is not None and count < 1:
        raise InputError(f"count is {count}: ask for at least one image")
    runtime.check_seed(seed)
    names = filters.chosen()
    samplers = Samplers(open_runs(runs, checkpoint, device, threads))
    reader = None
    if filters.classifier is not None:
        reader = Reader(open_reader(filters.classifier, samplers.parts.read("train"), device, threads), samplers.parts)
    runner = FilterRunner(samplers, names, reader, filters.settings)
    each = -(-count // len(samplers)) if count else COLUMNS if samplers.labelled else 4 * COLUMNS
    images, rows = [], []
    for sampler in samplers:
        images.append(sampler.sample(range(each), seed, truncation))
        rows += _rows(samplers, runner, sampler, images[-1])
    make_folder(to.parent)
    captioned_grid(to, np.concatenate(images), [_caption(row) for row in rows], COLUMNS)
    return Preview(to, rows)


def _rows(samplers: Samplers, runner: FilterRunner, sampler: Sampler, images: np.ndarray) -> Iterator[dict]:
    candidates = runner.candidates(sampler, images, everything=True)
    runner.begin_class(sampler)
    reasons = runner.chain.judge(candidates, runtime.rng(0, "filter preview", sampler.label))
    for i, reason in enumerate(reasons):
        row = {"class": sampler.name, "score": round(float(candidates.scores[i]), 3)}
        if candidates.probabilities is not None:
            p = candidates.probabilities[i]
            row.update(read_as=samplers.class_names[int(p.argmax())], confidence=round(float(p.max()), 4))
        if runner.chain.filters:
            row["verdict"] = "kept" if reason == KEPT else reason
        yield row


def _caption(row: dict) -> str:
    name = "" if row["class"] is None else f"{row['class'][:9]}, "
    lines = [f"{name}D {row['score']:+.2f}"]
    if "read_as" in row:
        lines.append(f"read {row['read_as'][:9]} {100 * row['confidence']:.0f} %")
    if "verdict" in row:
        lines.append(row["verdict"])
    return "\n".join(lines)
