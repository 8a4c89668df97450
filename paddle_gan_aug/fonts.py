"""Letters in pictures: which installed font has them, and what stands for those that no font has.

Matplotlib is imported when a function is first called. Its own fallback from font to font is not enough: it draws boxes for
missing letters and prints a warning for each.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import textwrap
import unicodedata
from typing import FrozenSet, List, Optional, Sequence, Set, Tuple

MATPLOTLIBS_FONT = "DejaVu Sans"
# It has no Chinese; the first of these that is installed draws names written in Chinese. Of Noto's collection
# Matplotlib sees the first face alone, which is the Japanese one and has the Chinese letters too.
CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Heiti SC",
    "Arial Unicode MS",
)
LETTER, WIDE_LETTER = 9, 14  # pixels, about, of a letter and of a Chinese one
LONGEST_NAME = 24  # letters of a class's name


def class_labels(class_names: Sequence[str]) -> Tuple[List[str], int]:
    """The class names as Matplotlib can draw them, and the pixels of the longest.

    A name without a font for it becomes "class" and its number from 0.
    """
    names = [textwrap.shorten(str(name), LONGEST_NAME, placeholder="...") or "?" for name in class_names]
    names = [f"class {number}" if _missing(name) else name for number, name in enumerate(names)]
    widths = [sum(WIDE_LETTER if unicodedata.east_asian_width(letter) in "WF" else LETTER for letter in name) for name in names]
    return [_literal(name) for name in names], max(widths)


def drawable(text: str) -> str:
    """`text` as Matplotlib can draw it: as `escaped`, and no dollar sign begins a formula."""
    return _literal(escaped(text))


def escaped(text: str) -> str:
    """`text` with \\u and a number in place of each letter that no font has."""
    missing = _missing(text)
    return "".join(f"\\u{ord(letter):04x}" if letter in missing else letter for letter in text)


def fonts_of(text: str) -> List[str]:
    """The names of the fonts that draw `text`: Matplotlib's own, and the installed Chinese one where it is needed."""
    needed = not {letter for letter in text if letter != "\n"} <= _letters(MATPLOTLIBS_FONT)
    chinese = chinese_font() if needed else None
    return [MATPLOTLIBS_FONT, chinese] if chinese else [MATPLOTLIBS_FONT]


@functools.cache
def chinese_font() -> Optional[str]:
    """The name of an installed font with Chinese letters, or None."""
    from matplotlib import font_manager

    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    if not set(CHINESE_FONTS) & set(font_manager.get_font_names()):
        for path in set(font_manager.findSystemFonts()) - known:  # installed after Matplotlib had made its list of fonts
            with contextlib.suppress(Exception):
                font_manager.fontManager.addfont(path)
    installed = set(font_manager.get_font_names())
    return next((name for name in CHINESE_FONTS if name in installed), None)


def _literal(text: str) -> str:
    return text.replace("$", r"\$")


def _missing(text: str) -> Set[str]:
    """The letters of `text` that no font here has. The first time there are some, a line says which font to install."""
    missing = {letter for letter in text if letter != "\n"} - _letters(MATPLOTLIBS_FONT)
    if missing and chinese_font():
        missing -= _letters(chinese_font())
    if missing:
        ask_for_a_font()
    return missing


@functools.cache
def ask_for_a_font() -> None:
    """Print, once, which font to install."""
    print(
        f"pictures show numbers in place of some names: no font here has their letters; install one, such as {CHINESE_FONTS[0]} "
        "(Linux: the package fonts-noto-cjk)",
        file=sys.stderr,
    )


@functools.cache
def _letters(font: str) -> FrozenSet[str]:
    from matplotlib import font_manager

    return frozenset(map(chr, font_manager.get_font(font_manager.findfont(font)).get_charmap()))
