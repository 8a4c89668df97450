"""Labelled images for Paddle's `DataLoader`: an augmented set, or any other data, in your own training loop."""

from typing import Any, Callable, Optional, Tuple, Union

import numpy as np

from ..data import DataSpec, load, to_network
from ..runtime import import_paddle

import_paddle()
from paddle.io import Dataset  # noqa: E402 - after the quiet import


class LabelledDataset(Dataset):
    """The images of a part of a data set, as a `paddle.io.Dataset`.

    An item is a pair: the image, float32 [C, H, W] in [-1, 1], and its label, int64. With `transform` the image is what that returns.

    Args:
        source: A name, a path or a `DataSpec`, as for `load`: for example a folder that `augment_data` wrote.
        part: "train", "valid" or "test".
        split: "standard" or "full"; None = that of the `DataSpec`, and "standard" of a name or path.
        transform: uint8 [C, H, W] -> anything that a `DataLoader` can batch; None gives the float image.

    Attributes:
        data: The `LabelledImages`; `data.class_names` says what the labels mean.

    Raises:
        InputError: As `load`.
    """

    def __init__(
        self,
        source: Union[str, DataSpec] = "mnist",
        *,
        part: str = "train",
        split: Optional[str] = None,
        transform: Optional[Callable[[np.ndarray], Any]] = None,
    ) -> None:
        super().__init__()
        self.data = load(source, part, **({} if split is None else {"split": split}))
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Tuple[Any, np.int64]:
        image = self.data.images[index]
        return (to_network(image) if self.transform is None else self.transform(image)), self.data.labels[index]
