"""What `generate` and `vary` would do, and about how long it would take, from a few of their images."""

import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np

from ..data import LabelledImages, to_network, to_uint8
from ..machine import MB
from ..runs.dry_run import DryRun, parameters_of
from ..runs.opened import Run
from ..runs.timing import DRAWN, Seconds, as_range, rate
from ..runtime import rng
from .drawing import CHUNK, ClassProgress, draw
from .estimate import encoding, folds_steps
from .filter_runner import FilterRunner
from .partial_set import REQUEST, read_progress
from .sampler import Sampler, Samplers
from .set_folder import PLAIN, SetRequest
from .summary import GeneratedSet
from .writers import png_bytes

ENOUGH = 5.0  # seconds, after which no further class is tried
ON_DISK = 2  # times what it takes to encode a picture, with the files


class _Tried(NamedTuple):
    """A chunk of a class: its seconds, the images tried and kept, and those kept."""

    seconds: float
    tried: int
    kept: int
    images: np.ndarray


def rehearse(
    to: Path, samplers: Samplers, request: SetRequest, runner: Optional[FilterRunner], steps: List[Dict[str, Any]], resume: bool
) -> GeneratedSet:
    """Find out what a set would take; a `GeneratedSet` with `dry_run`.

    Args:
        to, samplers, request, runner, resume: Of the set, as for `SetFolder`. steps: What comes before its images.

    Raises:
        InputError: The partial set that would be resumed is of another request, or damaged.
    """
    missing = _missing(to, samplers, request, runner) if resume else dict(request.quotas)
    if runner is not None and runner.reader is not None and runner.asks_held_out:
        steps = [*steps, *folds_steps(runner.reader)]
    found, began = {}, time.perf_counter()
    for sampler in missing:
        if not found:
            _try(sampler, runner, request)  # a warm-up
        if not found or time.perf_counter() - began < ENOUGH:
            found[sampler] = _try(sampler, runner, request)
    seconds, file_mb = Seconds(0.0, 0.0), 0.0
    if found:
        seconds, passing = _drawing(missing, found, request)
        images = np.concatenate([tried.images for tried in found.values()])[:DRAWN]
        if len(images):
            seconds = seconds.plus(encoding(images).times(ON_DISK * sum(missing.values())))
            file_mb = sum(len(png_bytes(image)) for image in images) / len(images) / MB
        steps = [*steps, seconds.step(_what(missing, passing, runner))]
    algorithm = samplers.runs[0].algorithm
    about = {
        "runs": [f"{run.folder} at step {run.step}" for run in samplers.runs],
        "images": sum(request.quotas.values()),
        "images_done": sum(request.quotas.values()) - sum(missing.values()) or None,
        "of_each_class": {str(sampler.name): quota for sampler, quota in request.quotas.items()} if samplers.labelled else None,
        "shape": list(samplers.shape),
        "format": request.form,
        "filters": list(request.filters) or None,
        "to": str(to),
        "parameters": parameters_of(algorithm),
        "disk_mb": round(file_mb * sum(request.quotas.values()), 2),
    }
    return GeneratedSet(to, {sampler.name: quota for sampler, quota in request.quotas.items()}, {}, DryRun(about, steps))


def _what(missing: Dict[Sampler, int], passing: float, runner: Optional[FilterRunner]) -> str:
    count = sum(missing.values())
    return f"draw and write {count} images" if runner is None else f"draw, filter and write {count} images ({100 * passing:.0f} % pass)"


def _missing(to: Path, samplers: Samplers, request: SetRequest, runner: Optional[FilterRunner]) -> Dict[Sampler, int]:
    """The images that a set lacks which was begun."""
    folder, kept = to / PLAIN.partial, {}
    if (folder / REQUEST).is_file():
        progress = read_progress(folder, request.to_json(samplers, runner and runner.classifier))
        kept = {key: entry["kept"] for key, entry in progress.get("classes", {}).items()}
    missing = {sampler: quota - kept.get(str(i), 0) for i, (sampler, quota) in enumerate(request.quotas.items())}
    return {sampler: count for sampler, count in missing.items() if count > 0}


def _try(sampler: Sampler, runner: Optional[FilterRunner], request: SetRequest) -> _Tried:
    """Draw one chunk of a class, which is kept nowhere."""
    size = CHUNK if runner is not None else DRAWN
    progress = ClassProgress(size, size)
    if runner is not None:
        runner.begin_class(sampler)
    began = time.perf_counter()
    chunk = next(draw(sampler, runner, progress, request.seed, request.truncation))
    return _Tried(time.perf_counter() - began, progress.tried, progress.kept, chunk.images)


def _drawing(missing: Dict[Sampler, int], found: Dict[Sampler, _Tried], request: SetRequest) -> tuple:
    """(the time to draw what is missing, the share of images that pass): classes that were not tried are as the others are on average."""
    tried, kept = (sum(getattr(one, name) for one in found.values()) for name in ("tried", "kept"))
    each = as_range([one.seconds / one.tried for one in found.values()])
    total = 0.0
    for sampler, count in missing.items():
        one = found.get(sampler)
        share = max(1 / CHUNK, (one.kept / one.tried) if one else kept / tried)
        draws = min(count / share, request.attempts * count) if request.filters else count
        total += -(-draws // CHUNK) * CHUNK if request.filters else draws
    return each.times(total), kept / tried


def rehearse_varying(run: Run, real: LabelledImages, to: Path, count: int, steps: List[Dict[str, Any]]) -> GeneratedSet:
    """Find out what variations of real images would take; a `GeneratedSet` with `dry_run`.

    Args:
        run: What varies them. real: The images. to, count: Where how many would go. steps: What comes before.
    """
    sources = to_network(real.images[np.arange(DRAWN) % len(real)])
    images = to_uint8(run.algorithm.vary(sources, rng(0, "estimate")))
    seconds = rate(lambda some: run.algorithm.vary(some, rng(0, "estimate")), sources).plus(encoding(images).times(ON_DISK))
    about = {
        "runs": [f"{run.folder} at step {run.step}"],
        "images": count,
        "sources": f"{len(real)} images of {real.source}",
        "to": str(to),
        "parameters": parameters_of(run.algorithm),
        "disk_mb": round(count * sum(len(png_bytes(image)) for image in images) / len(images) / MB, 2),
    }
    dry_run = DryRun(about, [*steps, seconds.times(count).step(f"draw and write {count} variations")])
    return GeneratedSet(to, {}, {}, dry_run)
