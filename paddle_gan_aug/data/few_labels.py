"""Few labels among many images: the images without labels, and batches that hold images of both kinds.

The labels of images that keep none are dropped here, so that nothing that learns can see them.
"""

import dataclasses
from pathlib import Path
from typing import Callable, Dict, Optional, Union

import numpy as np

from ..errors import InputError
from ..files import find_path
from .batches import Batch
from .fitting import fit
from .folders import UNLABELLED, part_folders
from .image_files import read_image_set
from .images import LabelledImages, to_network
from .list_files import is_list_folder
from .load import load, place_of
from .readers import reader_of, refused_paths
from .rows import joined
from .spec import DataSpec


def without_labels(images: np.ndarray, source: str) -> LabelledImages:
    """Return uint8 images [N, C, H, W] whose labels are not known: all are of one class, "unlabelled"."""
    return LabelledImages(images, np.zeros(len(images), np.int64), (UNLABELLED,), f"{source}, without labels")


def load_unlabelled(spec: DataSpec, labelled: LabelledImages) -> LabelledImages:
    """Read all images that may be learnt without a label.

    Args:
        spec: the data. These are its training images, with those that have a label, the images of its folder `unlabelled` (beside
            `train`), and those at the path `spec.unlabelled`, whose class folders and labels mean nothing.
        labelled: the training images that have a label.

    Returns:
        The images as `without_labels` gives them, in this order.

    Raises:
        InputError: no image is without a label, or images are of another size or depth than `labelled`.
    """
    whole = labelled
    if spec.labels is not None:
        whole = load(dataclasses.replace(spec, labels=None, unlabelled=None), "train")
    given = [path for path in (folder_beside(spec), spec.unlabelled) if path is not None]
    parts, names = [whole.images, *(_read(path, spec, labelled) for path in given)], [whole.source, *map(str, given)]
    count = sum(map(len, parts))
    if count == len(labelled):
        raise InputError(
            f"{spec} has no images without labels: name some (data.unlabelled), or keep the labels of a few of its images (data.labels)"
        )
    return without_labels(joined(*parts) if len(parts) > 1 else whole.images, " + ".join(names))


def given_unlabelled(spec: DataSpec, labelled: LabelledImages) -> Optional[np.ndarray]:
    """Read the images that came without labels: those of the folder `unlabelled` beside `train`, and those at `spec.unlabelled`.

    Returns:
        uint8 [N, C, H, W]; None if there are none.

    Raises:
        InputError: images of another size or depth than `labelled`, or a path without any.
    """
    parts = [_read(path, spec, labelled) for path in (folder_beside(spec), spec.unlabelled) if path is not None]
    return joined(*parts) if sum(map(len, parts)) else None


def folder_beside(spec: DataSpec) -> Optional[Path]:
    """Return the folder `unlabelled` beside the folder `train` of a data set; None if there is none, or the data is no such folder."""
    place = place_of(spec)
    if not place.is_dir() or is_list_folder(place) or part_folders(place) is None:
        return None
    return next((folder for folder in sorted(place.iterdir()) if folder.is_dir() and folder.name.lower() == UNLABELLED), None)


def _read(path: Union[str, Path], spec: DataSpec, labelled: LabelledImages) -> np.ndarray:
    """Return the images at a path, uint8 [N, C, H, W]: of data in parts those of training and validation, else all."""
    where = f"data.unlabelled {path}"
    if not str(path).strip():
        raise InputError("data.unlabelled is empty: give a folder or a file with images")
    with refused_paths(where):
        place = find_path(path)
        reader = reader_of(place, unlabelled=True)
        in_parts = reader is not None and (reader.images is None or (place.is_dir() and part_folders(place) is not None))
    if in_parts:
        images = load(dataclasses.replace(spec.renamed(path), split="full"), "train").images
    else:
        try:
            images = fit(read_image_set(path, spec).images, spec.image_size, spec.channels, spec.fit, spec.background)
        except InputError as error:
            raise InputError(f"data.unlabelled: {error}") from None
    if images.shape[1:] != labelled.shape:
        both = " and ".join("×".join(map(str, shape)) for shape in (images.shape[1:], labelled.shape))
        raise InputError(
            f"{where}: its images and the labelled ones differ in channels or size ({both}): "
            "set data.image_size and data.channels to make them alike"
        )
    return images


@dataclasses.dataclass
class PartlyLabelledBatch(Batch):
    """Labelled images as in `Batch`, and beside them two draws of images without labels.

    Attributes:
        unlabelled: float32 [B, C, H, W] in [-1, 1].
        matched: float32 [B, C, H, W] in [-1, 1], the images whose features generated images are to match.
    """

    unlabelled: Optional[np.ndarray] = None
    matched: Optional[np.ndarray] = None


class PartlyLabelledBatches:
    """Batches of labelled and of unlabelled images without end, any of which can be asked for, as of `Batches`.

    Each kind goes through all its images, in an order of its own, before any comes again. A batch may hold a labelled image several
    times if there are few. A pass over the unlabelled images is an epoch.

    Args:
        labelled: the images with labels.
        unlabelled: the images without labels, see `without_labels`.
        batch_size: unlabelled images in a batch.
        rng_for_round: (name of a kind, round) -> Generator, the same one each time it is asked.
        labelled_batch: labelled images in a batch; None = `batch_size`.

    Raises:
        InputError: the batch size is above the number of unlabelled images.
    """

    pairs = False

    def __init__(
        self,
        labelled: LabelledImages,
        unlabelled: LabelledImages,
        batch_size: int,
        rng_for_round: Callable[[str, int], np.random.Generator],
        labelled_batch: Optional[int] = None,
    ) -> None:
        if batch_size > len(unlabelled):
            raise InputError(
                f"batch size {batch_size} is larger than the {len(unlabelled)} images without labels ({unlabelled.source}): "
                f"use a batch size of at most {len(unlabelled)}, or more images"
            )
        self.dataset, self.unlabelled, self.batch_size = labelled, unlabelled, batch_size
        self.steps_per_epoch = len(unlabelled) // batch_size
        kinds = {  # name -> (images, images in a batch)
            "labelled": (len(labelled), labelled_batch or batch_size),
            "unlabelled": (len(unlabelled), batch_size),
            "matched": (len(unlabelled), batch_size),
        }
        self._kinds = {
            name: (_Rounds(count, lambda number, name=name: rng_for_round(name, number)), size) for name, (count, size) in kinds.items()
        }

    def batch(self, step: int) -> PartlyLabelledBatch:
        """Return the batch of a step, counted from 0 over all epochs."""
        chosen = {name: rounds.take(step * size, size) for name, (rounds, size) in self._kinds.items()}
        return PartlyLabelledBatch(
            to_network(self.dataset.images[chosen["labelled"]]),
            self.dataset.labels[chosen["labelled"]],
            unlabelled=to_network(self.unlabelled.images[chosen["unlabelled"]]),
            matched=to_network(self.unlabelled.images[chosen["matched"]]),
        )

    def some(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return `count` different unlabelled images (all of them if there are fewer), float32 [count, C, H, W] in [-1, 1]."""
        return to_network(self.unlabelled.images[rng.permutation(len(self.unlabelled))[:count]])


class _Rounds:
    """Permutations of `count` indices one after the other, as one row of numbers without end."""

    def __init__(self, count: int, rng_for_round: Callable[[int], np.random.Generator]) -> None:
        self.count, self._rng_for_round = count, rng_for_round
        self._known: Dict[int, np.ndarray] = {}

    def take(self, start: int, size: int) -> np.ndarray:
        """Return the indices at the places start to start + size - 1, int64 [size]."""
        first, last = start // self.count, (start + size - 1) // self.count
        known = {number: self._order(number) for number in range(first, last + 1)}
        self._known = known  # in one assignment: a prefetching thread sees all or nothing
        within = start - first * self.count
        return np.concatenate([known[number] for number in range(first, last + 1)])[within : within + size]

    def _order(self, number: int) -> np.ndarray:
        known = self._known.get(number)
        return self._rng_for_round(number).permutation(self.count) if known is None else known
