"""The classifier with which filters read images, and how well it reads real ones."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from ..data import LabelledImages
from ..errors import InputError
from ..runs.opened import Run, open_run
from .data_parts import DataParts
from .filters import FILTERS
from .held_out import HeldOut, read_held_out, read_images


@dataclass(eq=False)
class Reader:
    """A classifier, and the data that it learnt.

    Attributes:
        run: an opened run of `classify`.
        parts: the data, of which it learnt the part "train".
    """

    run: Run
    parts: DataParts
    _read: Dict[str, Tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)  # by the fingerprint of the images

    @property
    def origin(self) -> dict:
        """What a set's records say of it."""
        return {"run": self.run.folder.name, "step": self.run.step, "data_fingerprint": self.run.state["data"]["fingerprint"]}

    @cached_property
    def held_out(self) -> Optional[HeldOut]:
        """How well it reads images that it did not learn, see `held_out.read_held_out`."""
        return read_held_out(self.run, self.parts.read("train"), self.parts.find("valid"), self.read_real)

    def leave_folds_out(self) -> None:
        """Let the validation images alone say how well it reads, for an estimate that trains no networks for it."""
        valid = self.parts.find("valid")
        self.__dict__["held_out"] = None if valid is None else HeldOut(self.read_real(valid)[0], valid.labels)

    def read(self, images: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """(probabilities float32 [N, classes], features float32 [N, width]) of uint8 images [N, C, H, W]."""
        return read_images(self.run.algorithm, images)

    def read_real(self, images: LabelledImages) -> Tuple[np.ndarray, np.ndarray]:
        """As `read`; the same images are read once."""
        if images.fingerprint() not in self._read:
            self._read[images.fingerprint()] = self.read(images.images)
        return self._read[images.fingerprint()]


def open_reader(run: Union[str, Path, Run], real: LabelledImages, device: str = "auto", threads: int = 0) -> Run:
    """Open a run of `classify` that has learnt the images `real` and nothing else.

    Raises:
        InputError: it reads no images, or has learnt other images, or generated ones.
    """
    run = run if isinstance(run, Run) else open_run(run, device=device, threads=threads)
    if not run.algorithm.reads_images:
        raise InputError(f"run {run.folder} reads no images: it trained the algorithm {run.config.algorithm}; give a run of classify")
    if run.state.get("generated"):
        raise InputError(f"the classifier {run.folder} has learnt from generated images: give one that learnt real images alone")
    learnt = run.state["data"]
    if learnt["fingerprint"] != real.fingerprint():
        raise InputError(
            f"the classifier {run.folder} learnt {learnt['count']} images of {learnt['source']}, not these {len(real)} images "
            f"of {real.source}: filters need a classifier of exactly the images that the GAN learnt; train one on them"
        )
    return run


def aside_lines(
    reader: Optional[Reader], names: Sequence[str], class_names: Sequence[str], classes: Optional[Sequence[Optional[int]]] = None
) -> List[str]:
    """A line for each class that a classifier does not read better than chance, with the filters that step aside for
    it.

    Args:
        reader: the classifier, or None.
        names: the filters that run.
        class_names: the classes of the data. classes: the indices of those to look at; None = all.
    """
    opinions = [row.name for row in FILTERS.values() if row.is_opinion and row.name in names]
    held_out = reader.held_out if reader is not None and opinions else None
    if held_out is None:
        return []
    lines = []
    for c in range(len(class_names)) if classes is None else classes:
        if c is not None and not held_out.knows(c):
            count, right = held_out.counts(c)
            lines.append(
                f"class {class_names[c]}: the filters' classifier reads {right} of {count} real images that it did not learn right, "
                f"no better than chance; {', '.join(opinions)} step aside for it"
            )
    return lines
