"""What the cells of the same labels share: the labels on the disk, the classifier that filters and teaches, the GAN, the generated sets.

Each is trained by the first cell that needs it, under a lock, and found by the others. All of it learns the labels of the cell alone. The
settings that a part is made with are in its name: a study that goes on with others makes another.
"""

import contextlib
import hashlib
import json
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import numpy as np

from ..config.loading import load_config
from ..data import LabelledImages
from ..errors import InputError, RunFailed
from ..files import lock_folder, make_folder, read_json, write_json
from .arm import Arm, is_gan
from .cells import Settings, classifier_settings, maker_settings
from .quality import FEWEST_HELD, QualityStop, forget_later
from .splits import CellImages, Scenario, check_learnt, held_out, same_images, write_labels

ATTEMPTS = 20  # latents tried for each wanted image
LOCK_SECONDS = 0.3
COMPARED = 1000  # images of each kind that memorisation looks at


@dataclass
class Bench:
    """The folder of a cell's labels, its images and the settings of the study.

    Attributes:
        learnt: the fingerprint of the labels as runs read them: a file's order is not always kept.
        base: the classes that what varies images learns, in a scenario with new ones; None = all.
        name: of the file of labels.
    """

    folder: Path
    images: CellImages
    settings: Settings
    seed: int
    base: Optional[List[str]] = None
    learnt: str = ""
    name: str = "labels"

    @property
    def labels(self) -> Path:
        """The file with all that is learnt. Seeds that share all labels hold different ones out of what else is learnt."""
        return self.folder / ("labels.npz" if self.name == "labels" else f"{self.name}-{self.seed}.npz")

    @property
    def mark(self) -> str:
        """Of the names of parts that have learnt these labels."""
        return f"{self.seed}" if self.name == "labels" else f"{self.seed}-{self.name}"

    def of_data(self) -> Dict[str, Any]:
        """The settings that make a run learn these labels, all of them and nothing else."""
        return {
            "data.source": str(self.labels),
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


def bench_of(folder: Path, images: CellImages, settings: Settings, seed: int, scenario: Scenario) -> Bench:
    """The folder of a cell's labels, with the file that holds them and nothing else."""
    new = {name for name, _ in scenario.cut} if scenario.new else set()
    base = [name for name in images.train.filled_classes if name not in new] if new else None
    return _written(Bench(make_folder(folder / "work" / images.train.fingerprint()[:16]), images, settings, seed, base))


def _written(bench: Bench) -> Bench:
    """The bench, with its labels on the disk."""
    with _alone(bench.folder / bench.name):
        read = _labels_of(bench)
        if read is None:
            write_labels(bench.labels, bench.images.train)
            read = _labels_of(bench)
    if read is None or not same_images(read, bench.images.train):
        raise RunFailed(f"leak: {bench.labels} holds other images than the labels of this cell")
    bench.learnt = read.fingerprint()
    return bench


def _labels_of(bench: Bench) -> Optional[LabelledImages]:
    """What the file of a bench's labels holds; None where there is no file that can be read."""
    from ..data import DataSpec, load

    if not bench.labels.exists():
        return None
    try:
        return load(DataSpec(str(bench.labels), window=(0, 255)), "train", split="full")
    except InputError:  # it was cut short, or the disk is damaged: all that it held is in the data
        return None


def fitted(bench: Bench, arm: Arm) -> Bench:
    """The bench of an arm's GAN: where it stops at a quality, a fifth of the labels is held out of it and of its filter, to measure it."""
    if not (bench.settings.patience and is_gan(arm.maker)):
        return bench
    learnt, held = held_out(bench.images.train, bench.seed)
    if len(held) < FEWEST_HELD:
        return bench
    return _written(replace(bench, images=CellImages(learnt, held, None), name="fit"))


def trained(config: Any, name: str, folder: Path, log: Optional[Path] = None, *, classifier: bool = False, callbacks: Any = ()) -> Any:
    """Train a run to its end.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    from ..classification.generated import generated_part
    from ..runs.prepare import prepare
    from ..runs.run import train_prepared

    prepared = prepare(config, run=name, output=folder, log=log or folder / ".log", quiet=True, classifier=classifier)
    generated = generated_part(prepared.config, prepared.images) if prepared.config.generated.source else None
    run = train_prepared(prepared, generated=generated, callbacks=callbacks)
    if run.interrupted:
        raise KeyboardInterrupt(run.interrupted)
    return run


def classifier_keys(arm: Arm, bench: Bench, seed: int) -> Dict[str, Any]:
    """The configuration keys of an arm's classifier on the labels of a bench, of which no batch is larger than there are."""
    found = {**bench.of_data(), "train.batch_size": bench.settings.batch_size, "train.epochs": None}
    found.update(classifier_settings(arm, bench.settings, seed))
    found["train.batch_size"] = min(found["train.batch_size"], len(bench.images.train))
    return found


def fills(count: int, arm: Arm, batch_size: int) -> bool:
    """Whether so many generated images fill their part of a batch, or a whole one where they are learnt first."""
    return count >= (batch_size if arm.pretrains else max(1, round(batch_size * arm.share)))


# ---- made once ---------------------------------------------------------------------------------------------------------


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


def _is_note(path: Path) -> bool:
    """Whether a part was noted; a note that is cut short counts as none, and the part is made again."""
    try:
        return "seconds" in read_json(path)
    except (OSError, ValueError, TypeError):
        return False


def note_of(part: Path) -> Dict[str, Any]:
    """What was noted of a part when it was made."""
    return read_json(part.parent / f"{part.name}.json")


def named(what: str, made_with: Any) -> str:
    """The name of a part: what it is, and eight hexadecimal digits of all that it is made with, plain values."""
    return f"{what}-{hashlib.sha256(json.dumps(made_with, sort_keys=True).encode()).hexdigest()[:8]}"


@contextlib.contextmanager
def made_once(path: Path) -> Iterator[Optional[Dict[str, Any]]]:
    """Make a part once: yields a dict to note things in where it must be made, None where it is there. Half-made ones are removed."""
    with _alone(path):
        done = path.parent / f"{path.name}.json"
        if _is_note(done):
            yield None
            return
        shutil.rmtree(path, ignore_errors=True)
        began, note = time.perf_counter(), {}
        yield note
        write_json(done, {**note, "seconds": round(time.perf_counter() - began, 2)})


def _checked_run(path: Path, bench: Bench, what: str, classes: Optional[List[str]] = None) -> Path:
    """A part that is a run, if it has learnt these labels alone, or of them some classes."""
    from ..data import DataSpec, load
    from ..runs.opened import open_run

    state = open_run(path, threads=bench.settings.threads).state
    learnt = bench.learnt
    if classes is not None:
        learnt = load(DataSpec(str(bench.labels), window=(0, 255)), "train", split="full").of_classes(classes).fingerprint()
    check_learnt(state["data"]["fingerprint"], learnt, what)
    if state.get("generated"):
        raise RunFailed(f"leak: {what} has learnt generated images")
    return path


def reader_of(bench: Bench) -> Path:
    """The classifier that filters and teaches: classical changes, these labels alone."""
    size = min(bench.settings.batch_size, len(bench.images.train))
    settings = {"train.batch_size": size, "train.epochs": None, "train.steps": bench.settings.steps}
    settings.update({"train.seed": bench.seed, "data.policy": bench.settings.policy, "classifier.augmentation": "standard"})
    settings["classifier.architecture"] = bench.settings.architecture
    path = bench.folder / named(f"reader-{bench.mark}", settings)
    with made_once(path) as note:
        if note is not None:
            trained(load_config("classifier", {**bench.of_data(), **settings}), path.name, path.parent, classifier=True)
    return _checked_run(path, bench, "the classifier that filters")


def maker_of(maker: str, bench: Bench) -> Path:
    """The run that makes images."""
    base = None if is_gan(maker) else bench.base
    stops = bench.name != "labels"
    settings = maker_settings(maker, bench.settings, bench.seed)
    measured = [bench.settings.patience, bench.settings.steps, bench.settings.architecture] if stops else None  # by the reader
    what = f"{maker}-{bench.mark}" + ("" if base is None else "-base")
    path = bench.folder / named(what, [settings, base, measured])
    with made_once(path) as note:
        if note is not None:
            config = load_config(settings.pop("preset"))
            learnt = bench.images.train if base is None else bench.images.train.of_classes(base)
            size = min(config.train.batch_size, len(learnt))
            # A GAN that has collapsed counts as what it is: no recovery makes it better than a user's would be without a second look
            overrides = {**bench.of_data(), "train.batch_size": size, "train.epochs": None, "health.recover": False, **settings}
            overrides["train.batch_size"] = min(overrides["train.batch_size"], len(learnt))  # where a larger one was asked for
            overrides.update({} if base is None else {"data.classes": base})
            callbacks = [QualityStop(reader_of(bench), bench.images.test, bench.settings, bench.seed)] if stops else []
            trained(load_config(config, overrides), path.name, path.parent, callbacks=callbacks)
            note.update(forget_later(path) if stops else {})
    return _checked_run(path, bench, f"the {maker}", base)


def made_by(arm: Arm, bench: Bench, maker: Path, reader: Optional[Path]) -> Path:
    """A generated set on the disk, with what became of the candidates and how close to the training images they are."""
    path = bench.folder / named(f"{maker.name}-{arm.filters}", [bench.settings.per_class, reader and reader.name])
    with made_once(path) as note:
        if note is not None:
            note.update(_generate(arm, bench, maker, reader, path))
            note.update({**_closeness(path / "set", bench), "set": (path / "set").relative_to(bench.folder.parent).as_posix()})
    return path


def _generate(arm: Arm, bench: Bench, maker: Path, reader: Optional[Path], path: Path) -> Dict[str, Any]:
    from ..data.written_set import DROPPED
    from ..synthesis.filters import Filters
    from ..synthesis.generate import QuotaNotMet, generate

    names = arm.filter_names
    filters = Filters(names or "none", reader if names else None, None, ATTEMPTS, relax=True)
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
        made["dropped"] = read_json(path / "set" / DROPPED)
    return made


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


def spare_of(bench: Bench) -> Path:
    """As many further real images of each class as would be generated, as an .npz file."""
    spare = bench.images.spare
    if spare is None:
        raise RunFailed("there are no real images beyond those of the scenario")
    path = bench.folder / named(f"spare-{bench.seed}", [bench.settings.per_class, spare.fingerprint()])
    with made_once(path) as note:
        if note is not None:
            chosen = [np.flatnonzero(spare.labels == label)[: bench.settings.per_class] for label in np.unique(spare.labels)]
            write_labels(make_folder(path) / "set.npz", spare.subset(np.sort(np.concatenate(chosen))))
    return path / "set.npz"
