"""How good generated images are: of a run, or of files. The numbers, and a page of pictures that shows what they mean."""

import html
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import runtime
from ..console import listed
from ..data import DataSpec, load, read_images, to_uint8
from ..errors import InputError
from ..evaluation.feature_network import feature_network, read_real
from ..evaluation.measure import METRICS, check_measurable, evaluate_images
from ..files import atomic_write, make_folder, write_json
from ..pictures import class_histogram_figure, grid, optional_picture, paired_grid, save_png, scatter_figure
from .opened import open_run
from .places import is_run, unused_folder

COUNT = 10_000  # images that are drawn from a run
NEIGHBOURS = 48  # samples shown beside their nearest training images
PLOTTED = 2000  # images of each set in a scatter plot
BETTER = {  # which way is better
    **dict.fromkeys(("frechet", "kid", "class_histogram"), "↓"),
    **dict.fromkeys(("inception_score", "precision", "recall", "density", "coverage", "diversity", "classifier_accuracy_score"), "↑"),
    "memorisation": "(0.5 or less)",
}
SAYS = {  # what a metric tells, in a few words
    "frechet": "how far all samples' features are from all real ones', in mean and covariance",
    "kid": "the same question, unbiased: 0 for equal sets",
    "inception_score": "does each sample look like one class, and do all classes come",
    "precision": "the share of samples that lie where real images are",
    "recall": "the share of real images that lie where samples are",
    "density": "how deep the samples lie among real images",
    "coverage": "the share of real images that have a sample near them",
    "class_histogram": "how far the classes' shares are from the real ones, in nats",
    "diversity": "the mean distance of two samples; 1: as of two real images",
    "memorisation": "0.5: no nearer to training images than unseen real images are; 1: copies of them",
    "classifier_accuracy_score": "what a classifier that learnt from the samples alone reads right of the real images",
}


def evaluate(
    run_or_images,
    data=None,
    part="test",
    count=None,
    seed=0,
    checkpoint="last",
    to=None,
    classifier_accuracy_score=False,
    tsne=False,
    device="auto",
    threads=0,
    image_size=None,
    channels=None,
    skip_bad=False,
    quiet=False,
    allow_overlap=False,
):
    """Measure a run's images, or images in files, against real ones, and draw a page of pictures.

    Args:
        run_or_images: a run's folder or name, a folder of images, or an .npz file.
        data: the real data; None = what the run learnt, or mnist.
        part: "test" (test images) or "valid" (validation images, for any choice).
        count: how many images; None = 10,000 of a run, all of a file's.
        seed: of the latents and of all random choices.
        checkpoint: of the run: "last", "best" or a step.
        to: the folder of the page; None = report/evaluation-<step> in the run's folder, and no page for files.
        classifier_accuracy_score: train a classifier on the images and test it on the reference: needs labels, takes minutes.
        tsne: a t-SNE plot beside the one of principal components: takes a minute.
        image_size, channels, skip_bad: how files are read, see `data.DataSpec`; None = as the run read its data.
        quiet: say nothing on the way.
        allow_overlap: go on where test images are training images of the data, see `data.check_overlap`.

    Returns:
        The dict of `evaluate_images` and the path of the page, or None.

    Raises:
        InputError: no such run, images or data; images that do not fit the data, or too few. RunFailed: the run has failed.
    """
    runtime.check_seed(seed)
    if to and Path(to).expanduser().exists() and (not Path(to).expanduser().is_dir() or any(Path(to).expanduser().iterdir())):
        raise InputError(f"--to {to} is not empty: nothing is overwritten; choose an empty or new folder")
    say = (lambda _: None) if quiet else (lambda text: print(text, file=sys.stderr, flush=True))
    runtime.start(device, threads or None)
    reading = {"image_size": image_size, "channels": channels, "skip_bad": skip_bad}
    images, labels, real, folder = _images_of(
        run_or_images, data, part, count, seed, checkpoint, device, threads, reading, say, allow_overlap
    )
    network = feature_network(real.whole(), quiet)
    say(f"measuring {count or len(images)} images; 10,000 take about half a minute")
    result = evaluate_images(
        images,
        real,
        part=part,
        seed=seed,
        count=None if count is None else min(count, len(images)),
        labels=labels,
        feature_network=network,
        classifier_accuracy_score=classifier_accuracy_score,
    )
    if to is None and folder is None:
        return result, None
    say("drawing the page")
    to = Path(to).expanduser() if to else unused_folder(folder.parent, folder.name)
    return result, draw_page(make_folder(to), result, images[: result["count"]], real, network, part, tsne, title=str(run_or_images))


def _images_of(run_or_images, data, part, count, seed, checkpoint, device, threads, reading, say, allow_overlap):
    """(images, labels or None, where the real ones are, the page's folder or None)."""
    if not is_run(run_or_images):
        if count is not None and count < 1:
            raise InputError(f"--count {count}: ask for at least one image")
        images, labels, names = read_images(run_or_images, **reading)
        source = DataSpec(str(data or "mnist"), **reading)
        check_measurable(images.shape[1:], len(images), source, part, allow_overlap=allow_overlap)
        return images, _as_real_classes(labels, names, source), source, None
    opened = open_run(run_or_images, checkpoint=checkpoint, device=device, threads=threads)
    if not opened.algorithm.makes_images:
        raise InputError(f"run {opened.folder} makes no images: it trained the algorithm {opened.config.algorithm}")
    learnt = opened.config.data
    source = DataSpec.of(learnt)
    if data:
        source = replace(source.renamed(data), class_name=learnt.class_name, split=learnt.split)
    source = replace(source, **{name: value for name, value in reading.items() if value})
    check_measurable(opened.state["image_shape"], count or COUNT, source, part, allow_overlap or learnt.allow_overlap)
    say(f"drawing {count or COUNT} images from {opened.folder}, step {opened.step}")
    images = to_uint8(opened.algorithm.sample(count or COUNT, runtime.rng(seed, "evaluation")))
    labels = opened.algorithm.default_labels(len(images))
    return images, labels, source, opened.folder / "report" / f"evaluation-{opened.step}"


def _as_real_classes(labels, names, source):
    """Labels as indices into the real data's class names, which a folder's classes may name in another order, or some of them."""
    if labels is None:
        return None
    real = load(source, "train").class_names
    unknown = [name for name in names if name not in real]
    if unknown:
        raise InputError(f"the images have a class {unknown[0]} that {source} has not; it has {listed(real)}")
    return np.array([real.index(name) for name in names], dtype=np.int64)[labels]


def draw_page(folder, result, images, real, network, part, tsne=False, title=""):
    """Write evaluation.json, the pictures and index.html into `folder`; returns the path of the page.

    Args:
        result: of `evaluate_images`. images: uint8 [N, C, H, W], what was measured.
        real: the `DataSpec` of the images that they are measured against.
        network: the feature network. part: the reference. tsne: draw that plot too.
    """
    training, reference = load(real, "train"), load(real, part)
    shown = min(PLOTTED, len(images), len(reference))
    fake, genuine = network.read(images[:shown])[0], read_real(network, reference)[0][:shown]
    write_json(folder / "evaluation.json", result)
    with optional_picture(folder / "samples.png") as path:
        save_png(path, grid(images[:160]))
    with optional_picture(folder / "neighbours.png") as path:
        save_png(path, _neighbours(images[:NEIGHBOURS], training, network))
    shares = {"generated": result["class_histogram"]["shares"], "real": _shares(reference)}
    with optional_picture(folder / "classes.png") as path:
        class_histogram_figure(path, shares, "share of each class, as the feature network reads it")
    pictures = {
        "samples.png": "The first samples, not chosen.",
        "neighbours.png": "Samples, and below each the nearest training image in features: alike but not the same is what one hopes for.",
        "classes.png": "How often each class comes, beside the labels of the real images.",
        "pca.png": "Real and generated images in the first two principal components of the real features.",
    }
    if shown > 1:  # a plane needs two images of each set
        with optional_picture(folder / "pca.png") as path:
            scatter_figure(path, _principal_components(genuine, fake), "features: principal components")
    if tsne and shown > 1:
        with optional_picture(folder / "tsne.png") as path:
            scatter_figure(path, _tsne(genuine, fake), "features: t-SNE")
        pictures["tsne.png"] = "The same features by t-SNE: near means alike, far means little."
    pictures = {name: text for name, text in pictures.items() if (folder / name).exists()}
    with atomic_write(folder / "index.html", "w") as file:
        file.write(_page(title, result, pictures))
    return folder / "index.html"


def _neighbours(images, training, network):
    """A sheet: rows of samples, each row above a row of their nearest training images."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(read_real(network, training)[0])
    nearest = training.images[index.kneighbors(network.read(images)[0], return_distance=False)[:, 0]]
    return paired_grid(images, nearest)


def _shares(labelled):
    counts = np.bincount(labelled.labels, minlength=len(labelled.class_names)) / len(labelled)
    return dict(zip(labelled.class_names, counts.tolist()))


def _principal_components(real, fake):
    from sklearn.decomposition import PCA

    components = PCA(2, svd_solver="full").fit(real)
    return {"real": components.transform(real), "generated": components.transform(fake)}


def _tsne(real, fake):
    from sklearn.manifold import TSNE

    half = PLOTTED // 2
    real, fake = real[:half], fake[:half]
    points = np.concatenate([real, fake])
    places = TSNE(2, init="pca", perplexity=min(30, (len(points) - 1) / 3), random_state=0).fit_transform(points)
    return {"real": places[: len(real)], "generated": places[len(real) :]}


# ---- as text -----------------------------------------------------------------------------------------------------------


def rows_of(result):
    """The metrics of a result as rows of text: (name, value with its error, floor, what it tells)."""
    rows = []
    for name in METRICS:
        if name in result:
            entry = result[name]
            error = f" ± {entry['error']:.4g}" if entry.get("error") is not None else ""
            title = f"{name.replace('_', ' ')} {BETTER[name]}".rstrip()
            says = f"not measured: {entry['why']}" if "why" in entry else SAYS[name]
            rows.append((title, _number(entry["value"]) + error, _number(entry.get("floor")), says))
    memorisation = result["memorisation"]
    if memorisation["value"] is not None:
        copied = "copied" if memorisation["copied"] else "no sign of copying"
        told = f"{copied} (p = {_number(memorisation['p_value'])})"
        rows.append(("memorisation test", told, "–", "whether it is above 0.5 by more than chance: p < 0.001"))
        near, floor = memorisation["near_duplicates"], memorisation.get("near_floor", 0.001)
        rows.append(("near duplicates", f"{100 * near:.2f} %", f"{100 * floor:.2g} %", "samples that are nearly a training image"))
    rows.append(("exact duplicates", f"{100 * memorisation['exact_duplicates']:.2f} %", "0 %", "samples that are a training image"))
    return rows


def _number(value):
    return "–" if value is None else f"{value:.4g}"


def summary(result):
    """What the numbers stand on, in a line."""
    network, reference = result["feature_network"], result["reference"]
    accuracy = "unknown" if network["accuracy"] is None else f"{100 * network['accuracy']:.2f} %"
    of_class = f", class {reference['class_name']}" if reference["class_name"] else ""
    kind = {"test": "test", "valid": "validation"}[reference["part"]]
    return (
        f"{result['count']} images against {reference['count']} {kind} images of {reference['source']}{of_class}; "
        f"features of {network['name']} (accuracy {accuracy}); floor: {result['floor_count']} real training images in their place"
    )


def table(result):
    """The result as a table for a terminal."""
    rows = [("metric", "value", "real floor"), *(row[:3] for row in rows_of(result))]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([summary(result), *lines, *(f"not measured: {', '.join(names)}: {why}" for why, names in _missing(result).items())])


def _missing(result):
    """{why: [metrics that could not be measured for that]}."""
    missing = {}
    for name in METRICS:
        if "why" in result.get(name, {}):
            missing.setdefault(result[name]["why"], []).append(name)
    return missing


def _page(title, result, pictures):
    cells = "".join(f"<tr><td>{'</td><td>'.join(map(html.escape, row))}</td></tr>" for row in rows_of(result))
    figure = '<figure><img src="{}" alt=""><figcaption>{}</figcaption></figure>'
    shown = "".join(figure.format(name, html.escape(text)) for name, text in pictures.items())
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2em auto; padding: 0 1em; color: #222; }}
table {{ border-collapse: collapse; }} td, th {{ padding: .2em 1em .2em 0; text-align: left; border-bottom: 1px solid #ddd; }}
img {{ max-width: 100%; image-rendering: pixelated; }} figure {{ margin: 2em 0; }} figcaption {{ color: #555; }}
</style>
<h1>{html.escape(title)}</h1>
<p>{html.escape(summary(result))}</p>
<table><tr><th>metric</th><th>value</th><th>real floor</th><th>what it tells</th></tr>{cells}</table>
{shown}
</html>
"""
