"""Trains a classifier on labelled images, real and perhaps generated, and tests it on images that it has not seen."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import numpy as np

from ..config.arguments import checked
from ..config.loading import Config
from ..console import listed
from ..data import DataSpec, LabelledImages, check_overlap, load, load_test
from ..data.images import check_several_classes
from ..errors import InputError, did_you_mean
from ..files import make_folder, write_json
from ..metrics.classification import accuracy, confusion_matrix
from ..pictures import class_histogram_figure, confusion_matrix_figure, optional_picture, read_png
from ..records.run_records import Records
from ..runs.opened import Run, open_run
from ..runs.places import log_name
from ..runs.prepare import Prepared, prepare
from ..runs.reading import read_probabilities
from ..runs.run import train_prepared
from ..training.checkpoint import best_step
from ..training.loop import Callback
from .dry_run import rehearse
from .generated import check_generated, generated_part


@dataclass(frozen=True)
class Classification:
    """What `classify` has trained and found.

    Attributes:
        run: The trained run. With `classifier.patience` it is opened at its best step.
        report: What is in report/classification.json: run, step, test, test_views, accuracy and error (0 to 1), precision and recall
            of each class, and confusion_matrix (rows are true classes). None if the training was interrupted.
        generated: The generated part of the training images, or None. Its attribute `filtered` says what the filters have dropped.
    """

    run: Run
    report: Optional[Dict[str, Any]]
    generated: Any = None

    @property
    def accuracy(self) -> Optional[float]:
        """The share of test images that are classified correctly, 0 to 1; None if the training was interrupted."""
        return None if self.report is None else self.report["accuracy"]


@checked
def classify(
    config: Union[Config, str, Path, None] = None,
    *,
    test: Union[str, Path, None] = None,
    run: Optional[str] = None,
    output: Union[str, Path, None] = None,
    log: Union[str, Path, None] = None,
    resume: bool = False,
    overrides: Optional[Mapping[str, Any]] = None,
    callbacks: Sequence[Callback] = (),
    quiet: bool = False,
    allow_changed_data: bool = False,
    dry_run: bool = False,
) -> Classification:
    """Train a classifier and test it.

    classification.json, confusion.png and per-class.png go into the folder `report` of the run. With `classifier.patience` the
    best checkpoint by validation accuracy is tested, otherwise the last one. If `generated.source` names a set or a GAN's run, the
    classifier learns its images beside the real ones.

    Args:
        config: A `Config`, the name of a preset, or a YAML file, whose algorithm is a classifier. None means the preset
            `classifier`. With `resume`, the run's own configuration is used.
        test: The labelled test set, by name or path; None means the test part of the training data.
        run: As for `train`. With `resume` and without a name, the newest unfinished classifier is continued.
        output, log, resume, overrides, callbacks, quiet: As for `train`.
        allow_changed_data: As for `train`; it also accepts changed generated images.
        dry_run: As for `train`. The result has no report.

    Raises:
        InputError: As `train`; also if the test set has other classes or another image size, or shares images with the training
            set (see `data.allow_overlap`).
        RunFailed: As `train`.

    Example:
        >>> result = classify(overrides={"data.source": "my-folder", "generated.source": "my-generated-set"})
        >>> result.accuracy
    """
    options: Dict[str, Any] = {"run": run, "output": output, "log": log, "resume": resume, "overrides": overrides, "quiet": quiet}
    prepared = prepare(config, allow_changed_data=allow_changed_data, classifier=True, **options)
    check_several_classes(prepared.images)
    tested = _test_images(prepared, test)
    if dry_run:
        return Classification(rehearse(prepared, tested), None)
    generated = generated_part(prepared.config, prepared.images) if prepared.config.generated.source else None
    check_generated(generated, tested, prepared.config)
    trained = train_prepared(prepared, callbacks=callbacks, generated=generated)
    if trained.interrupted:
        return Classification(trained, None, generated)
    settings = trained.config
    if settings.classifier.patience and best_step(trained.folder / "checkpoints") is not None:
        trained = open_run(trained.folder, checkpoint="best", device=settings.runtime.device, threads=settings.runtime.threads)
    probabilities = read_probabilities(trained, tested.images)
    report = classification_report(trained, tested, probabilities)
    _write_report(trained, report, tested)
    if trained.config.log.visualdl:
        _show_report(trained, tested, probabilities, prepared.log)
    return Classification(trained, report, generated)


def _test_images(prepared: Prepared, test: Union[str, Path, None]) -> LabelledImages:
    """The test images: of the classes and the shape that the classifier learns, and none of them seen in training."""
    config, learnt = prepared.config, prepared.images
    spec = DataSpec.of(config.data)
    images = load(spec, "test") if test is None else load_test(replace(spec.renamed(test), classes=spec.classes))
    if images.class_names != learnt.class_names:
        classes, strange = listed(learnt.class_names), [name for name in images.class_names if name not in learnt.class_names]
        meant = did_you_mean(strange[0], learnt.class_names, before=f"; {strange[0]}: ") if strange else ""
        raise InputError(f"test set {images.source} has the classes {listed(images.class_names)}; the classifier learns {classes}{meant}")
    if images.shape != learnt.shape:
        raise InputError(f"test set {images.source} has images {list(images.shape)}, the classifier learns {list(learnt.shape)}")
    check_overlap(learnt, images, config.data.allow_overlap)
    if prepared.unlabelled is not None:
        check_overlap(prepared.unlabelled, images, config.data.allow_overlap, "images that are learnt without labels")
    if config.classifier.patience and config.eval.every_steps:
        valid = prepared.validation or load(spec, "valid")
        check_overlap(valid, images, config.data.allow_overlap, "validation images, which choose the step that is tested")
    return images


def classification_report(run: Run, images: LabelledImages, probabilities: np.ndarray) -> Dict[str, Any]:
    """What a classifier's probabilities [N, K] of labelled images are worth; see `Classification.report`."""
    matrix = confusion_matrix(images.labels, probabilities.argmax(1), len(images.class_names))
    right = matrix.diagonal()
    return {
        "run": run.folder.name,
        "step": run.step,
        "test": {"source": images.source, "count": len(images), "fingerprint": images.fingerprint()},
        "test_views": run.config.classifier.test_views,
        "accuracy": accuracy(matrix),
        "error": 1 - accuracy(matrix),
        "precision": dict(zip(images.class_names, _shares(right, matrix.sum(0)))),
        "recall": dict(zip(images.class_names, _shares(right, matrix.sum(1)))),
        "confusion_matrix": matrix.tolist(),
    }


def _shares(part: np.ndarray, whole: np.ndarray) -> List[Optional[float]]:
    """part / whole; None where `whole` is 0."""
    return [int(p) / int(w) if w else None for p, w in zip(part, whole)]


def _write_report(run: Run, report: Mapping[str, Any], images: LabelledImages) -> None:
    """Write the report into the run's folder."""
    folder = make_folder(run.folder / "report")
    write_json(folder / "classification.json", report)
    title = f"{images.source}: accuracy {100 * report['accuracy']:.2f} % of {len(images)}"
    with optional_picture(folder / "confusion.png") as path:
        confusion_matrix_figure(path, report["confusion_matrix"], images.class_names, title)
    shares = {name: {c: value or 0.0 for c, value in report[name].items()} for name in ("precision", "recall")}
    with optional_picture(folder / "per-class.png") as path:
        class_histogram_figure(path, shares, title)


def _show_report(run: Run, images: LabelledImages, probabilities: np.ndarray, log: Path) -> None:
    """Show the report on the dashboard beside the run's curves: its pictures, and for each class how well it is told from the others."""
    folder = run.folder / "report"
    with Records(run.folder, log, log_name(run.folder, log, began=True)) as records:  # keeps the records after the tested step
        for name in ("confusion", "per-class"):
            if (folder / f"{name}.png").exists():
                records.image(run.step, read_png(folder / f"{name}.png"), tag=name, folder="report")
        for index, name in enumerate(images.class_names):
            if 0 < (images.labels == index).sum() < len(images):
                records.curves(run.step, f"class {name}", images.labels == index, probabilities[:, index])
