"""What to read and how, in one value that every command can pass on: two that are equal give the same images."""

import math
from dataclasses import dataclass, field, replace
from typing import Optional, Union

from ..errors import InputError


@dataclass(frozen=True)
class Source:
    """A data set by name or path, with the choices of the configuration's section `data` that decide what its images are.

    `str(source)` is the name or path, which is what messages and results call it.
    """

    name: str = "mnist"
    image_size: Optional[int] = None  # resize and crop to this; None: as they are
    channels: Optional[int] = None  # 1 grey, 3 colour; None: as they are
    skip_bad: bool = False  # leave unusable files out
    valid_share: Optional[float] = None  # of the training images, stratified; None: a sixth
    seed: int = 0  # of that split, and of the images chosen by `per_class`
    classes: Optional[tuple] = None  # these alone, see `images.class_index`; None: all
    per_class: Optional[int] = None  # so many training images of each class; None: all
    window: Optional[tuple] = None  # (black, white): the values in the files that become 0 and 255; None: told from the values
    background: Union[str, int, None] = None  # transparent pictures are laid on it: "white", "black" or a grey from 0 to 255
    fit: str = "crop"  # how pictures become square at `image_size`: "crop", "pad" or "stretch"
    place: Optional[str] = field(default=None, compare=False)  # where a run found it, an absolute path; None: look for the name

    def __post_init__(self):
        object.__setattr__(self, "window", None if self.window is None else tuple(self.window))
        if self.window is not None and not -math.inf < self.window[0] < self.window[1] < math.inf:
            raise InputError(f"data.window is {list(self.window)}: give two numbers, black and then white, the first the smaller one")

    def __str__(self):
        return self.name

    @classmethod
    def of(cls, data):
        """The source that a configuration's section `data` describes."""
        classes = None if data.classes is None else tuple(map(str, data.classes))
        same = ("image_size", "channels", "skip_bad", "valid_share", "seed", "per_class", "window", "background", "fit", "place")
        return cls(data.source, classes=classes, **{name: getattr(data, name) for name in same})

    def renamed(self, name_or_path):
        """Another data set, read the same way and in full: all of its classes and images."""
        return replace(self, name=str(name_or_path), valid_share=None, classes=None, per_class=None, place=None)

    def whole(self):
        """The same with all classes and all training images: what a measuring instrument may learn from."""
        return replace(self, classes=None, per_class=None)


def as_source(source):
    """A `Source` as it is; a name or path as the source of that name."""
    return source if isinstance(source, Source) else Source(str(source))
