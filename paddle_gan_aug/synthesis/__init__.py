"""From trained runs to labelled, filtered sets of images on disk."""

from .augment import augment_data
from .draw import draw_set
from .generate import Filters, generate
from .learning import classify
from .preview import preview
from .vary import vary

__all__ = ["Filters", "augment_data", "classify", "draw_set", "generate", "preview", "vary"]
