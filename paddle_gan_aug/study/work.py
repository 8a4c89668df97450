"""How a cell is computed: the one place where a study calls the training, generating and reading of the other rooms.

What the cells of the same labels have in common (the GAN, the classifier that filters and teaches, the generated sets) is in `parts`.
"""

import contextlib
import shutil
import threading
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

import numpy as np

from .. import __version__, runtime
from ..config.loading import load_config, to_yaml
from ..data import LabelledImages
from ..errors import InputError, RunFailed
from ..files import atomic_write, for_want_of_room, make_folder, regular
from ..runs.places import is_run
from .arm import PSEUDO, Arm
from .cells import RESULTS_VERSION, Cell, Settings, key_of, names_of
from .parts import Bench, bench_of, classifier_keys, fills, fitted, made_by, maker_of, note_of, reader_of, spare_of, trained
from .splits import CellImages, Scenario, check_apart, check_learnt
from .unlabelled import learner_config, learner_run, pseudo_set

RENEWED = ("generated.every_steps", "generated.per_class")  # settings that only a run has, not a set
ALONE = threading.Lock()  # a worker of a cluster may have several threads, and random numbers and standard error are the process's
WHAT_FAILS = (InputError, RunFailed, ValueError, RuntimeError, OSError, MemoryError, FloatingPointError)


def compute(cell: Cell, images: CellImages, settings: Settings, folder: Path, fingerprint: str) -> Dict[str, Any]:
    """Compute a cell.

    Args:
        cell, images: what to learn and what scores it. folder: of the study. fingerprint: of its data.

    Returns:
        The row: plain values. One that failed has its reason under "error", and the study goes on.
    """
    row = {
        "key": key_of(cell, settings, fingerprint),
        **names_of(cell),
        "labels": len(images.train),
        "counts": images.train.counts().tolist(),
        "class_names": list(images.train.class_names),
        "tested": len(images.test),
        "version": __version__,
        "results_version": RESULTS_VERSION,
        "error": None,
    }
    began = time.perf_counter()
    try:
        with ALONE, _notes_to(make_folder(folder) / "notes.log"):
            began = time.perf_counter()
            runtime.start(threads=settings.threads or None)
            check_apart(images, settings.allow_overlap)
            bench = bench_of(folder, images, settings, cell.seed, cell.scenario)
            row.update(_scored(cell, bench, row["key"]))
    except WHAT_FAILS as error:
        if for_want_of_room(error):  # which the next cells would lack too
            message = f"the disk of {folder} is full, or became read-only: make room, and the same command goes on"
            raise RunFailed(message) from error
        row["error"] = f"{type(error).__name__}: {error}"
    return {**row, "seconds": round(time.perf_counter() - began, 2)}


@contextlib.contextmanager
def _notes_to(path: Path) -> Iterator[None]:
    """Let what the stages say on standard error go to a file: a study shows one line."""
    with open(regular(path), "a", encoding="utf-8", errors="backslashreplace", newline="\n") as file, contextlib.redirect_stderr(file):
        yield


def _scored(cell: Cell, bench: Bench, key: str) -> Dict[str, Any]:
    arm = cell.arm
    config, made = configured(arm, bench, cell.seed)
    members = bench.settings.members if arm.ensemble else 1
    began = time.perf_counter()
    if arm.learner:
        run = learner_run(arm, bench)
        probabilities, spent = [_read_by(run, bench)], note_of(run)["seconds"]
    else:
        probabilities = [_learn_and_read(config, bench, key, member) for member in range(members)]
        spent = round(time.perf_counter() - began, 2)
    score = _score(np.mean(probabilities, axis=0), bench.images.test)
    cut = [score["recall"][bench.images.test.class_index(name)] for name, _ in cell.scenario.cut]
    known = [value for value in cut if value is not None]
    return {
        **score,
        "cut_recall": float(np.mean(known)) if known else None,
        "classifier_seconds": spent,
        "made": made,
        **({"unlabelled": len(bench.images.unlabelled)} if arm.unlabelled else {}),
        "config": to_yaml(config),
        "command": f"python -m paddle_gan_aug classify -c configs/{key}.yaml --test TEST",
    }


def configured(arm: Arm, bench: Bench, seed: int) -> Tuple[Any, Dict[str, Any]]:
    """(the configuration of an arm's classifier, what is known of the images that were made for it), with all its parts trained."""
    if arm.learner:
        return learner_config(arm, bench, seed), {}
    overrides = classifier_keys(arm, bench, seed)
    made: Dict[str, Any] = {}
    if arm.maker == "spare":
        overrides["generated.source"] = str(spare_of(bench))
    elif arm.maker == PSEUDO:
        part = pseudo_set(bench, arm)
        made = note_of(part)
        taught = [note_of(learner_run(arm.first_learner, bench))["seconds"]] if arm.first_learner else []
        made["maker_seconds"] = round(sum(taught, made["seconds"]), 2)
        overrides["generated.source"] = str(part / "set.npz")
    elif arm.maker:
        fit = fitted(bench, arm)
        reader = reader_of(fit) if arm.filter_names else None
        maker = maker_of(arm.maker, fit)
        made = {"maker": arm.maker, **{f"maker_{key}": value for key, value in note_of(maker).items()}}
        part = made_by(arm, fit, maker, reader)
        made.update(note_of(part))
        made["used"] = fills(made["accepted"], arm, overrides["train.batch_size"])
        if arm.renewed and not made["short"]:
            overrides.update({"generated.source": str(maker), "generated.classifier": str(reader)})
        else:
            overrides["generated.source"] = str(part / "set")
            for key in RENEWED:
                overrides.pop(key, None)
        if arm.teacher:
            overrides["generated.teacher"] = str(reader_of(bench))
    if made and not made["used"]:  # nothing that the filters accept: the classifier learns without, and the arm counts as what it is
        overrides = {key: value for key, value in overrides.items() if not key.startswith("generated.")}
    return load_config("classifier", overrides), made


def _learn_and_read(config: Any, bench: Bench, key: str, member: int) -> np.ndarray:
    """Train one classifier and read the test images: float32 [N, classes]. Its run goes once it has been read."""
    from ..runs.reading import read_probabilities

    runs = make_folder(bench.folder / "classifiers")
    name = f"{key}-{member}"
    shutil.rmtree(runs / name, ignore_errors=True)
    config = load_config(config, {"train.seed": config.train.seed + 100_003 * member})
    run = trained(config, name, runs, classifier=True)
    check_learnt(run.state["data"]["fingerprint"], bench.learnt, "the classifier")
    probabilities = read_probabilities(run, bench.images.test.images)
    shutil.rmtree(runs / name, ignore_errors=True)
    return probabilities


def _read_by(folder: Path, bench: Bench) -> np.ndarray:
    """What a run on the disk reads in the test images: float32 [N, classes]."""
    from ..runs.opened import open_run
    from ..runs.reading import read_probabilities

    return read_probabilities(open_run(folder, threads=bench.settings.threads), bench.images.test.images)


def _score(probabilities: np.ndarray, test: LabelledImages) -> Dict[str, Any]:
    """Accuracy, balanced accuracy, recall and precision of each class, the confusion matrix, and which images were read rightly."""
    from ..metrics.classification import confusion_matrix

    read = probabilities.argmax(1)
    matrix = confusion_matrix(test.labels, read, len(test.class_names))
    right, there, said = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    recall = [int(r) / int(n) if n else None for r, n in zip(right, there)]
    return {
        "accuracy": float((read == test.labels).mean()),
        "balanced_accuracy": float(np.mean([value for value in recall if value is not None])),
        "recall": recall,
        "precision": [int(r) / int(n) if n else None for r, n in zip(right, said)],
        "confusion_matrix": matrix.tolist(),
        "right": np.packbits(read == test.labels).tobytes().hex(),
    }


# ---- the classifier that is kept ---------------------------------------------------------------------------------------


def keep_classifier(
    arm: Arm,
    images: CellImages,
    settings: Settings,
    folder: Path,
    output: Path,
    log: Path,
    name: str,
    source: Optional[str] = None,
    scenario: Optional[Scenario] = None,
    former: Optional[str] = None,
) -> Dict[str, Any]:
    """Train the recommended classifier as a run, and write `recommended.yaml`, which `classify -c` repeats.

    Args:
        folder: of the study. output, log: of runs and of records. name: of the run.
        scenario: of the images; None = all labels.
        source: the data that holds these labels and no others in its training part, in place of a copy; None = the copy.
        former: the run that was kept before, which stays if it is the same, or None.

    Returns:
        {"run", "config"}: paths.
    """
    runtime.start(threads=settings.threads or None)
    bench = bench_of(folder, images, settings, 0, scenario or Scenario())
    config, _ = configured(arm, bench, 0)
    defaults = load_config("classifier")
    if source is not None and not (arm.teacher or arm.renewed or arm.unlabelled):  # these have learnt the copy, and say so
        config = load_config(config, {"data.source": source, "data.window": None})
    config = load_config(config, {f"log.{key}": getattr(defaults.log, key) for key in ("visualdl", "grid_every_steps", "grid_images")})
    path, text = folder / "recommended.yaml", to_yaml(config)
    if former and path.is_file() and path.read_text(encoding="utf-8") == text and _has_learnt(former, config):
        return {"run": former, "config": str(path)}
    run = trained(config, name, output, log, classifier=True)
    with atomic_write(path, "w") as file:  # the run is there: whoever finds this file may rely on it
        file.write(text)
    return {"run": str(run.folder), "config": str(path)}


def _has_learnt(run: str, config: Any) -> bool:
    """Whether a run has learnt the images that a configuration names, as they are now."""
    from ..runs.batches import training_images
    from ..runs.opened import open_run

    try:
        return is_run(run) and open_run(run).state["data"]["fingerprint"] == training_images(config).fingerprint()
    except (InputError, RunFailed):  # its checkpoints were removed, or it had failed
        return False
