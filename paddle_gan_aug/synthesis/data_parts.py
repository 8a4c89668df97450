"""The parts of one data set, each of them read once."""

from typing import Dict, Optional, Tuple

from ..data import DataSpec, LabelledImages, load
from ..errors import NoSuchPart


class DataParts:
    """The parts of a data set, which are read when they are first asked for.

    Args:
        spec: the data set.
    """

    def __init__(self, spec: DataSpec) -> None:
        self.spec = spec
        self._read: Dict[Tuple[str, str], LabelledImages] = {}

    def read(self, part: str, split: Optional[str] = None) -> LabelledImages:
        """One part, "train", "valid" or "test"; `split` replaces the split of the data set.

        Raises:
            InputError: as `load`.
        """
        key = (part, split or self.spec.split)
        if key not in self._read:
            self._read[key] = load(self.spec, part, split=key[1])
        return self._read[key]

    def find(self, part: str, split: Optional[str] = None) -> Optional[LabelledImages]:
        """`read`, or None if the data has no such part.

        Raises:
            InputError: the part is there, and damaged.
        """
        try:
            return self.read(part, split)
        except NoSuchPart:
            return None
