"""Arms that learn images without labels: the presets that do so in place of the classifier, and self-training with pseudo-labels."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ..config.loading import load_config
from ..data import LabelledImages, without_labels
from ..errors import RunFailed
from ..files import make_folder
from .arm import Arm
from .cells import classifier_settings, learner_settings
from .parts import Bench, classifier_keys, fills, made_once, named, reader_of, trained
from .splits import check_learnt, same_images, write_labels

ROUNDS = 2  # of self-training before the classifier that is scored: each reads the images anew
CONFIDENT = 0.95  # the least probability of a reading that becomes a label


def unlabelled_of(bench: Bench) -> Path:
    """The images without labels of a cell, as an .npz file.

    Raises:
        RunFailed: there are none, or the file holds others.
    """
    from ..data import DataSpec, load

    if bench.images.unlabelled is None:
        raise RunFailed("there are no images without labels in this cell")
    rest = without_labels(bench.images.unlabelled, "the study")
    path = bench.folder / f"unlabelled-{rest.fingerprint()[:16]}"
    with made_once(path) as note:
        if note is not None:
            write_labels(make_folder(path) / "set.npz", rest)
            note.update({"count": len(rest)})
    if not same_images(load(DataSpec(str(path / "set.npz"), window=(0, 255)), "train", split="full"), rest):
        raise RunFailed(f"leak: {path} holds other images than those without labels of this cell")
    return path / "set.npz"


def learner_config(arm: Arm, bench: Bench, seed: int) -> Any:
    """The configuration of an arm that learns images with and without labels in place of the classifier."""
    settings = learner_settings(arm, bench.settings, seed)
    config = load_config(settings.pop("preset"))
    count = len(bench.images.train) + len(bench.images.unlabelled if bench.images.unlabelled is not None else ())
    size = min(config.train.batch_size, count)
    return load_config(config, {**bench.of_data(), "data.unlabelled": str(unlabelled_of(bench)), "train.batch_size": size, **settings})


def learner_run(arm: Arm, bench: Bench) -> Path:
    """The run of an arm that learns images with and without labels in place of the classifier.

    Raises:
        RunFailed: it has learnt other labels than those of the cell.
    """
    from ..runs.opened import open_run

    made_with = [learner_settings(arm, bench.settings, bench.seed), unlabelled_of(bench).parent.name]
    path = bench.folder / named(f"{arm.name}-{bench.mark}", made_with)
    with made_once(path) as note:
        if note is not None:
            trained(learner_config(arm, bench, bench.seed), path.name, path.parent, classifier=True)
    state = open_run(path, threads=bench.settings.threads).state
    check_learnt(state["data"]["fingerprint"], bench.learnt, f"the network of {arm.name}")
    return path


def pseudo_set(bench: Bench, arm: Arm) -> Path:
    """The images without labels that classifiers read with confidence, with these readings as labels: `set.npz` in a folder.

    The classifier with classical changes reads first, or the network of `arm.taught_by`. In each further round the classifier that has
    learnt the former readings does.
    """
    from ..runs.reading import read_probabilities

    reader = learner_run(arm.taught_by, bench) if arm.taught_by else reader_of(bench)
    made_with = [reader.name, unlabelled_of(bench).parent.name, classifier_settings(arm, bench.settings, bench.seed)]
    what = "-".join(["pseudo", bench.mark, f"{arm.share:g}", *([arm.taught_by.name] if arm.taught_by else [])])
    path, batch_size = bench.folder / named(what, made_with), classifier_keys(arm, bench, bench.seed)["train.batch_size"]
    with made_once(path) as note:
        if note is not None:
            from ..runs.opened import open_run

            run, counts = open_run(reader, threads=bench.settings.threads), []
            for number in range(ROUNDS):
                if number:
                    run = _student(bench, arm, path, number)
                chosen = confident(read_probabilities(run, bench.images.unlabelled), bench)
                counts.append(len(chosen))
                write_labels(make_folder(path) / "set.npz", chosen)
                if not fills(len(chosen), arm, batch_size):
                    break
            for student in path.glob("student-*"):
                shutil.rmtree(student)
            note.update({"maker": arm.maker, "accepted": counts[-1], "of": len(bench.images.unlabelled), "rounds": counts})
            note.update({"counts": chosen.counts().tolist(), "short": None, "used": fills(counts[-1], arm, batch_size)})
    return path


def _student(bench: Bench, arm: Arm, path: Path, number: int) -> Any:
    """A classifier that has learnt the labels and the readings of the round before."""
    overrides = {**classifier_keys(arm, bench, bench.seed), "generated.source": str(path / "set.npz")}
    return trained(load_config("classifier", overrides), f"student-{number}", path, classifier=True)


def confident(probabilities: np.ndarray, bench: Bench) -> LabelledImages:
    """The images without labels whose reading is confident, with it as label.

    Args:
        probabilities: float32 [N, classes], of the images in their order.
    """
    sure = np.flatnonzero(probabilities.max(1) >= CONFIDENT)
    images, names = bench.images.unlabelled[sure], bench.images.train.class_names
    return LabelledImages(images, probabilities[sure].argmax(1).astype(np.int64), names, "pseudo-labels")
