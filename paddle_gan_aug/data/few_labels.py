"""Few labels among many images: which images keep their label, and batches that hold both kinds.

The labels of the rest are dropped here, so that nothing that learns can see them.
"""

import dataclasses
import hashlib
import json

import numpy as np

from ..errors import InputError
from .batches import Batch
from .image_files import read_images
from .images import to_network
from .load import load


@dataclasses.dataclass(frozen=True, eq=False)
class UnlabelledImages:
    """Images without labels: uint8 [N, C, H, W], and in words where they came from."""

    images: np.ndarray
    source: str

    def __len__(self):
        return len(self.images)

    def fingerprint(self):
        """SHA-256 (64 hexadecimal digits) of the shape and the images."""
        digest = hashlib.sha256(json.dumps(self.images.shape).encode())
        digest.update(np.ascontiguousarray(self.images))
        return digest.hexdigest()


def unlabelled_images(source, labelled, split="standard", path=None):
    """All images that a run may learn from without a label.

    Args:
        source: a `Source`; where it has `labels`, all of its training images are among them, those of `labelled` too.
        labelled: `LabelledImages`, the training images that have a label. split: as for `load`.
        path: further images without labels, of a kind that `read_images` knows; class folders in it mean nothing.

    Returns:
        UnlabelledImages.

    Raises:
        InputError: there are none, or they are of another size or depth than `labelled`.
    """
    parts, names = [], []
    if source.labels is not None:
        every = load(dataclasses.replace(source, labels=None), "train", split=split)
        parts.append(every.images)
        names.append(every.source)
    else:
        parts.append(labelled.images)
        names.append(labelled.source)
    if path is not None:
        images, _, _ = read_images(path, source.image_size, source.channels, source.skip_bad)
        if images.shape[1:] != labelled.shape:
            both = " and ".join(" x ".join(map(str, shape)) for shape in (images.shape[1:], labelled.shape))
            raise InputError(
                f"data.unlabelled {path}: its images and the labelled ones differ in depth or size ({both}): "
                "set --image-size and --channels to make both alike"
            )
        parts.append(images)
        names.append(str(path))
    if path is None and len(parts[0]) == len(labelled):
        raise InputError(
            f"{source} has no images without labels: name some (--unlabelled DIR), or keep the labels of a few of its images (--labels N)"
        )
    return UnlabelledImages(np.concatenate(parts) if len(parts) > 1 else parts[0], " + ".join(names) + ", without labels")


@dataclasses.dataclass
class PartlyLabelledBatch(Batch):
    """`images` and `labels` as in `Batch`; beside them two draws of images without labels, float32 [B, C, H, W] in [-1, 1] each."""

    unlabelled: np.ndarray = None
    matched: np.ndarray = None  # whose features the generated images are to match


class PartlyLabelledBatches:
    """Batches of labelled and of unlabelled images, without end; any of them can be asked for, as of `Batches`.

    Each kind goes through all its images, in an order of its own, before any comes again: of few labelled images a batch holds some
    several times. A pass over the unlabelled ones is an epoch.

    Args:
        labelled: LabelledImages. unlabelled: UnlabelledImages.
        batch_size: images of each kind in a batch.
        rng_for_round: (name of a kind, round) -> Generator, the same one each time it is asked.

    Raises:
        InputError: the batch size is above the number of unlabelled images.
    """

    pairs = False

    def __init__(self, labelled, unlabelled, batch_size, rng_for_round):
        if batch_size > len(unlabelled):
            raise InputError(
                f"batch size {batch_size} is larger than the {len(unlabelled)} images without labels ({unlabelled.source}): "
                f"use a batch size of at most {len(unlabelled)}, or more images"
            )
        self.dataset, self.unlabelled, self.batch_size = labelled, unlabelled, batch_size
        self.steps_per_epoch = len(unlabelled) // batch_size
        kinds = {"labelled": len(labelled), "unlabelled": len(unlabelled), "matched": len(unlabelled)}
        self._rounds = {name: _Rounds(count, lambda number, name=name: rng_for_round(name, number)) for name, count in kinds.items()}

    def batch(self, step):
        """The batch of a step, counted from 0 over all epochs."""
        chosen = {name: rounds.take(step * self.batch_size, self.batch_size) for name, rounds in self._rounds.items()}
        return PartlyLabelledBatch(
            to_network(self.dataset.images[chosen["labelled"]]),
            self.dataset.labels[chosen["labelled"]],
            unlabelled=to_network(self.unlabelled.images[chosen["unlabelled"]]),
            matched=to_network(self.unlabelled.images[chosen["matched"]]),
        )

    def some(self, count, rng):
        """`count` different unlabelled images (all, where there are fewer), float32 [count, C, H, W] in [-1, 1]."""
        return to_network(self.unlabelled.images[rng.permutation(len(self.unlabelled))[:count]])


class _Rounds:
    """Permutations of `count` indices one after the other, as one row of numbers without end."""

    def __init__(self, count, rng_for_round):
        self.count, self._rng_for_round, self._known = count, rng_for_round, {}

    def take(self, start, size):
        """The indices at places start to start + size - 1, int64 [size]."""
        first, last = start // self.count, (start + size - 1) // self.count
        known = {number: self._order(number) for number in range(first, last + 1)}
        self._known = known  # in one assignment: a prefetching thread sees all or nothing
        within = start - first * self.count
        return np.concatenate([known[number] for number in range(first, last + 1)])[within : within + size]

    def _order(self, number):
        known = self._known.get(number)
        return self._rng_for_round(number).permutation(self.count) if known is None else known
