"""What to read and how, in one value that every command can pass on: two that are equal give the same images."""

from dataclasses import dataclass, replace
from typing import Optional


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
    seed: int = 0  # of that split, and of the images chosen by `per_class` and `labels`
    classes: Optional[tuple] = None  # these alone, by name or index; None: all
    per_class: Optional[int] = None  # so many training images of each class; None: all
    labels: Optional[int] = None  # so many labelled training images in all, equally many of each class; None: all are

    def __str__(self):
        return self.name

    @classmethod
    def of(cls, data):
        """The source that a configuration's section `data` describes."""
        classes = None if data.classes is None else tuple(data.classes)
        same = ("image_size", "channels", "skip_bad", "valid_share", "seed", "per_class", "labels")
        return cls(data.source, classes=classes, **{name: getattr(data, name) for name in same})

    def renamed(self, name_or_path):
        """Another data set, read the same way and in full: all of its classes and images."""
        return replace(self, name=str(name_or_path), valid_share=None, classes=None, per_class=None, labels=None)

    def whole(self):
        """The same with all classes and all training images: what a measuring instrument may learn from."""
        return replace(self, classes=None, per_class=None, labels=None)


def as_source(source):
    """A `Source` as it is; a name or path as the source of that name."""
    return source if isinstance(source, Source) else Source(str(source))
