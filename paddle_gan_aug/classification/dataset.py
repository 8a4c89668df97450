"""Labelled images for Paddle's own `DataLoader`: an augmented set, or any other data, in somebody else's training loop."""

from ..data import load, to_network
from ..runtime import import_paddle

import_paddle()
from paddle.io import Dataset  # noqa: E402 - after the quiet import


class LabelledDataset(Dataset):
    """The images of a part of a data set.

    An item is (image float32 [C, H, W] in [-1, 1], label int64), or what `transform` makes of the uint8 image in place of the first.

    Args:
        source: name, path or `DataSpec`, as for `load`: a folder that `augment` wrote, for example. part: "train", "valid" or "test".
        split: "standard" or "full". transform: uint8 [C, H, W] -> anything that a `DataLoader` can batch; None = see above.

    Attributes:
        data: the `LabelledImages` (`data.class_names` say what the labels mean).

    Raises:
        InputError: as `load`.
    """

    def __init__(self, source="mnist", part="train", split="standard", transform=None):
        super().__init__()
        self.data = load(source, part, split=split)
        self.transform = transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        image = self.data.images[index]
        return (to_network(image) if self.transform is None else self.transform(image)), self.data.labels[index]
