"""How a cell is computed: the one place where a study calls the training, generating and reading of the other rooms.

A cell's folder is shared by the cells of the same labels: what they have in common (the GAN, the classifier that filters and teaches,
the generated sets) is trained by the first that needs it, under a lock, and found by the others.
"""

import contextlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

import numpy as np

from .. import __version__, runtime
from ..config.loading import load_config, to_yaml
from ..data import LabelledImages
from ..errors import InputError, RunFailed
from ..files import atomic_write, lock_folder, make_folder, write_json
from .arms import Arm
from .cells import RESULTS_VERSION, Cell, Settings, classifier_settings, key_of, maker_settings
from .splits import CellImages, check_apart, check_learnt, same_images, write_labels

ATTEMPTS = 20  # latents tried for each wanted image
RENEWED = ("generated.every_steps", "generated.per_class")  # settings that only a run has, not a set
LOCK_SECONDS = 0.3
COMPARED = 1000  # images of each kind that memorisation looks at
WHAT_FAILS = (InputError, RunFailed, ValueError, RuntimeError, OSError, MemoryError, FloatingPointError)


@dataclass
class Bench:
    """The folder of a cell's labels, its images and the settings of the study."""

    folder: Path
    images: CellImages
    settings: Settings
    seed: int
    learnt: str = ""  # the fingerprint of the labels as runs read them: a file's order is not always kept

    @property
    def labels(self) -> Path:
        """The file with all that the cell may learn."""
        return self.folder / "labels.npz"

    def of_data(self, path: Optional[Path] = None) -> Dict[str, Any]:
        """The settings that make a run learn the labels of this cell, all of them and nothing else."""
        return {
            "data.source": str(path or self.labels),
            "data.split": "full",
            "data.window": [0.0, 255.0],
            "data.allow_overlap": True,  # checked here, once
            "runtime.threads": self.settings.threads,
            "log.visualdl": False,
            "log.grid_every_steps": 1_000_000,
            "log.grid_images": 16,
            "checkpoint.every_steps": 1_000_000,
            "checkpoint.keep": 1,
        }


def compute(cell: Cell, images: CellImages, settings: Settings, folder: Path, fingerprint: str) -> Dict[str, Any]:
    """Compute a cell.

    Args:
        cell, images: what to learn and what scores it. folder: of the study. fingerprint: of its data.

    Returns:
        The row: plain values. One that failed has its reason under "error", and the study goes on.
    """
    row = {
        "key": key_of(cell, settings, fingerprint),
        "arm": cell.arm.name,
        "scenario": cell.scenario.name,
        "seed": cell.seed,
        "role": cell.role,
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
        with _notes_to(make_folder(folder) / "notes.log"):
            runtime.start(threads=settings.threads or None)
            check_apart(images, settings.allow_overlap)
            bench = _bench(folder, images, settings, cell.seed)
            row.update(_scored(cell, bench, row["key"]))
    except WHAT_FAILS as error:
        row["error"] = f"{type(error).__name__}: {error}"
    return {**row, "seconds": round(time.perf_counter() - began, 2)}


@contextlib.contextmanager
def _notes_to(path: Path) -> Iterator[None]:
    """Let what the stages say on standard error go to a file: a study shows one line."""
    with open(path, "a", encoding="utf-8", errors="backslashreplace") as file, contextlib.redirect_stderr(file):
        yield


def _bench(folder: Path, images: CellImages, settings: Settings, seed: int) -> Bench:
    """The folder of a cell's labels, with the file that holds them and nothing else."""
    from ..data import DataSpec, load

    bench = Bench(make_folder(folder / "work" / images.train.fingerprint()[:16]), images, settings, seed)
    with _alone(bench.folder / "labels"):
        if not bench.labels.exists():
            write_labels(bench.labels, images.train)
    read = load(DataSpec(str(bench.labels), window=(0, 255)), "train", split="full")
    if not same_images(read, images.train):
        raise RunFailed(f"leak: {bench.labels} holds other images than the labels of this cell")
    bench.learnt = read.fingerprint()
    return bench


def _scored(cell: Cell, bench: Bench, key: str) -> Dict[str, Any]:
    config, made = configured(cell.arm, bench, cell.seed)
    members = bench.settings.members if cell.arm.ensemble else 1
    began = time.perf_counter()
    probabilities = [_learn_and_read(config, bench, key, member, cell.arm) for member in range(members)]
    score = _score(np.mean(probabilities, axis=0), bench.images.test)
    cut = [score["recall"][bench.images.test.class_index(name)] for name, _ in cell.scenario.cut]
    return {
        **score,
        "cut_recall": float(np.mean([value for value in cut if value is not None])) if cut else None,
        "classifier_seconds": round(time.perf_counter() - began, 2),
        "made": made,
        "config": to_yaml(config),
        "command": f"python -m paddle_gan_aug classify -c configs/{key}.yaml --test TEST",
    }


def configured(arm: Arm, bench: Bench, seed: int) -> Tuple[Any, Dict[str, Any]]:
    """(the configuration of an arm's classifier, what is known of the images that were made for it), with all its parts trained."""
    size = min(bench.settings.batch_size, len(bench.images.train))
    overrides = {**bench.of_data(), "train.batch_size": size, "train.epochs": None, **classifier_settings(arm, bench.settings, seed)}
    made: Dict[str, Any] = {}
    reader = _reader(bench) if arm.reads else None
    if arm.maker == "spare":
        overrides["generated.source"] = str(_spare(bench))
    elif arm.maker:
        maker = _maker(arm.maker, bench)
        made = {"maker": arm.maker, "maker_seconds": _note(maker)["seconds"]}
        part = _made(arm, bench, maker, reader)
        made.update(_note(part))
        made["used"] = made["accepted"] >= (size if arm.pretrains else round(size * arm.share))
        if arm.renewed and not made["short"]:
            overrides.update({"generated.source": str(maker), "generated.classifier": str(reader)})
        else:
            overrides["generated.source"] = str(part / "set")
            for key in RENEWED:
                overrides.pop(key, None)
        if arm.teacher:
            overrides["generated.teacher"] = str(reader)
        if not made["used"]:  # nothing that the filters accept: the classifier learns without, and the arm counts as what it is
            overrides = {key: value for key, value in overrides.items() if not key.startswith("generated.")}
    return load_config("classifier", overrides), made


def _learn_and_read(config: Any, bench: Bench, key: str, member: int, arm: Arm) -> np.ndarray:
    """Train one classifier and read the test images: float32 [N, classes]. Its run goes once it has been read."""
    from ..runs.reading import read_probabilities

    runs = make_folder(bench.folder / "classifiers")
    name = f"{key}-{member}"
    shutil.rmtree(runs / name, ignore_errors=True)
    config = load_config(config, {"train.seed": config.train.seed + 100_003 * member})
    run = _trained(config, name, runs, classifier=True)
    check_learnt(run.state["data"]["fingerprint"], bench.learnt, "the classifier")
    probabilities = read_probabilities(run, bench.images.test.images)
    shutil.rmtree(runs / name, ignore_errors=True)
    return probabilities


def _trained(config: Any, name: str, folder: Path, log: Optional[Path] = None, *, classifier: bool = False) -> Any:
    from ..classification.generated import generated_part
    from ..runs.prepare import prepare
    from ..runs.run import train_prepared

    prepared = prepare(config, run=name, output=folder, log=log or folder / ".log", quiet=True, classifier=classifier)
    generated = generated_part(prepared.config, prepared.images) if prepared.config.generated.source else None
    run = train_prepared(prepared, generated=generated)
    if run.interrupted:
        raise KeyboardInterrupt(run.interrupted)
    return run


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


# ---- what cells of the same labels share -------------------------------------------------------------------------------


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a part for this process; whoever comes second waits."""
    folder = make_folder(path.parent / f".{path.name}.lock")
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(lock_folder(folder))
                break
            except InputError:
                time.sleep(LOCK_SECONDS)
        yield


def _note(part: Path) -> Dict[str, Any]:
    return json.loads((part.parent / f"{part.name}.json").read_text(encoding="utf-8"))


@contextlib.contextmanager
def _part(path: Path) -> Iterator[Optional[Dict[str, Any]]]:
    """Make a part once: yields a dict to note things in where it must be made, None where it is there. Half-made ones are removed."""
    with _alone(path):
        done = path.parent / f"{path.name}.json"
        if done.exists():
            yield None
            return
        shutil.rmtree(path, ignore_errors=True)
        began, note = time.perf_counter(), {}
        yield note
        write_json(done, {**note, "seconds": round(time.perf_counter() - began, 2)})


def _checked_run(path: Path, bench: Bench, what: str) -> Path:
    """A part that is a run, if it has learnt the labels of this cell alone."""
    from ..runs.opened import open_run

    state = open_run(path, threads=bench.settings.threads).state
    check_learnt(state["data"]["fingerprint"], bench.learnt, what)
    if state.get("generated"):
        raise RunFailed(f"leak: {what} has learnt generated images")
    return path


def _reader(bench: Bench) -> Path:
    """The classifier that filters and teaches: classical changes, the cell's labels alone."""
    path = bench.folder / f"reader-{bench.seed}"
    with _part(path) as note:
        if note is not None:
            size = min(bench.settings.batch_size, len(bench.images.train))
            overrides = {**bench.of_data(), "train.batch_size": size, "train.epochs": None, "train.steps": bench.settings.steps}
            overrides.update({"train.seed": bench.seed, "data.policy": bench.settings.policy, "classifier.augmentation": "standard"})
            overrides["classifier.architecture"] = bench.settings.architecture
            _trained(load_config("classifier", overrides), path.name, path.parent, classifier=True)
    return _checked_run(path, bench, "the classifier that filters")


def _maker(maker: str, bench: Bench) -> Path:
    """The run that makes images."""
    path = bench.folder / f"{maker}-{bench.seed}"
    with _part(path) as note:
        if note is not None:
            settings = maker_settings(maker, bench.settings, bench.seed)
            base = load_config(settings.pop("preset"))
            size = min(base.train.batch_size, len(bench.images.train))
            # A GAN that has collapsed counts as what it is: no recovery makes it better than a user's would be without a second look
            overrides = {**bench.of_data(), "train.batch_size": size, "train.epochs": None, "health.recover": False, **settings}
            _trained(load_config(base, overrides), path.name, path.parent)
    return _checked_run(path, bench, f"the {maker}")


def _made(arm: Arm, bench: Bench, maker: Path, reader: Optional[Path]) -> Path:
    """A generated set on the disk, with what became of the candidates and how close to the training images they are."""
    path = bench.folder / f"{maker.name}-{arm.filters}"
    with _part(path) as note:
        if note is not None:
            if arm.maker == "gan":
                note.update(_generate(arm, bench, maker, reader, path))
            else:
                _vary(bench, maker, path)
            note.update(_closeness(path / "set", bench))
    return path


def _generate(arm: Arm, bench: Bench, maker: Path, reader: Optional[Path], path: Path) -> Dict[str, Any]:
    from ..data.written_set import DROPPED
    from ..synthesis.filters import Filters
    from ..synthesis.generate import QuotaNotMet, generate

    filtered = arm.filters != "none"
    filters = Filters(arm.filters, reader if filtered else None, None, ATTEMPTS, relax=True)
    made: Dict[str, Any] = {"short": None}
    try:
        generate(
            str(maker),
            to=make_folder(path) / "set",
            seed=bench.seed,
            threads=bench.settings.threads,
            per_class=bench.settings.per_class,
            filters=filters,
            quiet=True,
        )
    except QuotaNotMet as short:
        made["short"] = short.reason
    if (path / "set" / DROPPED).exists():
        made["dropped"] = json.loads((path / "set" / DROPPED).read_text(encoding="utf-8"))
    return made


def _vary(bench: Bench, maker: Path, path: Path) -> None:
    from ..synthesis.vary import vary

    make_folder(path)
    classes = int((bench.images.train.counts() > 0).sum())
    count = bench.settings.per_class * classes
    vary(str(maker), to=path / "set", count=count, seed=bench.seed, threads=bench.settings.threads)


def _closeness(folder: Path, bench: Bench) -> Dict[str, Any]:
    """How close a generated set is to the training images; the test images only stand beside it, as images that nobody learnt."""
    from ..metrics.memorisation import closeness_to_training, duplicate_share, nearness

    accepted = sum(1 for _ in folder.glob("*/*.png"))
    if not accepted:
        return {"memorisation": None, "accepted": 0}
    made = _load(folder, bench).images[:: max(1, accepted // COMPARED)]
    train, unseen = bench.images.train.images, bench.images.test.images
    if len(unseen) < 4:
        return {"memorisation": None, "accepted": accepted}
    half = min(len(unseen) // 2, COMPARED)
    flat = [part.reshape(len(part), -1).astype(np.float32) for part in (made, train, unseen[:half], unseen[half : 2 * half])]
    found = closeness_to_training(nearness(flat[0], flat[1], flat[2]), nearness(flat[3], flat[1], flat[2]))
    return {"memorisation": {**found, "duplicates": duplicate_share(made, train)}, "accepted": accepted}


def _load(folder: Path, bench: Bench) -> LabelledImages:
    from ..data import DataSpec, load

    real = bench.images.train
    spec = DataSpec(str(folder), image_size=real.image_size, channels=real.channels, window=(0, 255))
    return load(spec, "train", split="full")


def _spare(bench: Bench) -> Path:
    """As many further real images of each class as would be generated, as an .npz file."""
    spare, path = bench.images.spare, bench.folder / f"spare-{bench.seed}"
    if spare is None:
        raise RunFailed("there are no real images beyond those of the scenario")
    with _part(path) as note:
        if note is not None:
            chosen = [np.flatnonzero(spare.labels == label)[: bench.settings.per_class] for label in np.unique(spare.labels)]
            write_labels(make_folder(path) / "set.npz", spare.subset(np.sort(np.concatenate(chosen))))
    return path / "set.npz"


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
) -> Dict[str, Any]:
    """Train the recommended classifier as a run, and write `recommended.yaml`, which `classify -c` repeats.

    Args:
        folder: of the study. output, log: of runs and of records. name: of the run.
        source: the data that holds these labels and no others in its training part, in place of a copy; None = the copy.

    Returns:
        {"run", "config"}: paths.
    """
    runtime.start(threads=settings.threads or None)
    bench = _bench(folder, images, settings, 0)
    config, _ = configured(arm, bench, 0)
    defaults = load_config("classifier")
    if source is not None and not (arm.teacher or arm.renewed):  # these have learnt the copy, and say so
        config = load_config(config, {"data.source": source, "data.window": None})
    config = load_config(config, {f"log.{key}": getattr(defaults.log, key) for key in ("visualdl", "grid_every_steps", "grid_images")})
    with atomic_write(folder / "recommended.yaml", "w") as file:
        file.write(to_yaml(config))
    run = _trained(config, name, output, log, classifier=True)
    return {"run": str(run.folder), "config": str(folder / "recommended.yaml")}
