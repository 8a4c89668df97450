"""Labelled images: read from whatever the user has, split honestly, and dealt out in batches. NumPy only, no Paddle."""

from .batches import Batch, Batches, iterate
from .idx import idx_file_names, is_idx_folder, read_idx, read_idx_folder, write_idx
from .image_files import read_images
from .images import LabelledImages, concatenate, to_network, to_uint8
from .json_gz import read_mnist_json, write_mnist_json
from .load import PARTS, READERS, load, load_test, test_part
from .mixed_batches import MixedBatches, Pretraining, balanced_weights, oversampled
from .overlap import check_overlap
from .spec import DataSpec, as_spec
from .splits import SPLITS, few_of_each_class, hold_out, select, stratified

__all__ = [
    "PARTS",
    "READERS",
    "SPLITS",
    "Batch",
    "Batches",
    "LabelledImages",
    "MixedBatches",
    "DataSpec",
    "as_spec",
    "balanced_weights",
    "oversampled",
    "Pretraining",
    "check_overlap",
    "concatenate",
    "few_of_each_class",
    "hold_out",
    "idx_file_names",
    "is_idx_folder",
    "iterate",
    "load",
    "load_test",
    "read_idx",
    "read_idx_folder",
    "read_images",
    "read_mnist_json",
    "select",
    "stratified",
    "test_part",
    "to_network",
    "to_uint8",
    "write_idx",
    "write_mnist_json",
]
