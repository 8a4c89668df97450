"""The command `classify`: train a classifier on labelled images and say how well it reads those it has not seen."""

from ..console import listed
from ..data import DataSpec, check_overlap, load, load_test
from ..errors import InputError
from ..files import make_folder, write_json
from ..metrics import accuracy, confusion_matrix
from ..pictures import class_histogram_figure, confusion_matrix_figure, optional_picture, read_png
from ..records.run_records import Records
from ..runs.opened import open_run
from ..runs.places import run_folders
from ..runs.reading import read_probabilities
from ..runs.run import train
from ..training.checkpoint import best_step


def classify(config=None, test=None, **options):
    """Train a classifier and test it; classification.json, confusion.png and per-class.png go into `report` in the run's folder.

    With `classifier.patience` the best checkpoint by validation accuracy is what is tested, else the last one.

    Args:
        config: a `Config`, preset or YAML file whose algorithm is the classifier.
        test: the labelled test set, by name or path; None = the test part of the training data.
        **options: as for `training.train`.

    Returns:
        (run, report): the `Run`, and the report as a dict with accuracy (0 to 1), per-class precision and recall, and
        the confusion matrix (rows = true classes).

    Raises:
        InputError: as `train`; a test set with other classes or another image size.
    """

    def check(asked, learnt):  # what does not fit is better said before training
        _check_classes(learnt)
        tested = _test_images(asked, test, learnt.class_names, learnt.shape)
        check_overlap(learnt, tested, asked.data.allow_overlap)
        if asked.classifier.patience and asked.eval.every_steps:
            valid = load(DataSpec.of(asked.data), "valid")
            check_overlap(valid, tested, asked.data.allow_overlap, "validation images, which choose the step that is tested")

    run = train(config, default="classifier", check=check, **options)
    if run.interrupted:
        return run, None
    if run.config.classifier.patience and best_step(run.folder / "checkpoints") is not None:
        run = open_run(run.folder, "best", run.config.runtime.device, run.config.runtime.threads)
    images = _test_images(run.config, test, run.state["data"]["class_names"], run.state["image_shape"])
    report = classification_report(run, images)
    folder = make_folder(run.folder / "report")
    write_json(folder / "classification.json", report)
    title = f"{images.source}: accuracy {100 * report['accuracy']:.2f} % of {len(images)}"
    with optional_picture(folder / "confusion.png") as path:
        confusion_matrix_figure(path, report["confusion_matrix"], images.class_names, title)
    shares = {name: {c: value or 0.0 for c, value in report[name].items()} for name in ("precision", "recall")}
    with optional_picture(folder / "per-class.png") as path:
        class_histogram_figure(path, shares, title)
    if run.config.log.visualdl:
        _show(run, folder, run_folders(None, options.get("log"))[1])
    return run, report


def _check_classes(images):
    """See that there is something to tell apart: of one class all that is read is right."""
    filled = [name for name, count in zip(images.class_names, images.counts()) if count]
    if len(filled) < 2:
        problem = f"{images.source} has images of one class alone ({filled[0]}): a classifier tells classes apart"
        raise InputError(f"{problem}; give data with at least two, such as a folder with a folder of pictures for each class")


def _show(run, folder, log):
    """The report's pictures on the dashboard, beside the run's curves, which go on after the step that is tested."""
    with Records(run.folder, log, run.folder.name) as records:
        for name in ("confusion", "per-class"):
            if not (folder / f"{name}.png").exists():
                continue
            records.image(run.step, read_png(folder / f"{name}.png"), tag=name, folder="report")


def _test_images(config, test, class_names, shape):
    """The test images; they must have the classes, and the shape [C, H, W], that the classifier learns."""
    learnt = DataSpec.of(config.data)
    images = load(learnt, "test") if test is None else load_test(learnt.renamed(test))
    if list(images.class_names) != list(class_names):
        has, learns = listed(images.class_names), listed(class_names)
        raise InputError(f"test set {images.source} has the classes {has}; the classifier learns {learns}")
    if list(images.shape) != list(shape):
        raise InputError(f"test set {images.source} has images {list(images.shape)}, the classifier learns {list(shape)}")
    return images


def classification_report(run, images):
    """Read labelled images with a run's classifier; see `classify` for the report."""
    probabilities = read_probabilities(run, images.images)
    matrix = confusion_matrix(images.labels, probabilities.argmax(1), len(images.class_names))
    right = matrix.diagonal()
    return {
        "run": run.folder.name,
        "step": run.step,
        "test": {"source": images.source, "count": len(images), "fingerprint": images.fingerprint()},
        "test_views": run.config.classifier.test_views,
        "accuracy": accuracy(matrix),
        "precision": dict(zip(images.class_names, _shares(right, matrix.sum(0)))),
        "recall": dict(zip(images.class_names, _shares(right, matrix.sum(1)))),
        "confusion_matrix": matrix.tolist(),
    }


def _shares(part, whole):
    """part / whole, and None where nothing is there to share."""
    return [int(p) / int(w) if w else None for p, w in zip(part, whole)]
