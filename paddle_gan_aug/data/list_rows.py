"""The rows of list files, each with a picture and its label, in the forms that people and programs write."""

import codecs
import csv
import itertools
import json
import re
from pathlib import Path
from typing import IO, Dict, Iterator, NamedTuple, Optional, Sequence, TextIO, Tuple

from ..errors import InputError
from ..files import regular
from .decoding import SUFFIXES

TABLES = (".csv", ".tsv")
FILE_COLUMNS = (
    "file", "filename", "file_name", "filepath", "file_path", "path", "image", "image_path", "image_name", "img", "image_id", "id",
)  # fmt: skip
LABEL_COLUMNS = ("label", "labels", "class", "class_name", "classname", "category", "target", "label_name", "y")
SPLIT_COLUMN, GENERATED_COLUMN = "split", "generated"  # the part that a row belongs to; whether a GAN made the picture
ROW = re.compile(rf"(.*({'|'.join(map(re.escape, SUFFIXES))})\"?)[\s,;]+(\S.*)", re.IGNORECASE)  # up to the last picture's name
SEVERAL = re.compile(r"\d+([,;|]\s*\d+)+")  # labels
AT_ONCE = 1 << 20  # bytes


class NoLabels(InputError):
    """A list without a row, or without columns of paths and labels."""


class Row(NamedTuple):
    """A row of a list: the number of its line, and as written the picture's path, its label, its part, and whether it is generated."""

    number: int
    name: str
    label: str
    split: str = ""
    generated: str = ""


def opened(path: Path) -> TextIO:
    """Open a text file in UTF-8, UTF-16 with its mark, or GBK as Chinese Windows writes it. Lines end in newlines.

    Raises:
        InputError: the file cannot be read, or is no text.
    """
    try:
        with open(regular(path), "rb") as file:
            marked = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
                file.seek(0)
                if _is_text(file, encoding):
                    return open(path, encoding=encoding)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    raise InputError(f"cannot read {path}: it is neither UTF-8 nor GBK text")


def _is_text(file: IO[bytes], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while piece := file.read(AT_ONCE):
            if "\0" in decoder.decode(piece):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def most_rows(path: Path) -> int:
    """Return a number that a text file has no more lines than. Errors as of `opened`."""
    with opened(path) as file:
        return 1 + sum(piece.count(b"\n") + piece.count(b"\r") for piece in iter(lambda: file.buffer.read(AT_ONCE), b""))


def first_line(path: Path) -> str:
    """Return the first line of a text file that is not blank, without what surrounds it; "" if there is none. Errors as of `opened`."""
    with opened(path) as file:
        return next((line.strip() for line in file if line.strip()), "")


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a list file, which is read as they are taken.

    Lists (.txt, .lst, .list) have a path, a blank, tab or comma, and a label on each line. Tables (.csv, .tsv) have columns of
    paths and of labels, which are found by the names in `FILE_COLUMNS` and `LABEL_COLUMNS`, or without a head line by the names of
    the pictures. In .jsonl files each line is an object with such names.

    Raises:
        NoLabels: the file has no such columns, or no row.
        InputError: the file is no text, or has a line without a path or a label.
    """
    suffix, row = path.suffix.lower(), None
    with opened(path) as file:
        for row in (_of_table if suffix in TABLES else _of_objects if suffix == ".jsonl" else _of_lines)(file, path):
            if not row.name or not row.label or "\0" in row.name:
                raise InputError(f"{path}, line {row.number}: {'no label' if row.name else 'no path of a picture'}")
            if SEVERAL.fullmatch(row.label):
                labels = f"{row.name} has several labels ({row.label[:80]})"
                raise InputError(f"{path}, line {row.number}: {labels}; one for each picture is read")
            yield row
    if row is None:
        raise NoLabels(f"the list {path} is empty: write a path and a label on each line")


def is_row(line: str) -> bool:
    """Return whether a line holds a picture's path and a label."""
    return bool(ROW.fullmatch(line.strip()))


def _of_lines(file: IO[str], path: Path) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        line = line.strip()
        if line:
            match = ROW.fullmatch(line)
            name, _, label = (match[1], None, match[3]) if match else line.rpartition("\t") if "\t" in line else line.rpartition(" ")
            if not name.strip() or (not match and label.lower().endswith(SUFFIXES)):
                raise InputError(f"{path}, line {number}: expected a path and a label with a blank between, got {line[:80]!r}")
            yield Row(number, name.strip().strip('"'), label.strip().strip('"'))


def _of_table(file: IO[str], path: Path) -> Iterator[Row]:
    head = next((line for line in file if line.strip()), "")
    file.seek(0)
    reader = csv.reader(file, delimiter=max(",;\t", key=head.count))
    stripped = ([cell.strip() for cell in cells] for cells in reader)
    rows = ((reader.line_num, cells) for cells in stripped if any(cells))
    try:
        for number, cells in itertools.islice(rows, 1):
            first, others = [cell.lower() for cell in cells], []
            pictures = [i for i, cell in enumerate(first) if cell.endswith(SUFFIXES)]
            if pictures:
                columns, rows = (pictures[0], 1 - pictures[0]) if len(first) == 2 else None, itertools.chain([(number, cells)], rows)
            else:
                columns = _columns(first)
                others = [first.index(name) if name in first else len(first) for name in (SPLIT_COLUMN, GENERATED_COLUMN)]
            if columns is None:
                raise NoLabels(
                    f"{path} has the columns {', '.join(first)[:200]}: name one {FILE_COLUMNS[0]}, with the paths of the pictures, and "
                    f"one {LABEL_COLUMNS[0]}"
                )
            places = (*columns, *others)
        for number, cells in rows:
            yield Row(number, *(cells[i] if i < len(cells) else "" for i in places))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from None


def _columns(names: Sequence[str]) -> Optional[Tuple[int, int]]:
    """Return (the place of the paths, the place of the labels), or None. Of two columns the other one holds the labels."""
    file = next((names.index(name) for name in FILE_COLUMNS if name in names), None)
    label = next((names.index(name) for name in LABEL_COLUMNS if name in names), None)
    if label is None and file is not None and len(names) == 2:
        label = 1 - file
    return None if file is None or label is None else (file, label)


def _of_objects(file: IO[str], path: Path) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                row = {str(key).lower(): value for key, value in json.loads(line).items()}
            except (ValueError, AttributeError, RecursionError):
                raise InputError(f"{path}, line {number}: no JSON object") from None
            columns = _columns(list(row))
            values = [] if columns is None else [list(row.values())[i] for i in columns]
            if not values or not isinstance(values[0], str) or type(values[1]) not in (str, int):
                kind = InputError if values else NoLabels
                raise kind(f"{path}, line {number}: expected file_name, a path, and label, a text or a whole number")
            yield Row(number, values[0], str(values[1]), *(str(row.get(name, "")) for name in (SPLIT_COLUMN, GENERATED_COLUMN)))


def read_class_names(path: Path) -> Dict[int, str]:
    """Return {label: class name} of a file with a class name on each line, counted from 0, or with a number and a name.

    Raises:
        InputError: the file is no text, has no name, or names a class twice.
    """
    with opened(path) as file:
        lines = [line.strip() for line in file if line.strip()]
    numbered = [re.fullmatch(r"(\d{1,9})[\s,:]+(\S.*)", line) for line in lines]
    numbers = [int(match[1]) for match in numbered if match]
    counted = sorted(numbers) in (list(range(len(lines))), list(range(1, len(lines) + 1)))  # "3 people" is a name
    names = {int(match[1]): match[2] for match in numbered} if counted else dict(enumerate(lines))
    if not names or len(set(names.values())) != len(lines):
        raise InputError(f"{path} names {'no class' if not names else 'a label or a class twice'}: mend it, or remove it")
    return names
