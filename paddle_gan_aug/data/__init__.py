"""Labelled images: reading them from what the user has, splitting them, and making batches. NumPy and Pillow, no Paddle."""

from . import cache
from .batches import Batch, Batches
from .few_labels import PartlyLabelledBatches, load_unlabelled, without_labels
from .idx import idx_file_names, is_idx_folder, read_idx, read_idx_folder, write_idx
from .image_files import read_image_set, read_images
from .image_set import ImageSet
from .images import LabelledImages, concatenate, to_network, to_uint8
from .json_gz import read_mnist_json, write_mnist_json
from .load import PARTS, load, load_test, narrow, test_part
from .mixed_batches import MixedBatches, Pretraining, balanced_weights, oversampled
from .overlap import check_overlap
from .pieces import in_pieces
from .readers import READERS, Reader
from .spec import DataSpec, as_spec
from .splits import SPLITS, few_of_each_class, hold_out, keep_labels, select, stratified

__all__ = [
    "PARTS",
    "READERS",
    "SPLITS",
    "Batch",
    "Batches",
    "DataSpec",
    "ImageSet",
    "LabelledImages",
    "MixedBatches",
    "PartlyLabelledBatches",
    "Reader",
    "as_spec",
    "balanced_weights",
    "cache",
    "oversampled",
    "Pretraining",
    "check_overlap",
    "concatenate",
    "few_of_each_class",
    "hold_out",
    "idx_file_names",
    "is_idx_folder",
    "in_pieces",
    "keep_labels",
    "load",
    "load_test",
    "load_unlabelled",
    "narrow",
    "read_idx",
    "read_idx_folder",
    "read_image_set",
    "read_images",
    "read_mnist_json",
    "select",
    "stratified",
    "test_part",
    "to_network",
    "to_uint8",
    "without_labels",
    "write_idx",
    "write_mnist_json",
]
