"""The folder of a generated set: how its files are called, what is noted while it grows, and what is written when it is
done.

A set is a function of its request. While it grows, its pictures have their names already, and a `PartialSet` says how
many of them count; the manifest is written in the end from lines that were made once, with each picture.
"""

import itertools
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from ..console import one_line
from ..data.class_names import class_folder
from ..data.written_set import DESCRIPTION, DROPPED, GRID, MANIFEST
from ..files import atomic_write, make_folder, remove_temporaries, write_json
from ..pictures import grid, optional_picture, read_png, save_png
from .drawing import Chunk, ClassProgress
from .filter_runner import FilterRunner
from .partial_set import PROGRESS, PartialSet
from .quotas import interleaved
from .sampler import Sampler, Samplers
from .writers import FORMATS, WRITTEN, ListRow, PictureWriter, json_line, mixed_file, write_lists

SHOWN, SHOWN_CLASSES, COLUMNS = 160, 40, 16  # of grid.png: images of a flat set, rows of a set with classes, images in a row


@dataclass(frozen=True)
class Layout:
    """Where the files of a set lie in its folder.

    Attributes:
        parent: the folder of the class folders, with a slash at its end; "" = the folder of the set.
        prefix: how the name of each picture begins.
        partial: the folder of the partial set.
    """

    parent: str = ""
    prefix: str = ""
    partial: str = ".partial"

    def is_partial(self, to: Path) -> bool:
        """Whether a set was begun in a folder and is not complete."""
        return (to / self.partial).is_dir() and not self.is_complete(to)

    def is_complete(self, to: Path) -> bool:
        """Whether a folder holds a complete set; a partial set that is being removed no longer counts."""
        return (to / MANIFEST).is_file() and not (to / self.partial / PROGRESS).is_file()


PLAIN = Layout()  # of a generated set
AUGMENTED = Layout("train/", "generated-", ".generated")  # of the generated images beside the real ones


@dataclass(frozen=True, eq=False)
class SetRequest:
    """Everything that decides a set.

    Attributes:
        quotas: how many images each sampler is asked for, in the order of the classes.
        seed, truncation: as for `Sampler.latents`.
        flat: whether the pictures lie in one folder without class folders.
        form: a name of `writers.FORMATS`.
        filters: the names of the filters. settings: {filter: {setting: value}}.
        attempts: how many latents may be tried for each image.
        relax: see `Filters`.
    """

    quotas: Dict[Sampler, int]
    seed: int = 0
    truncation: Optional[float] = None
    flat: bool = False
    form: str = "folder"
    filters: Sequence[str] = ()
    settings: Dict[str, dict] = field(default_factory=dict)
    attempts: int = 1
    relax: bool = False

    def to_json(self, samplers: Samplers, classifier: Optional[dict] = None) -> dict:
        """The request as plain values, by which a set that was interrupted is known again; `classifier` is that of the
        filters.
        """
        return {
            "runs": samplers.origins,
            "seed": self.seed,
            "truncation": self.truncation,
            "wanted": {str(sampler.name): quota for sampler, quota in self.quotas.items()},
            "flat": self.flat,
            "format": self.form,
            "filters": {"names": list(self.filters), "settings": self.settings, "classifier": classifier},
            "attempts": self.attempts,
            "relax": self.relax,
        }


@dataclass(eq=False)
class ClassPart:
    """What a set has of one class.

    Attributes:
        position: its place among the classes of the set.
        sampler: of the class. progress: how far it is.
        bytes: how much of each file of the partial set counts, {name: bytes}.
    """

    position: int
    sampler: Sampler
    progress: ClassProgress
    bytes: Dict[str, int] = field(default_factory=dict)

    def file(self, kind: str) -> str:
        """The name of a file of the partial set: "jsonl" (rows of the manifest), "u8" (images) or "f4" (features)."""
        return f"{self.position}.{kind}"

    def to_json(self) -> dict:
        """What the partial set records of it."""
        progress = self.progress
        return {"tried": progress.tried, "kept": progress.kept, "pieces": progress.chunks, "bytes": self.bytes}


class SetFolder:
    """A set that is being made in a folder.

    Args:
        to: the folder, which exists.
        samplers, request: what is asked for.
        runner: the filters, or None.
        resume: go on with the partial set that is there.
        layout: where the files lie.

    Attributes:
        parts: a `ClassPart` for each class of the set.

    Raises:
        InputError: the partial set that is there belongs to another request, or is damaged.
    """

    def __init__(
        self, to: Path, samplers: Samplers, request: SetRequest, runner: Optional[FilterRunner], resume: bool, layout: Layout
    ) -> None:
        self.to, self.samplers, self.request, self.runner, self.layout = to, samplers, request, runner, layout
        self.form = FORMATS[request.form]
        self._record = request.to_json(samplers, runner and runner.classifier)
        self.partial = PartialSet(to / layout.partial, self._record, resume)
        saved = self.partial.progress.get("classes", {})
        self.parts = [self._part(i, sampler, quota, saved.get(str(i))) for i, (sampler, quota) in enumerate(request.quotas.items())]
        for part in self.parts:
            self._check(part)
        if runner is not None and self.partial.progress:
            with self.partial.checked():
                runner.chain.report.restore(self.partial.progress["report"])

    def _part(self, position: int, sampler: Sampler, quota: int, saved: Optional[dict]) -> ClassPart:
        limit = quota if self.runner is None else quota * self.request.attempts
        if saved is None:
            return ClassPart(position, sampler, ClassProgress(quota, limit))
        return ClassPart(position, sampler, ClassProgress(quota, limit, saved["tried"], saved["kept"], saved["pieces"]), saved["bytes"])

    def _check(self, part: ClassPart) -> None:
        """Check that what an interruption left of a class is what its record says.

        Raises:
            InputError: it is not.
        """
        kept = part.progress.kept
        lines = sum(1 for _ in self.partial.json_rows(part.file("jsonl")))
        expected = kept * math.prod(self.samplers.shape) if self.form.file else 0
        if lines != kept or part.bytes.get(part.file("u8"), 0) != expected or kept > part.progress.quota:
            raise self.partial.damage(f"class {part.sampler.name} has {lines} images, not {kept}")

    # ---- while it grows

    def begin_class(self, part: ClassPart) -> None:
        """Make ready for the images of a class, and let the filters begin it."""
        if not self.form.file and not self.request.flat:
            self._remove_uncounted(part, make_folder(self.to / self._folder(part.sampler)))
        if self.runner is not None:
            self.runner.begin_class(part.sampler, self._earlier(part))

    def _remove_uncounted(self, part: ClassPart, folder: Path) -> None:
        """Remove the pictures of a class that an interrupted process wrote, and that do not count."""
        own = re.compile(rf"{re.escape(self.layout.prefix)}(\d{{6,}})\.png")
        for path in folder.iterdir():
            match = own.fullmatch(path.name)
            if match and int(match.group(1)) >= part.progress.kept:
                path.unlink()

    def _earlier(self, part: ClassPart) -> Optional[Tuple[np.ndarray, np.ndarray]]:
        """(features, labels) of the images of a class that were kept before an interruption, if the filters remember
        them.
        """
        if not self.runner.chain.remembers or not part.progress.kept:
            return None
        width = self.runner.reference(part.sampler).space.width
        rows, index = self.partial.json_rows(part.file("jsonl")), part.sampler.index
        with self.partial.checked():
            labels = [self.samplers.class_names.index(row["read_as"]) if index is None else index for row in rows]
            features = self.partial.rows(part.file("f4"), (width,), "<f4")
            if len(features) != len(labels):
                raise ValueError(f"{len(features)} features of {len(labels)} images")
        return features, np.array(labels)

    def add(self, part: ClassPart, chunk: Chunk, pictures: PictureWriter) -> None:
        """Write a chunk, its pictures with `pictures`, and record how far its class is."""
        kept = part.progress.kept
        names = [self._file_name(part, number) for number in range(kept - len(chunk.images), kept)]
        if not self.form.file:
            pictures.write(names, chunk.images if chunk.pictures is None else chunk.pictures)
        elif len(chunk.images):
            self._append(part, "u8", chunk.images.tobytes())
        lines = "".join(map(json_line, self._rows(part.sampler, names, chunk)))
        self._append(part, "jsonl", lines.encode(errors="backslashreplace"))  # see files.atomic_write
        if chunk.features is not None and len(chunk.features):
            self._append(part, "f4", chunk.features.astype("<f4").tobytes())
        report = {} if self.runner is None else {"report": self.runner.chain.report.to_json()}
        self.partial.note({"classes": {str(part.position): part.to_json() for part in self.parts}, **report})

    def _append(self, part: ClassPart, kind: str, content: bytes) -> None:
        part.bytes[part.file(kind)] = self.partial.append(part.file(kind), content)

    def _rows(self, sampler: Sampler, names: Sequence[str], chunk: Chunk) -> Iterator[dict]:
        """The rows of the manifest for the images of a chunk."""
        origin = {**sampler.origin, "seed": self.request.seed}
        if self.request.truncation is not None:
            origin["truncation"] = self.request.truncation
        for i, name in enumerate(names):
            row = {"file": name, "class": sampler.name, "latent": int(chunk.latents[i]), **origin}
            for reading, values in chunk.readings.items():
                row[reading] = self.samplers.class_names[values[i]] if reading == "read_as" else round(float(values[i]), 4)
            if chunk.passed is not None:
                row["passed"] = chunk.passed
            if chunk.dropped_by:
                row["dropped_by"] = "one of " + ", ".join(chunk.dropped_by)
            yield row

    # ---- names

    def _folder(self, sampler: Sampler) -> str:
        return self.layout.parent + class_folder(sampler.name)

    def _file_name(self, part: ClassPart, number: int) -> str:
        if self.form.file:
            return self.form.file
        if self.request.flat:
            return f"{number * len(self.parts) + part.position:06d}.png"
        return f"{self._folder(part.sampler)}/{self.layout.prefix}{number:06d}.png"

    @staticmethod
    def label(part: ClassPart) -> str:
        """What is under way, for a line of progress."""
        return "" if part.sampler.name is None else one_line(f"class {part.sampler.name}")

    # ---- the end

    @property
    def counts(self) -> Dict[Optional[str], int]:
        """{class name: images} of the set so far."""
        return {part.sampler.name: part.progress.kept for part in self.parts}

    @property
    def missing(self) -> Dict[Optional[str], int]:
        """{class name: images that could not be made}."""
        return {part.sampler.name: part.progress.missing for part in self.parts if part.progress.missing}

    def finish(self, policy: str, others: Sequence[ListRow] = (), splits: Sequence[str] = ("train",)) -> None:
        """Write what is only known in the end; the manifest comes last.

        Args:
            policy: the policy of classical augmentation that fits the images.
            others: further images for the lists beside the set, see `writers.write_lists`. splits: those of all images.
        """
        if self.form.file and any(part.progress.kept for part in self.parts):
            self._write_file()
        if self.runner is not None or self.missing:
            write_json(self.to / DROPPED, self._dropped())
        if not self.form.file and self.parts[0].sampler.name is not None:
            write_lists(self.to, lambda: itertools.chain(others, self._listed()), splits)
        write_json(self.to / DESCRIPTION, {"version": 1, "policy": policy})
        with optional_picture(self.to / GRID):
            self._draw_grid()
        with atomic_write(self.to / MANIFEST, "w") as file:
            file.writelines(self._manifest_lines())

    def close(self) -> None:
        """Remove what an interruption may have left; if no image is missing, the set is complete."""
        remove_temporaries(self.to, WRITTEN)
        if not self.missing:
            self.partial.remove()

    def _write_file(self) -> None:
        """Write the one file of a set that has no pictures."""
        arrays = [self.partial.rows(part.file("u8"), self.samplers.shape, np.uint8) for part in self.parts]
        images = mixed_file(self.partial.path("mixed.u8"), arrays)
        indices = (self.parts[position].sampler.index for position, _ in self._order())
        labels = np.fromiter(indices, dtype=np.int64, count=len(images))
        self.form.write(self.to, images, labels, self.samplers.class_names)

    def _listed(self) -> Iterator[ListRow]:
        return ((row["file"], row["class"], "train", True) for row in map(json.loads, self._manifest_lines()))

    def _order(self) -> Iterator[Tuple[int, int]]:
        """(position of the class, number within it) of every image, in the order of the set's files."""
        counts = [part.progress.kept for part in self.parts]
        if self.form.file or self.request.flat:
            return interleaved(counts)
        return ((position, number) for position, count in enumerate(counts) for number in range(count))

    def _manifest_lines(self) -> Iterator[str]:
        lines = [self.partial.lines(part.file("jsonl")) for part in self.parts]
        for index, (position, _) in enumerate(self._order()):
            line = next(lines[position])
            yield line if not self.form.file else line[:-2] + f', "index": {index}}}\n'

    def _dropped(self) -> dict:
        """What dropped.json says."""
        account: Dict[str, Any] = {} if self.runner is None else self.runner.account([part.sampler for part in self.parts])
        taken = {part.sampler.name: sum("dropped_by" in json.loads(line) for line in self._lines(part)) for part in self.parts}
        if any(taken.values()):
            account["taken_all_the_same"] = {str(name): number for name, number in taken.items() if number}
        account["missing"] = {str(name): number for name, number in self.missing.items()}
        return {**account, "attempts": self._record["attempts"], "filters": self._record["filters"]}

    def _lines(self, part: ClassPart) -> Iterator[str]:
        return self.partial.lines(part.file("jsonl"))

    def latents_taken(self, part: ClassPart) -> List[int]:
        """The latents of the images of a class that are kept."""
        return [json.loads(line)["latent"] for line in self._lines(part)]

    def _draw_grid(self) -> None:
        """Draw the first images: of a flat set in the order of the manifest, else one class a row."""
        if self.request.flat:
            shown = [read_png(self.to / json.loads(line)["file"]) for line in itertools.islice(self._manifest_lines(), SHOWN)]
            columns = COLUMNS
        else:
            rows = [self._first_images(part) for part in self.parts if part.progress.kept][:SHOWN_CLASSES]
            columns = max(map(len, rows), default=0)
            blank = np.zeros(self.samplers.shape, np.uint8)
            shown = [image for row in rows for image in [*row, *[blank] * (columns - len(row))]]
        if shown:
            save_png(self.to / GRID, grid(np.stack(shown), columns))

    def _first_images(self, part: ClassPart) -> List[np.ndarray]:
        count = min(part.progress.kept, COLUMNS)
        if self.form.file:
            return list(self.partial.rows(part.file("u8"), self.samplers.shape, np.uint8)[:count])
        return [read_png(self.to / self._file_name(part, number)) for number in range(count)]
