"""Pictures: a GAN is judged by eye first, so every grid, sheet and figure of the project is made here, and made the same way each time.

NumPy does the arranging; Pillow and Matplotlib are imported only when a file is written. Figures are drawn without pyplot, so
nothing here touches a notebook's figures or back end. The same input gives the same PNG bytes.
"""

import functools
import math
import textwrap

import numpy as np

from .errors import InputError
from .files import atomic_write

DOTS_PER_INCH = 100
GRID_WIDTH = 900  # pixels: a titled grid enlarges small images by a whole factor to about this width ...
LARGEST_FACTOR = 4  # ... but never by more than this
CAPTIONED_WIDTH, CAPTION_LINE = 84, 13  # pixels, of an image with a text below it and of a line of the text
READABLE_CLASSES = 30  # a confusion matrix with more classes leaves its zero cells blank
# Matplotlib's own font has no Chinese; the first of these that is installed draws class names written in it
CHINESE_FONTS = ("Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "Microsoft YaHei", "SimHei", "PingFang SC", "Heiti SC")


def as_rgb(image):
    """A fresh uint8 [H, W, 3] array from one uint8 image: grey [H, W], [H, W, 1] or [1, H, W] (tripled), or colour [H, W, 3] or [3, H, W].

    Raises:
        ValueError: another dtype or shape.
    """
    image = _checked(image)
    if image.ndim == 3 and image.shape[2] not in (1, 3):
        image = image.transpose(1, 2, 0)
    if image.ndim == 2:
        image = image[:, :, None]
    return np.array(np.broadcast_to(image, (*image.shape[:2], 3)))


def _checked(image):
    image = np.asarray(image)
    if image.dtype != np.uint8:
        raise ValueError(f"an image must be uint8, got {image.dtype}")
    channels = image.ndim == 2 or (image.ndim == 3 and (image.shape[2] in (1, 3) or image.shape[0] in (1, 3)))
    if not channels or image.size == 0:
        raise ValueError(f"an image must be [H, W], or have 1 or 3 channels first or last; got shape {list(image.shape)}")
    return image


def grid(images, columns=16, padding=0, background=0):
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


def paired_grid(above, below, columns=16):
    """A sheet of rows in pairs: some images, and beneath each the one that belongs to it.

    Args:
        above, below: uint8 [N, C, H, W] each, as for `grid`.

    Returns:
        uint8 [H', W', 3].

    Raises:
        ValueError: as `grid`; the two differ in shape.
    """
    if np.shape(above) != np.shape(below):
        raise ValueError(f"images in pairs must be alike, got shapes {list(np.shape(above))} and {list(np.shape(below))}")
    columns = min(columns, len(above))
    rows = []
    for start in range(0, len(above), columns):
        for images in (above[start : start + columns], below[start : start + columns]):
            rows.append(np.pad(images, [(0, columns - len(images)), (0, 0), (0, 0), (0, 0)]))
    return grid(np.concatenate(rows), columns, padding=1, background=96)


def save_png(path, image):
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


def read_png(path):
    """Read a PNG file as uint8 [C, H, W]: C = 1 for grey and black-and-white files, else 3. Transparency is dropped, 16 bits become 8.

    Raises:
        InputError: the file is missing, unreadable, or no PNG.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode.startswith("I"):
                return (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)[None]
            grey = image.mode in ("1", "L", "LA")
            pixels = np.asarray(image.convert("L" if grey else "RGB"))
    except FileNotFoundError:
        raise InputError(f"no such image: {path}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"cannot read {path} as a PNG image: {error}") from None
    return np.array(pixels[None] if grey else pixels.transpose(2, 0, 1))


def titled_grid(path, images, title, columns=16):
    """Write `images` (uint8 [N, C, H, W], as for `grid`) under a title as PNG. Small images are enlarged by a whole factor, unblurred."""
    sheet = grid(images, columns)
    factor = min(LARGEST_FACTOR, max(1, round(GRID_WIDTH / sheet.shape[1])))
    height, width = sheet.shape[0] * factor, sheet.shape[1] * factor
    # each pixel of the sheet falls on exactly factor x factor pixels of the file
    figure, axes = _titled_axes(width, height, max(10, (300 - width) // 2), 10, title)
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    _save(figure, path)


def captioned_grid(path, images, captions, columns=8):
    """Write images as PNG, each with a line or two of text below it; small images are enlarged by a whole factor, unblurred.

    Args:
        images: uint8 [N, C, H, W], C = 1 or 3, N >= 1. captions: N strings; lines are parted by newlines.
    """
    from PIL import Image, ImageDraw, ImageFont

    factor = max(1, CAPTIONED_WIDTH // images.shape[3])
    font, height, width = ImageFont.load_default(), images.shape[2] * factor, images.shape[3] * factor
    lines = max(caption.count("\n") + 1 for caption in captions)
    cells = np.full((len(images), height + 4 + CAPTION_LINE * lines, width, 3), 255, np.uint8)
    for cell, image, caption in zip(cells, images, captions):
        cell[:height] = as_rgb(image).repeat(factor, axis=0).repeat(factor, axis=1)
        text = Image.fromarray(cell)
        ImageDraw.Draw(text).multiline_text((2, height + 2), caption, fill=(0, 0, 0), font=font, spacing=2)
        cell[:] = np.asarray(text)
    save_png(path, grid(cells.transpose(0, 3, 1, 2), columns, padding=8, background=255))


def confusion_matrix_figure(path, matrix, class_names, title):
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
    side = max(count * cell, 260)
    names = [textwrap.shorten(str(name), 24, placeholder="...") or "?" for name in class_names]
    longest = max(map(len, names))
    figure, axes = _titled_axes(side, side, 9 * longest + 60, 9 * longest + 60, title)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    labels = {"labels": [_literal(name) for name in names], "fontfamily": _fonts()}
    axes.set_xticks(range(count), rotation=90 if longest > 2 else 0, **labels)
    axes.set_yticks(range(count), **labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    for row, column in np.ndindex(count, count):
        if matrix[row, column] or count <= READABLE_CLASSES:
            colour = "white" if shares[row, column] > 0.5 else "black" if matrix[row, column] else "0.7"
            axes.text(column, row, str(matrix[row, column]), ha="center", va="center", color=colour, fontsize=9)
    _save(figure, path)


def class_histogram_figure(path, shares, title):
    """Write bars of each class's share, one group of bars a set, as PNG.

    Args:
        shares: {set's name: {class name: share 0 to 1}}, the same classes in each.
    """
    names = list(next(iter(shares.values())))
    figure, axes = _titled_axes(max(420, 44 * len(names)), 240, 60, 60, title)
    width = 0.8 / len(shares)
    for number, (label, of_class) in enumerate(shares.items()):
        places = np.arange(len(names)) + (number - (len(shares) - 1) / 2) * width
        axes.bar(places, [of_class[name] for name in names], width, label=_literal(label))
    axes.set_xticks(range(len(names)), labels=[_literal(str(name)) for name in names], fontfamily=_fonts())
    axes.set_ylabel("share")
    axes.margins(y=0.25)  # room for the legend above the bars
    axes.legend(frameon=False, ncol=len(shares), loc="upper right", prop={"family": _fonts()})
    _save(figure, path)


def scatter_figure(path, points, title):
    """Write points in a plane as PNG, one colour a set.

    Args:
        points: {set's name: float [N, 2]}; the first is drawn below the others.
    """
    figure, axes = _titled_axes(520, 460, 50, 50, title)
    for (label, of_set), colour in zip(points.items(), ("0.6", "tab:red", "tab:blue", "tab:green")):
        axes.scatter(of_set[:, 0], of_set[:, 1], s=5, c=colour, alpha=0.5, linewidths=0, label=_literal(label))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(frameon=False, markerscale=3, prop={"family": _fonts()})
    _save(figure, path)


def _titled_axes(width, height, margin, bottom, title):
    """A figure whose one pair of axes measures width x height pixels, with margins at the sides and below, and the title above."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    total_width = width + 2 * margin
    title = textwrap.fill(str(title), total_width // 9)
    header = 26 + 20 * (title.count("\n") + 1)
    total_height = header + height + bottom
    figure = Figure(figsize=(total_width / DOTS_PER_INCH, total_height / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.5, 1 - header / 2 / total_height, _literal(title), ha="center", va="center", fontsize=11, fontfamily=_fonts())
    return figure, figure.add_axes((margin / total_width, bottom / total_height, width / total_width, height / total_height))


@functools.cache
def _fonts():
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *[name for name in CHINESE_FONTS if name in installed][:1]]


def _literal(text):
    """`text` with its dollar signs kept from Matplotlib's formula mode."""
    return text.replace("$", r"\$")


def _save(figure, path):
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})  # the version would change the bytes
