"""Which images a cell may learn and which score it: drawn here alone, and checked for leaks.

Only the labels of a cell reach its classifier, GAN, filter and teacher. Test images reach nothing but the score. In place of test images
the cells that choose (role "choose") are scored on validation images, or on labels that are held out of their own.
"""

import functools
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple

import numpy as np

from .. import runtime
from ..augment.policies import choice_of, policy_for
from ..console import listed
from ..data import DataSpec, LabelledImages, concatenate, load, load_test
from ..data.few_labels import given_unlabelled
from ..data.images import check_several_classes
from ..data.overlap import copies, near, repeated
from ..errors import InputError, LoneImage, NoSuchPart, RunFailed
from ..files import atomic_write

TEST, CHOOSE, FINAL = "test", "choose", "final"
FEWEST = 2  # images of a class that can be split at all
HELD_OUT = 0.2  # of each class, in a split that chooses
IMBALANCED = 1.5  # the largest class over the smallest, from which on classes differ in size
CHOOSES_FROM = 1000  # seed of the first cell that chooses: never that of a cell whose test images count


@dataclass(frozen=True)
class Scenario:
    """How many labels there are.

    Attributes:
        per_class: images of each class; None = all. cut: ((class, images), ...) of classes that are cut further.
        new: whether these classes are new: what varies images learns the others alone, and is applied to them.
    """

    per_class: Optional[int] = None
    cut: Tuple[Tuple[str, int], ...] = ()
    new: bool = False

    @property
    def name(self) -> str:
        """In words, for tables."""
        parts = ["as it is" if self.per_class is None else f"{self.per_class} labels a class"]
        if self.new:
            counts = sorted({count for _, count in self.cut})
            parts += [", ".join(name for name, n in self.cut if n == count) + f" new with {count}" for count in counts]
        else:
            parts += [f"{name} cut to {count}" for name, count in self.cut]
        return ", ".join(parts if self.per_class or not self.cut else parts[1:])

    @property
    def draws(self) -> bool:
        """Whether the labels are drawn from more than there are in a cell."""
        return self.per_class is not None or bool(self.cut)


def is_imbalanced(scenarios: Sequence[Scenario], counts: Sequence[int]) -> bool:
    """Whether classes differ in size: some are cut, or all labels are taken as they are and `counts` of each class are far apart."""
    if any(scenario.draws for scenario in scenarios):
        return any(scenario.cut for scenario in scenarios)
    counts = [int(count) for count in counts if count]
    return max(counts) >= IMBALANCED * min(counts)


@dataclass(frozen=True, eq=False)
class StudyData:
    """The images of a study.

    Attributes:
        source: name or path. spec: how it is read. pool: `LabelledImages`, the training part. valid: further labelled images, or None.
        test: the images that score, or None where folds do. policy: the value of `data.policy`.
        unlabelled: the images without labels that were given, uint8 [N, C, H, W], or None.
    """

    source: str
    spec: DataSpec
    pool: LabelledImages
    valid: Optional[LabelledImages]
    test: Optional[LabelledImages]
    policy: str
    unlabelled: Optional[np.ndarray] = None

    @functools.cached_property
    def labels(self) -> LabelledImages:
        """All labelled images that may be learnt."""
        return self.pool if self.valid is None else concatenate(self.pool, self.valid)

    def fingerprint(self) -> str:
        """Of all labelled images and their labels, 64 hexadecimal digits."""
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self) -> str:
        parts = [part.fingerprint() for part in (self.pool, self.valid, self.test) if part is not None]
        if self.test is None and len(np.unique(copies(self.labels.images))) < len(self.labels):
            parts.append("copies are dealt last")  # earlier versions divided such images into other folds
        return hashlib.sha256("".join(parts).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class CellImages:
    """`train`: all that a cell may learn. `test`: what scores it. `spare`: real images for the arm `extra-real`, or None. `unlabelled`:
    what may be learnt without labels, uint8 [N, C, H, W], or None."""

    train: LabelledImages
    test: LabelledImages
    spare: Optional[LabelledImages] = None
    unlabelled: Optional[np.ndarray] = None


def read_data(data: Any, test: Any = None, policy: str = "auto", *, unlabelled: bool = False) -> StudyData:
    """Read the images of a study once.

    Args:
        data: name, path or `DataSpec`. test: a labelled test set by name or path; None = the data's own, if it has one.
        unlabelled: read the images without labels too: those of a folder `unlabelled` beside `train`, and of `DataSpec.unlabelled`.

    Raises:
        InputError: as `load`; one class alone; test images of other classes or another shape.
    """
    spec = data if isinstance(data, DataSpec) else DataSpec(str(data))
    try:
        pool = load(spec, "train")
    except LoneImage as error:  # a study always holds images out
        raise InputError(error.problem) from None
    check_several_classes(pool)
    valid = _part(spec, "valid")
    scored = _part(spec, "test") if test is None else load_test(spec.renamed(test))
    if scored is not None and (scored.class_names != pool.class_names or scored.shape != pool.shape):
        raise InputError(f"test images {scored.source} have other classes or another size than {pool.source}")
    rest = given_unlabelled(spec, pool) if unlabelled else None
    return StudyData(str(spec), spec, pool, valid, scored, choice_of(policy_for(str(spec), pool.channels, policy)), rest)


def _part(spec: DataSpec, part: str) -> Optional[LabelledImages]:
    try:
        return load(spec, part)
    except NoSuchPart:
        return None


def class_of(data: StudyData, name: str, argument: str) -> str:
    """The name of the class that a user names, perhaps by its number.

    Raises:
        InputError: there is none.
    """
    try:
        return data.pool.class_names[data.pool.class_index(name)]
    except InputError:
        names = listed(data.labels.filled_classes)
        raise InputError(f"{argument}: there is no class {name!r} in {data.source}: choose one of {names}") from None


def check_data(data: StudyData, scenario: Scenario, seeds: int) -> None:
    """See that a study can be made of the data, before anything is trained.

    Raises:
        InputError: too few images for the scenario or to hold out.
    """
    labels = data.labels
    counts = {name: int(count) for name, count in zip(labels.class_names, labels.counts()) if count}
    if scenario.new and not set(counts) - {name for name, _ in scenario.cut}:
        raise InputError("new_classes: all classes are new: leave at least one from which variation can be learnt")
    for name, count in {**({n: scenario.per_class for n in counts} if scenario.per_class else {}), **dict(scenario.cut)}.items():
        there = int(data.pool.counts()[data.pool.class_index(name)])
        if count > there:
            raise InputError(
                f"{data.source} has {there} training images of class {name} beside those held out, {count} are asked for: "
                f"ask for at most {there}, or leave the number out to use all"
            )
    if data.test is None and scenario.draws:
        raise InputError(
            f"{data.source} has no test images, which a study of fewer labels needs: add a folder test beside train, or name them (`test`)"
        )
    few = min(counts, key=lambda name: _different(labels, name))
    if data.test is None and _different(labels, few) < max(FEWEST, seeds):
        raise InputError(
            f"{data.source} has no test images, and too few to hold some out: class {few} has {_different(labels, few)}, "
            f"{seeds} folds need as many different ones; "
            "add images, a test set (`test`), or use fewer seeds"
        )


def check_test(data: StudyData, allow_overlap: bool = False) -> Dict[str, int]:
    """Look for test images among those that are learnt.

    Returns:
        {"exact", "near"}: how many test images are, or nearly are, images that are learnt.

    Raises:
        InputError: some are, pixel for pixel.
    """
    if data.test is None:  # copies stay together, in one fold
        return {"exact": 0, "near": 0}
    mask = repeated(data.test.images, data.labels.images)
    same = int(mask.sum())
    close = int(near(data.test.images[~mask], data.labels.images).sum()) if same < len(mask) else 0
    what = f"{same} of the {len(data.test)} test images are training images, pixel for pixel"
    if same and not allow_overlap:
        raise InputError(f"{what}: a test on them says nothing; take them out, or allow it (data.allow_overlap)")
    return {"exact": same, "near": close}


def _different(labels: LabelledImages, name: str) -> int:
    """How many images of a class there are, without those that equal another one, pixel for pixel."""
    members = labels.labels == labels.class_index(name)
    return len(np.unique(copies(labels.images[members])))


def check_unlabelled(data: StudyData, allow_overlap: bool = False) -> None:
    """See that no test image is among the images without labels that were given.

    Raises:
        InputError: some are, pixel for pixel.
    """
    if data.unlabelled is None or data.test is None or allow_overlap:
        return
    count = int(repeated(data.test.images, data.unlabelled).sum())
    if count:
        raise InputError(
            f"{count} of the {len(data.test)} test images are among the images without labels, pixel for pixel: a test on them says "
            "nothing; take them out of the images without labels, or have the study leave them out (data.allow_overlap)"
        )


def cell_images(data: StudyData, scenario: Scenario, seed: int, role: str, folds: int, *, unlabelled: bool = False) -> CellImages:
    """The images of a cell: a function of these arguments alone.

    Args:
        seed: of the draw of labels, or the number of the fold. role: `TEST`, `CHOOSE` or `FINAL`. folds: their number, where there are
            no test images. unlabelled: give it the images without labels too.
    """
    found = _labelled_images(data, scenario, seed, role, folds)
    if not unlabelled:
        return found
    drawn = _draw(data.pool, scenario, 0 if role == FINAL else seed) if scenario.draws else None
    return replace(found, unlabelled=_unlabelled(data, drawn, found.test))


def _unlabelled(data: StudyData, drawn: Optional[LabelledImages], test: LabelledImages) -> Optional[np.ndarray]:
    """The images of the pool that a draw leaves and those that were given, but for what scores the cell; None if there are none."""
    parts = [] if drawn is None else [data.pool.images[~repeated(data.pool.images, drawn.images)]]
    parts += [] if data.unlabelled is None else [data.unlabelled]
    found = [part[~repeated(part, test.images)] for part in parts]
    return np.concatenate(found) if sum(map(len, found)) else None


def _labelled_images(data: StudyData, scenario: Scenario, seed: int, role: str, folds: int) -> CellImages:
    """The images of a cell, as `cell_images` gives them."""
    if role == FINAL:
        train = _draw(data.pool, scenario, 0) if scenario.draws else data.labels
        return CellImages(train, train if data.test is None else data.test, _spare(data, train, 0))
    if scenario.draws:
        train = _draw(data.pool, scenario, seed)
        if role == TEST:
            return CellImages(train, data.test, _spare(data, train, seed))
        known = data.valid is not None and repeated(data.valid.images, train.images)
        if data.valid is not None and not np.all(known):
            return CellImages(train, data.valid.subset(np.flatnonzero(~known)), _spare(data, train, seed))
        return CellImages(*held_out(train, seed))
    if role == CHOOSE:
        return CellImages(*held_out(data.labels, seed))
    if data.test is not None:
        return CellImages(data.labels, data.test)
    tested = fold_of(data.labels, folds, seed // folds) == seed % folds
    return CellImages(data.labels.subset(np.flatnonzero(~tested)), data.labels.subset(np.flatnonzero(tested)))


def fold_of(labels: LabelledImages, folds: int, repetition: int = 0) -> np.ndarray:
    """The fold of each image, int64 [N]: disjoint, with the classes in equal shares as far as they divide, and with copies together."""
    found = np.zeros(len(labels), np.int64)
    start = 0
    first = copies(labels.images)
    for label in np.flatnonzero(labels.counts()):
        members = np.flatnonzero((labels.labels == label) & (first == np.arange(len(labels))))  # copies go where the first one goes
        members = runtime.rng(repetition, "study folds", int(label)).permutation(members)
        found[members] = (np.arange(len(members)) + start) % folds
        start += len(members)  # what does not divide goes to another fold each time
    return found[first]


def _draw(pool: LabelledImages, scenario: Scenario, seed: int) -> LabelledImages:
    cut = {pool.class_index(name): count for name, count in scenario.cut}
    chosen = []
    for label in np.flatnonzero(pool.counts()):
        members = runtime.rng(seed, "study labels", int(label)).permutation(np.flatnonzero(pool.labels == label))
        chosen.append(members[: cut.get(int(label), scenario.per_class)])
    return pool.subset(np.sort(np.concatenate(chosen)), f"{scenario.name} by seed {seed}")


def held_out(labels: LabelledImages, seed: int) -> Tuple[LabelledImages, LabelledImages]:
    """(what is learnt, what is held out): a fifth of each class that has two images or more, drawn by the seed; copies stay together."""
    out = np.zeros(len(labels), bool)
    for label in np.flatnonzero(labels.counts()):
        members = np.flatnonzero(labels.labels == label)
        if len(members) > 1:
            count = min(len(members) - 1, max(1, round(HELD_OUT * len(members))))
            out[runtime.rng(seed, "study choice", int(label)).permutation(members)[:count]] = True
    first = copies(labels.images)
    out = out[first]
    for label in np.flatnonzero(labels.counts()):
        if out[labels.labels == label].all():  # copies of one image alone: they are learnt
            out &= ~np.isin(first, first[labels.labels == label])
    return labels.subset(np.flatnonzero(~out)), labels.subset(np.flatnonzero(out))


def _spare(data: StudyData, train: LabelledImages, seed: int) -> Optional[LabelledImages]:
    """Images of the pool that the cell does not learn, shuffled; None where there are none of a class."""
    rest = np.flatnonzero(~repeated(data.pool.images, train.images))
    rest = runtime.rng(seed, "study spare").permutation(rest)
    spare = data.pool.subset(rest) if len(rest) else None
    return spare if spare is not None and (spare.counts()[train.counts() > 0] > 0).all() else None


def check_learnt(fingerprint: str, labels: str, what: str) -> None:
    """Refuse a part of a cell that has learnt other images than the cell's labels.

    Args:
        fingerprint: of the images that it learnt. labels: the fingerprint of the cell's. what: it is, in words.

    Raises:
        RunFailed: they are others.
    """
    if fingerprint != labels:
        raise RunFailed(f"leak: {what} has learnt other images than the labels of this cell")


def check_apart(images: CellImages, allow_overlap: bool = False) -> None:
    """Refuse a cell of whose test images some are training images.

    Raises:
        RunFailed: some are.
    """
    count = int(repeated(images.test.images, images.train.images).sum())
    if count and not allow_overlap:
        raise RunFailed(f"leak: {count} test images are among the labels of this cell")
    count = 0 if images.unlabelled is None else int(repeated(images.test.images, images.unlabelled).sum())
    if count:
        raise RunFailed(f"leak: {count} test images are among the images without labels of this cell")


def write_labels(path: Path, images: LabelledImages) -> None:
    """Write labelled images as an .npz file that `load` reads back as the same images, labels and classes."""
    grey = images.channels == 1
    pixels = images.images[:, 0] if grey else images.images.transpose(0, 2, 3, 1)
    layout = "NHW" if grey else "NHWC"
    with atomic_write(path) as file:
        np.savez(file, train_images=pixels, train_labels=images.labels, class_names=np.array(images.class_names), layout=np.array(layout))


def same_images(one: LabelledImages, other: LabelledImages) -> bool:
    """Whether two sets have the same images with the same labels and class names, in any order."""
    return one.class_names == other.class_names and sorted(_hashes(one)) == sorted(_hashes(other))


def _hashes(images: LabelledImages) -> Iterator[bytes]:
    """One of each image with its label."""
    for image, label in zip(images.images, images.labels):
        yield hashlib.blake2b(np.ascontiguousarray(image).tobytes() + bytes([int(label) % 256, int(label) // 256]), digest_size=16).digest()
