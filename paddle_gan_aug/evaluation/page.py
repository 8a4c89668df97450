"""The page of an evaluation: the numbers, and pictures that show what they mean."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any, Dict

import numpy as np

from ..data import LabelledImages
from ..files import atomic_write, write_json
from ..metrics.classification import class_histogram
from ..metrics.sides import LEARNT, ImageSide
from ..pictures import class_histogram_figure, grid, optional_picture, paired_grid, save_png, scatter_figure
from .reference import Reference
from .result import rows_of, summary

SHOWN = 160  # samples in a sheet
NEIGHBOURS = 48  # samples shown beside their nearest training images
PLOTTED = 2000  # images of each set in a scatter plot
CAPTIONS = {
    "samples.png": "The first generated images, not chosen.",
    "neighbours.png": "Generated images, and below each the nearest training image in features. They should be alike but not the same.",
    "classes.png": "How often each class comes, beside the labels of the real images.",
    "pca.png": "Real and generated images in the first two principal components of the real features.",
    "tsne.png": "The same features by t-SNE: near means alike, far means little.",
}


def draw_page(
    folder: Path, result: Dict[str, Any], generated: ImageSide, reference: Reference, *, tsne: bool = False, title: str = ""
) -> Path:
    """Write evaluation.json, the pictures and index.html into `folder`.

    Args:
        result: of `evaluate_images`. generated: what was measured, as the reference's network reads it.
        reference: what they were measured against. tsne: draw that plot too.

    Returns:
        The path of index.html.
    """
    images, shown = generated.images, min(PLOTTED, len(generated), len(reference.images))
    fake, real = generated.features[:shown], reference.images.features[:shown]
    write_json(folder / "evaluation.json", result)
    with optional_picture(folder / "samples.png") as path:
        save_png(path, grid(images[:SHOWN]))
    with optional_picture(folder / "neighbours.png") as path:
        save_png(path, _neighbours(generated, reference))
    if "class_histogram" in result:
        with optional_picture(folder / "classes.png") as path:
            shares = {"generated": result["class_histogram"]["shares"], "real": _shares(reference.real.reference)}
            class_histogram_figure(path, shares, "share of each class, as the feature network reads it")
    if shown > 1:  # a plane needs two images of each set
        with optional_picture(folder / "pca.png") as path:
            scatter_figure(path, _principal_components(real, fake), "features: principal components")
    if tsne and shown > 1:
        with optional_picture(folder / "tsne.png") as path:
            scatter_figure(path, _tsne(real, fake), "features: t-SNE")
    with atomic_write(folder / "index.html", "w") as file:
        file.write(_page(title, result, {name: text for name, text in CAPTIONS.items() if (folder / name).exists()}))
    return folder / "index.html"


def _neighbours(generated: ImageSide, reference: Reference) -> np.ndarray:
    """A sheet: rows of the first samples, each row above a row of their nearest training images."""
    from sklearn.neighbors import NearestNeighbors

    training = reference.training.some(LEARNT, LEARNT)
    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(training.features)
    nearest = index.kneighbors(generated.features[:NEIGHBOURS], return_distance=False)[:, 0]
    return paired_grid(generated.images[:NEIGHBOURS], training.images[nearest])


def _shares(real: LabelledImages) -> Dict[str, float]:
    return dict(zip(real.class_names, class_histogram(real.labels, len(real.class_names)).tolist()))


def _principal_components(real: np.ndarray, fake: np.ndarray) -> Dict[str, np.ndarray]:
    from sklearn.decomposition import PCA

    components = PCA(2, svd_solver="full").fit(real)
    return {"real": components.transform(real), "generated": components.transform(fake)}


def _tsne(real: np.ndarray, fake: np.ndarray) -> Dict[str, np.ndarray]:
    from sklearn.manifold import TSNE

    half = PLOTTED // 2
    real, fake = real[:half], fake[:half]
    points = np.concatenate([real, fake])
    places = TSNE(2, init="pca", perplexity=min(30, (len(points) - 1) / 3), random_state=0).fit_transform(points)
    return {"real": places[: len(real)], "generated": places[len(real) :]}


def _page(title: str, result: Dict[str, Any], captions: Dict[str, str]) -> str:
    cells = "".join(f"<tr><td>{'</td><td>'.join(map(html.escape, row))}</td></tr>" for row in rows_of(result))
    figure = '<figure><img src="{}" alt=""><figcaption>{}</figcaption></figure>'
    shown = "".join(figure.format(name, html.escape(text)) for name, text in captions.items())
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2em auto; padding: 0 1em; color: #222; }}
table {{ border-collapse: collapse; }} td, th {{ padding: .2em 1em .2em 0; text-align: left; border-bottom: 1px solid #ddd; }}
img {{ max-width: 100%; image-rendering: pixelated; }} figure {{ margin: 2em 0; }} figcaption {{ color: #555; }}
</style>
<h1>{html.escape(title)}</h1>
<p>{html.escape(summary(result))}</p>
<table><tr><th>metric</th><th>value</th><th>real floor</th><th>what it says</th></tr>{cells}</table>
{shown}
</html>
"""
