"""`DataSpec`: which images are meant and how they are read, in one value. Two equal values give the same images."""

import math
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Optional, Tuple, Union

from ..config.arguments import check_fields, checked, fields_of
from ..config.fields import ReadableSide
from ..config.sections import Data
from ..errors import InputError, did_you_mean


@dataclass(frozen=True)
class DataSpec:
    """A data set by its name or path, with all choices that decide which of its images are meant and how they are read.

    `str(spec)` is the name or path, which is what messages and results call it. The fields are those of the configuration's
    section `data`.
    """

    name: str = "mnist"
    image_size: Optional[int] = None  # resize and crop to this; None: as they are
    channels: Optional[int] = None  # 1 grey, 3 colour; None: as they are
    skip_bad: bool = False  # leave unusable files out
    valid_share: Optional[float] = None  # of the training images, stratified; None: a sixth
    seed: int = 0  # of that split, and of the images that `per_class` and `labels` choose
    classes: Optional[Tuple[str, ...]] = None  # only these, see `images.class_index`; None: all
    per_class: Optional[int] = None  # so many training images of each class; None: all
    labels: Optional[int] = None  # so many training images with a label, equally many of each class; None: all
    window: Optional[Tuple[float, float]] = None  # (black, white): the values in the files that become 0 and 255; None: by their scale
    background: Union[str, int, None] = None  # transparent pictures are laid on it: "white", "black" or a grey from 0 to 255
    fit: str = "crop"  # how pictures become square at `image_size`: "crop", "pad" or "stretch"
    class_name: Optional[str] = None  # only this class, without labels to learn; None: all
    split: str = "standard"  # "standard" holds validation images out of training, "full" trains on them too
    unlabelled: Optional[str] = None  # further images without labels, of any kind that `readers.READERS` lists
    place: Optional[str] = field(default=None, compare=False)  # where a run found it, an absolute path; None: look for the name

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_name", None if self.class_name is None else str(self.class_name))
        given = {"source" if name == "name" else name: getattr(self, name) for name in _FIELDS}
        for name, value in check_fields(given, _HINTS, "data.").items():
            object.__setattr__(self, "name" if name == "source" else name, value)
        object.__setattr__(self, "window", None if self.window is None else tuple(self.window))
        object.__setattr__(self, "classes", None if self.classes is None else tuple(map(str, self.classes)))
        if self.window is not None and not -math.inf < self.window[0] < self.window[1] < math.inf:
            raise InputError(f"data.window is {list(self.window)}: give two numbers, black and then white, the first the smaller one")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of(cls, data: Any) -> "DataSpec":
        """Return the images that a configuration's section `data` describes."""
        return cls(data.source, **{name: getattr(data, name) for name in _FIELDS if name != "name"})

    def renamed(self, name_or_path: Any) -> "DataSpec":
        """Return another data set, which is read the same way and in full: all of its classes and images."""
        return replace(self.whole(), name=str(name_or_path), valid_share=None, place=None)

    def whole(self) -> "DataSpec":
        """Return the same data with all classes and all training images."""
        return replace(self, classes=None, per_class=None, labels=None, unlabelled=None, class_name=None, split="standard")

    def all_classes(self) -> "DataSpec":
        """Return the same data without `class_name`: what the runs of single classes have in common."""
        return replace(self, class_name=None)


_FIELDS = tuple(entry.name for entry in fields(DataSpec))
_HINTS = {**fields_of(Data), "image_size": Optional[ReadableSide]}  # readers take images that are too small to be learnt


@checked
def as_spec(data: Union[str, Path, DataSpec], **reading: Any) -> DataSpec:
    """Return a `DataSpec` as it is, and a name or path as the data set of that name. The fields in `reading` replace its own.

    Raises:
        InputError: a name in `reading` is no field.
    """
    for name in reading:
        if name not in _FIELDS:
            raise InputError(f"data has no setting {name}: {did_you_mean(name, _FIELDS, cutoff=0)}")
    spec = data if isinstance(data, DataSpec) else DataSpec(str(data))
    return replace(spec, **reading) if reading else spec
