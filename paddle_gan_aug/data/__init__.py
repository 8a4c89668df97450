"""Labelled images: read from whatever the user has, split honestly, and dealt out in batches. NumPy only, no Paddle."""

from .batches import Batch, Batches, iterate
from .few_labels import PartlyLabelledBatches, UnlabelledImages, unlabelled_images
from .idx import idx_file_names, is_idx_folder, read_idx, read_idx_folder, write_idx
from .image_files import read_images
from .images import LabelledImages, concatenate, to_network, to_uint8
from .json_gz import read_mnist_json, write_mnist_json
from .load import MODES, READERS, load, load_test
from .mixed_batches import MixedBatches, balanced_weights
from .source import Source, as_source
from .splits import SPLITS, few_of_each_class, hold_out, keep_labels, select, stratified

__all__ = [
    "MODES",
    "READERS",
    "SPLITS",
    "Batch",
    "Batches",
    "LabelledImages",
    "MixedBatches",
    "PartlyLabelledBatches",
    "Source",
    "UnlabelledImages",
    "as_source",
    "balanced_weights",
    "concatenate",
    "few_of_each_class",
    "hold_out",
    "idx_file_names",
    "is_idx_folder",
    "iterate",
    "keep_labels",
    "load",
    "load_test",
    "read_idx",
    "read_idx_folder",
    "read_images",
    "read_mnist_json",
    "select",
    "stratified",
    "to_network",
    "to_uint8",
    "unlabelled_images",
    "write_idx",
    "write_mnist_json",
]
