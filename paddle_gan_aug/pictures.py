"""Pictures: every grid, sheet and figure of the project is made here. The same input gives the same PNG bytes.

NumPy arranges the images; Pillow and Matplotlib are imported only when a file is written. Figures are drawn without pyplot,
so nothing here touches a notebook's figures or back end.
"""

from __future__ import annotations

import contextlib
import math
import sys
import textwrap
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence, Tuple, Union

import numpy as np

from .errors import InputError
from .files import atomic_write, regular
from .fonts import LETTER, class_labels, drawable, escaped, fonts_of

PathLike = Union[str, Path]

DOTS_PER_INCH = 100
GRID_WIDTH = 900  # pixels: a titled grid enlarges small images by a whole factor to about this width ...
LARGEST_FACTOR = 4  # ... but never by more than this
CAPTIONED_WIDTH, CAPTION_LINE = 84, 13  # pixels, of an image with a text below it and of a line of the text
READABLE_CLASSES = 30  # a confusion matrix with more classes leaves its zero cells blank
LARGEST_SIDE = 2600  # pixels, of a figure with a place for each class, without its margins; more classes get smaller places
LABEL_HEIGHT, BAR_WIDTH = 12, 44  # pixels, between the names of neighbouring classes: where there is less, some are left out


def as_rgb(image: np.ndarray) -> np.ndarray:
    """A new uint8 array [H, W, 3] of one uint8 image: grey [H, W], [H, W, 1] or [1, H, W], or colour [H, W, 3] or [3, H, W].

    Raises:
        ValueError: another dtype or shape.
    """
    image = _checked(image)
    if image.ndim == 3 and image.shape[2] not in (1, 3):
        image = image.transpose(1, 2, 0)
    if image.ndim == 2:
        image = image[:, :, None]
    return np.array(np.broadcast_to(image, (*image.shape[:2], 3)))


def _checked(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.dtype != np.uint8:
        raise ValueError(f"an image must be uint8, got {image.dtype}")
    channels = image.ndim == 2 or (image.ndim == 3 and (image.shape[2] in (1, 3) or image.shape[0] in (1, 3)))
    if not channels or image.size == 0:
        raise ValueError(f"an image must be [H, W], or have 1 or 3 channels first or last; got shape {list(image.shape)}")
    return image


def grid(images: np.ndarray, columns: int = 16, padding: int = 0, background: int = 0) -> np.ndarray:
    """Lay images out row by row.

    Args:
        images: uint8 [N, C, H, W], C = 1 (tripled) or 3, N >= 1.
        columns: images per row; fewer than that make one narrower row.
        padding: pixels between neighbours (none around the edge).
        background: grey level 0..255 of the padding and of the empty places in the last row.

    Returns:
        uint8 [H', W', 3].

    Raises:
        ValueError: another dtype or shape, or no column.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3) or images.size == 0:
        raise ValueError(f"images must be uint8 [N, 1 or 3, H, W] with N >= 1, got {images.dtype} {list(images.shape)}")
    if columns < 1 or padding < 0:
        raise ValueError(f"columns must be at least 1 and padding at least 0, got {columns} and {padding}")
    count, _, height, width = images.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    # every cell carries its padding below and to the right; the last ones are trimmed off again
    cells = np.full((rows * columns, height + padding, width + padding, 3), background, np.uint8)
    cells[:count, :height, :width] = images.transpose(0, 2, 3, 1)
    sheet = cells.reshape(rows, columns, height + padding, width + padding, 3).swapaxes(1, 2)
    sheet = sheet.reshape(rows * (height + padding), columns * (width + padding), 3)
    return np.ascontiguousarray(sheet[: sheet.shape[0] - padding, : sheet.shape[1] - padding])


def paired_grid(above: np.ndarray, below: np.ndarray, columns: int = 16) -> np.ndarray:
    """Lay images out in pairs of rows: some images, and below each the one that belongs to it.

    Args:
        above, below: uint8 [N, C, H, W] each, as for `grid`.

    Returns:
        uint8 [H', W', 3].

    Raises:
        ValueError: as `grid`; the two differ in shape.
    """
    if np.shape(above) != np.shape(below):
        raise ValueError(f"images in pairs must have one shape, got {list(np.shape(above))} and {list(np.shape(below))}")
    columns = min(columns, len(above))
    rows = []
    for start in range(0, len(above), columns):
        for images in (above[start : start + columns], below[start : start + columns]):
            rows.append(np.pad(images, [(0, columns - len(images)), (0, 0), (0, 0), (0, 0)]))
    return grid(np.concatenate(rows), columns, padding=1, background=96)


def save_png(path: PathLike, image: np.ndarray) -> None:
    """Write a uint8 [H, W] or [H, W, C] image (C = 1 or 3) as PNG, whole or not at all. The folder must exist.

    Raises:
        ValueError: another dtype or shape.
    """
    from PIL import Image

    image = _checked(image)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.ndim == 3 and image.shape[2] != 3:
        raise ValueError(f"save_png takes channels last, got shape {list(image.shape)}")
    with atomic_write(path) as file:
        Image.fromarray(np.ascontiguousarray(image)).save(file, format="PNG", compress_level=6)


def read_png(path: PathLike) -> np.ndarray:
    """Read a PNG file as uint8 [C, H, W]: C = 1 for grey and black-and-white files, else 3.

    Transparency is dropped, and 16 bits become 8.

    Raises:
        InputError: the file is missing, unreadable, or no PNG.
    """
    from PIL import Image

    try:
        with Image.open(regular(path), formats=["PNG"]) as image:
            if image.mode.startswith("I"):
                return (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)[None]
            grey = image.mode in ("1", "L", "LA")
            pixels = np.asarray(image.convert("L" if grey else "RGB"))
    except FileNotFoundError:
        raise InputError(f"no such image: {path}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"cannot read {path} as a PNG image: {error}") from None
    return np.array(pixels[None] if grey else pixels.transpose(2, 0, 1))


def enlarged(sheet: np.ndarray) -> np.ndarray:
    """A sheet, uint8 [H, W] or [H, W, C], enlarged by a whole factor to about `GRID_WIDTH` pixels, at most `LARGEST_FACTOR` times."""
    factor = _factor(sheet)
    return sheet.repeat(factor, axis=0).repeat(factor, axis=1)


def _factor(sheet: np.ndarray) -> int:
    return min(LARGEST_FACTOR, max(1, round(GRID_WIDTH / sheet.shape[1])))


def titled_grid(path: PathLike, images: np.ndarray, title: str, columns: int = 16) -> None:
    """Write `images` (uint8 [N, C, H, W], as for `grid`) under a title as PNG, small ones enlarged by a whole factor, unblurred."""
    sheet = grid(images, columns)
    factor = _factor(sheet)
    height, width = sheet.shape[0] * factor, sheet.shape[1] * factor
    # each pixel of the sheet falls on exactly factor x factor pixels of the file
    figure, axes = _titled_axes(width, height, max(10, (300 - width) // 2), 10, title)
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    _save(figure, path)


def captioned_grid(path: PathLike, images: np.ndarray, captions: Sequence[str], columns: int = 8) -> None:
    """Write images as PNG, each with a line or two of text below it, small ones enlarged by a whole factor, unblurred.

    Args:
        images: uint8 [N, C, H, W], C = 1 or 3, N >= 1.
        captions: N strings; newlines part their lines.
    """
    from PIL import Image, ImageDraw

    factor = max(1, CAPTIONED_WIDTH // images.shape[3])
    height, width = images.shape[2] * factor, images.shape[3] * factor
    font, captions = _caption_font(captions)
    lines = max(caption.count("\n") + 1 for caption in captions)
    cells = np.full((len(images), height + 4 + CAPTION_LINE * lines, width, 3), 255, np.uint8)
    for cell, image, caption in zip(cells, images, captions):
        cell[:height] = as_rgb(image).repeat(factor, axis=0).repeat(factor, axis=1)
        text = Image.fromarray(cell)
        ImageDraw.Draw(text).multiline_text((2, height + 2), caption, fill=(0, 0, 0), font=font, spacing=2)
        cell[:] = np.asarray(text)
    save_png(path, grid(cells.transpose(0, 3, 1, 2), columns, padding=8, background=255))


def _caption_font(captions: Sequence[str]) -> Tuple[Any, Sequence[str]]:
    """Pillow's own font, or for other letters than ASCII one that has them, and the captions as it can draw them."""
    from PIL import ImageFont

    if all(map(str.isascii, captions)):
        return ImageFont.load_default(), captions
    from matplotlib import font_manager

    captions = [escaped(caption) for caption in captions]
    return ImageFont.truetype(font_manager.findfont(fonts_of("".join(captions))[-1]), 10), captions


def confusion_matrix_figure(path: PathLike, matrix: np.ndarray, class_names: Sequence[str], title: str) -> None:
    """Write a confusion matrix as PNG: the count in every cell, each row shaded by its shares so that rare classes show too.

    Args:
        path: the file to write; its folder must exist.
        matrix: integers [K, K], rows = true class, columns = predicted class.
        class_names: K names.
        title: shown above the figure.

    Raises:
        ValueError: the matrix is not square or the names do not fit it.
    """
    matrix = np.asarray(matrix)
    count = len(class_names)
    if matrix.shape != (count, count) or count == 0 or not np.issubdtype(matrix.dtype, np.integer):
        raise ValueError(f"matrix must be integers [{count}, {count}] for {count} class names, got {matrix.dtype} {list(matrix.shape)}")
    cell = max(26, 9 * len(str(matrix.max())) + 10)  # pixels that the widest count needs
    counted = count * cell <= LARGEST_SIDE
    side = min(max(count * cell, 260), LARGEST_SIDE)
    names, longest = class_labels(class_names)
    figure, axes = _titled_axes(side, side, longest + 60, longest + 60, title)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    shown = range(0, count, math.ceil(LABEL_HEIGHT * count / side))
    labels = {"labels": [names[i] for i in shown], "fontfamily": fonts_of("".join(names))}
    axes.set_xticks(shown, rotation=90 if longest > 2 * LETTER else 0, **labels)
    axes.set_yticks(shown, **labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    for row, column in np.ndindex(count, count) if counted else ():
        if matrix[row, column] or count <= READABLE_CLASSES:
            colour = "white" if shares[row, column] > 0.5 else "black" if matrix[row, column] else "0.7"
            axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour, fontsize=9)
    _save(figure, path)


def class_histogram_figure(path: PathLike, shares: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Write bars of each class's share as PNG, one bar for each set.

    Args:
        shares: {set's name: {class name: share 0 to 1}}, the same classes in each.
    """
    from matplotlib.ticker import PercentFormatter

    classes = list(next(iter(shares.values())))
    names, longest = class_labels(classes)
    upright = longest > BAR_WIDTH  # names side by side would run into one another
    span = min(max(420, BAR_WIDTH * len(names)), LARGEST_SIDE)
    figure, axes = _titled_axes(span, 240, 60, longest + 60 if upright else 60, title)
    width = 0.8 / len(shares)
    for number, (label, of_class) in enumerate(shares.items()):
        places = np.arange(len(names)) + (number - (len(shares) - 1) / 2) * width
        axes.bar(places, [of_class[name] for name in classes], width, label=drawable(label))
    shown = range(0, len(names), math.ceil((LABEL_HEIGHT if upright else BAR_WIDTH) * len(names) / span))
    axes.set_xticks(shown, labels=[names[i] for i in shown], fontfamily=fonts_of("".join(names)), rotation=90 if upright else 0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.margins(y=0.25)  # room for the legend above the bars
    axes.legend(frameon=False, ncol=len(shares), loc="upper right", prop={"family": fonts_of("".join(shares))})
    _save(figure, path)


def scatter_figure(path: PathLike, points: Mapping[str, np.ndarray], title: str) -> None:
    """Write points in a plane as PNG, one colour for each set.

    Args:
        points: {set's name: float [N, 2]}; the first is drawn below the others.
    """
    figure, axes = _titled_axes(520, 460, 50, 50, title)
    for (label, of_set), colour in zip(points.items(), ("0.6", "tab:red", "tab:blue", "tab:green")):
        axes.scatter(of_set[:, 0], of_set[:, 1], s=5, c=colour, alpha=0.5, linewidths=0, label=drawable(label))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(frameon=False, markerscale=3, prop={"family": fonts_of("".join(points))})
    _save(figure, path)


def _titled_axes(width: int, height: int, margin: int, bottom: int, title: str) -> Tuple[Any, Any]:
    """A figure and its axes, which measure width x height pixels, with margins at the sides and below, and the title above."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    total_width = width + 2 * margin
    title = textwrap.fill(drawable(str(title)), total_width // LETTER)
    header = 26 + 20 * (title.count("\n") + 1)
    total_height = header + height + bottom
    figure = Figure(figsize=(total_width / DOTS_PER_INCH, total_height / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.5, 1 - header / 2 / total_height, title, ha="center", va="center", fontsize=11, fontfamily=fonts_of(title))
    return figure, figure.add_axes((margin / total_width, bottom / total_height, width / total_width, height / total_height))


@contextlib.contextmanager
def optional_picture(path: PathLike) -> Iterator[PathLike]:
    """A context that draws a picture: a failure prints a line and the work continues, since no picture is worth its numbers."""
    try:
        yield path
    except Exception as error:  # whatever it is, memory that runs out included
        reason = getattr(error, "strerror", None) or " ".join(f"{type(error).__name__}: {error}".split())
        print(f"no picture {path}: {reason}", file=sys.stderr, flush=True)


def _save(figure: Any, path: PathLike) -> None:
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})  # the version would change the bytes
