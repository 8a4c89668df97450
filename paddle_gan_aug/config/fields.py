"""The types of settings with their ranges, and the base of all sections."""

from typing import Annotated, ClassVar, List, Literal, Optional

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Many = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]  # images that are held at a time
Pictured = Annotated[int, msgspec.Meta(ge=1, le=10_000)]  # images in one picture
Checked = Annotated[int, msgspec.Meta(ge=8, le=10_000)]  # images of one check
Latents = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Rate = Annotated[float, msgspec.Meta(gt=0)]
Side = Annotated[int, msgspec.Meta(ge=8, le=1024)]
ReadableSide = Annotated[int, msgspec.Meta(ge=1, le=1024)]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Fraction = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Policy = Literal["auto", "digits", "objects", "mirrored"]
Blocks = Annotated[int, msgspec.Meta(ge=1, le=64)]
Width = Annotated[float, msgspec.Meta(gt=0, le=8)]
InitStd = Optional[Annotated[float, msgspec.Meta(gt=0)]]
Weight = Annotated[float, msgspec.Meta(ge=0)]
Window = Annotated[List[float], msgspec.Meta(min_length=2, max_length=2)]
Grey = Annotated[int, msgspec.Meta(ge=0, le=255)]


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: an unknown key is an error."""

    hyperparameters: ClassVar[bool] = True  # whether the records list its settings as hyperparameters of a run
