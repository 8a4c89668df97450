"""Measure generated images, of a run or of files: the numbers, and a page of pictures that shows what they mean."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Collection, Dict, Optional, Sequence, Tuple, Union

import numpy as np

from .. import processes, runtime
from ..algorithms.registry import ALGORITHMS
from ..config.arguments import checked
from ..console import listed, tell
from ..data import DataSpec, LabelledImages, read_images
from ..errors import InputError
from ..evaluation.feature_network import reading_of
from ..evaluation.measure import measure
from ..evaluation.page import draw_page
from ..evaluation.real_images import RealImages, check_measurable, read_real_images
from ..evaluation.reference import reference_of
from ..evaluation.result import Evaluation
from ..evaluation.samples import Samples, draw_samples
from ..files import check_makeable, check_new_folder, expanded, make_folder
from ..leading import Work, hand_out, led, spread
from .dry_run import DryRun, data_of, parameters_of
from .measuring import MORE, Generated, measuring_steps, some_of
from .opened import Run, open_run
from .places import check_run_or_images, is_run, unused_folder
from .reading import read_probabilities
from .timing import Seconds, starting

COUNT = 10_000  # images that are drawn from a run
PAGE_MB = 0.3  # of a page
PathLike = Union[str, os.PathLike]


@checked
def evaluate(
    run_or_images: PathLike,
    *,
    data: Union[str, os.PathLike, None] = None,
    part: str = "test",
    count: Optional[int] = None,
    seed: int = 0,
    checkpoint: Union[str, int] = "last",
    to: Optional[PathLike] = None,
    metrics: Optional[Collection[str]] = None,
    also: Collection[str] = (),
    tsne: bool = False,
    device: str = "auto",
    threads: int = 0,
    image_size: Optional[int] = None,
    channels: Optional[int] = None,
    skip_bad: bool = False,
    allow_overlap: bool = False,
    quiet: bool = False,
    dry_run: bool = False,
) -> Evaluation:  # long: most of it is the signature and its documentation
    """Measure a run's images, or images in files, against real ones, and draw a page of pictures.

    Args:
        run_or_images: a run's folder or name, a folder of images, or an .npz file.
        data: the real data; None = what the run learnt, or mnist.
        part: "test" (test images) or "valid" (validation images, for any choice).
        count: how many images; None = 10,000 of a run, all of a file's.
        seed: of the latents and of all random choices.
        checkpoint: of the run: "last", "best" or a step.
        to: the folder of the page; None = report/evaluation-<step> in the run's folder, and no page for files.
        metrics, also: names of metrics, see `evaluate_images`.
        tsne: draw a t-SNE plot beside the one of principal components; it takes a minute.
        device, threads: see `runtime.start`.
        image_size, channels, skip_bad: how files are read, see `data.DataSpec`; None = as the run read its data.
        allow_overlap: go on where test images are training images of the data, see `data.check_overlap`.
        quiet: print nothing on the way.
        dry_run: write nothing, and only find out what would be done, and how long it would take, from some of the images.

    Returns:
        An `Evaluation`; that of a dry run has no result, but the attribute `dry_run`.

    Raises:
        InputError: no such run, images, data or metric; images that do not fit the data, or too few. RunFailed: the run has failed.
    """
    began = time.perf_counter()
    runtime.check_seed(seed)
    if count is not None and count < 1:
        raise InputError(f"count {count}: ask for at least one image")
    to = to and check_new_folder(expanded(to))
    runtime.start(device, threads or None)
    reading = {"image_size": image_size, "channels": channels, "skip_bad": skip_bad}
    chosen: Dict[str, Any] = {"metrics": metrics, "also": also, "seed": seed}

    def subject() -> _Subject:
        if is_run(run_or_images):
            run = open_run(run_or_images, checkpoint=checkpoint, device=device, threads=threads)
            return _of_run(run, str(run_or_images), data, part, reading, count or COUNT, to, allow_overlap)
        spec = DataSpec(str(data or "mnist"), **reading)
        return _of_files(run_or_images, spec, part, count, to, allow_overlap)

    if dry_run:
        return Evaluation({}, dry_run=_rehearsed(subject(), began, chosen, tsne))
    processes.join()
    kinds = {"draw": lambda value, _: _drawing_of(*value, device, threads), "read": reading_of}
    result, page = led(lambda: _measured(subject(), chosen, tsne, quiet), kinds)
    return Evaluation(result, page and Path(page))


@dataclass(frozen=True, eq=False)
class _Subject:
    """What is measured.

    Attributes:
        name: of the run or the images, as it was given. real: the images beside them. count: how many are measured.
        to: the folder of the page, or None.
        run: what makes the images; None for images in files. samples: these.
    """

    name: str
    real: RealImages
    count: int
    to: Optional[Path]
    run: Optional[Run] = None
    samples: Optional[Samples] = None


def _measured(subject: _Subject, chosen: Dict[str, Any], tsne: bool, quiet: bool) -> Tuple[Dict[str, Any], Optional[str]]:
    """(The result, the path of the page or None)."""
    say = (lambda _: None) if quiet else tell
    samples, real, run = subject.samples, subject.real, subject.run
    classification: Dict[str, Any] = {}
    if run is not None:
        samples = _samples_of_run(run, real, subject.count, chosen["seed"], say)
        classification = _classification(run, real.reference)
    reference = reference_of(real, quiet=quiet)
    say(f"measuring {len(samples)} images; 10,000 take about half a minute")
    generated = reference.read(samples)
    result = {**measure(samples, reference, generated=generated, **chosen), **classification}
    if not subject.to:
        return result, None
    say("drawing the page")
    return result, str(draw_page(make_folder(subject.to), result, generated, reference, tsne=tsne, title=subject.name))


def _rehearsed(subject: _Subject, began: float, chosen: Dict[str, Any], tsne: bool) -> DryRun:
    real, run, to = subject.real, subject.run, subject.to
    if run is not None:
        tried, about = some_of(run.algorithm, subject.count, _only_class(real)), {"run": str(run.folder), "checkpoint": run.step}
        about["parameters"] = parameters_of(run.algorithm)
    else:
        tried, about = Generated(subject.samples.first(MORE)), {"images": subject.name}
    steps = [starting(time.perf_counter() - began)]
    steps += measuring_steps(real, tried, subject.count, **chosen)
    steps += [Seconds(30, 90).step("draw the t-SNE plot")] * (tsne and bool(to))
    about = {**about, "count": subject.count, "part": real.part, "real": data_of(real.reference)}
    return DryRun({**about, "to": to and str(to), "disk_mb": to and PAGE_MB}, steps)


def _real_of_run(run: Run, data: Optional[PathLike], part: str, reading: Dict[str, Any]) -> RealImages:
    """The real images that a run learnt, or those of `data` read in the same way."""
    if not run.algorithm.makes_images:
        raise InputError(f"run {run.folder} makes no images: it trained the algorithm {run.config.algorithm}")
    learnt = run.config.data
    spec = DataSpec.of(learnt)
    if ALGORITHMS[run.config.algorithm].learns_without_labels:
        spec = replace(spec, labels=None, unlabelled=None)  # it has learnt all of them
    if data:
        spec = replace(spec.renamed(data), class_name=learnt.class_name, split=learnt.split)
    spec = replace(spec, **{name: value for name, value in reading.items() if value})
    return read_real_images(spec, part, network_of_all=True)


def _classification(run: Run, images: LabelledImages) -> Dict[str, Any]:
    """{"classification": how a run that reads images reads real ones of its classes: error (0 to 1) and count}; {} of another run."""
    if not run.algorithm.reads_images or images.class_names != tuple(run.state["data"]["class_names"]):
        return {}
    wrong = read_probabilities(run, images.images).argmax(1) != images.labels
    return {"classification": {"error": float(wrong.mean()), "count": len(images)}}


def _of_run(
    run: Run, name: str, data: Optional[PathLike], part: str, reading: Dict[str, Any], count: int, to: Optional[Path], allow_overlap: bool
) -> _Subject:
    real = _real_of_run(run, data, part, reading)
    check_measurable(run.state["image_shape"], count, real, allow_overlap=allow_overlap or run.config.data.allow_overlap)
    page = check_makeable(to or unused_folder(run.folder / "report", f"evaluation-{run.step}"))  # before anything is measured
    return _Subject(name, real, count, page, run)


def _samples_of_run(run: Run, real: RealImages, count: int, seed: int, say: Callable[[str], None]) -> Samples:
    say(f"drawing {count} images from {run.folder}, step {run.step}")
    name = f"draw {run.folder}"
    hand_out(name, "draw", [str(run.folder.resolve()), run.step])
    return draw_samples(run.algorithm, count, runtime.rng(seed, "evaluation"), _only_class(real), spread(name))


def _drawing_of(folder: str, step: int, device: str, threads: int) -> Work:
    """What draws pieces as the run does that process 0 has handed out."""
    run = open_run(folder, checkpoint=step, device=device, threads=threads)
    return lambda *piece: (run.algorithm.images(*piece),)


def _only_class(real: RealImages) -> Optional[int]:
    """The index of the one class that a run has learnt; None if it has learnt several."""
    only = real.spec.class_name
    return None if only is None else real.training.class_index(only)


def _of_files(path: PathLike, spec: DataSpec, part: str, count: Optional[int], to: Optional[Path], allow_overlap: bool) -> _Subject:
    check_run_or_images(path)
    images, labels, names = read_images(path, spec.image_size, spec.channels, spec.skip_bad)
    real = read_real_images(spec, part)
    check_measurable(images.shape[1:], len(images), real, allow_overlap=allow_overlap)
    samples = Samples(images, None if labels is None else _as_real_classes(labels, names, real.training)).first(count)
    return _Subject(str(path), real, len(samples), to, samples=samples)


def _as_real_classes(labels: np.ndarray, names: Sequence[str], real: LabelledImages) -> np.ndarray:
    """Labels as indices into the real data's class names, which a folder's classes may name in another order, or some of them."""
    unknown = [name for name in names if name not in real.class_names]
    if unknown:
        raise InputError(f"the images have a class {unknown[0]} that {real.source} has not; it has {listed(real.class_names)}")
    return np.array([real.class_names.index(name) for name in names], dtype=np.int64)[labels]
