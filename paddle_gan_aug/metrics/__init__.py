"""Measures of images and of their features, as pure functions of arrays. They know no run, no file and no network.

Loaded on first use: scikit-learn and SciPy's statistics take a second to import, and training needs none of them.
"""

import importlib

_PUBLIC = {
    "accuracy": "classification",
    "class_histogram": "classification",
    "class_shares": "classification",
    "closeness_to_training": "memorisation",
    "code_accuracy": "classification",
    "confident_share": "classification",
    "confusion_matrix": "classification",
    "duplicate_share": "memorisation",
    "first_occurrences": "diversity",
    "frechet_distance": "frechet",
    "frechet_from_moments": "frechet",
    "histogram_divergence": "classification",
    "inception_score": "inception",
    "kernel_distance": "kid",
    "mean_pairwise_distance": "diversity",
    "nearness": "memorisation",
    "precision_recall_density_coverage": "prdc",
    "repeated_share": "diversity",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__():
    return sorted([*globals(), *_PUBLIC])
