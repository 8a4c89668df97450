"""Generated sets on the disk: so many images of each class, filtered, each with its origin in a manifest.

The set is a function of the request: the same command gives the same files, also when it was interrupted and went on with `resume`.
"""

import itertools
import json
import math
import sys
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from ..augment.policies import choice_of, policy_for
from ..console import ProgressLine, listed, one_line
from ..data import load
from ..data.class_names import class_folder
from ..data.written_set import DESCRIPTION, DROPPED, GRID, MANIFEST, read_json_object, read_manifest
from ..errors import InputError, RunFailed
from ..files import LOCK_FILES, atomic_write, lock_folder, make_folder, remove_temporaries, write_json
from ..pictures import grid, optional_picture, read_png, save_png
from .drawing import ClassProgress, best_dropped, draw
from .filter_runner import FilterRunner, aside_lines, chosen_filters
from .filters import FILTERS
from .partial_set import FOLDER, PartialSet, request_text
from .quotas import equal, interleaved, lacking
from .sampler import Samplers
from .writers import FORMATS, WRITTEN, PictureWriter, check_format, json_line, mixed_file, write_lists

SHOWN, SHOWN_CLASSES, COLUMNS = 160, 40, 16  # of grid.png: images of a flat set, rows of a set with classes, images in a row
ATTEMPTS = 50
READ_AS_OTHER = "agreement"  # the filter that asks whether the classifier reads the class


class QuotaNotMet(RunFailed):
    """Classes stayed short of what was wanted; `reason` says which and by how much. What there is of them is on the disk."""

    def __init__(self, told, attempts, where):
        self.reason = f"not filled within {attempts} attempts for each image ({told})"
        super().__init__(
            f"{self.reason}; what there is lies in {where}, {DROPPED} says why; "
            "go on with --resume and more --attempts, other filters, or a better run"
        )


class Filters(NamedTuple):
    """What is kept.

    Attributes:
        names: of `filters.FILTERS`, "default" or "none"; None = the default ones where there is a classifier, else none.
        classifier: a run of `classify` that learnt the same data. settings: {filter: {setting: value}}.
        attempts: latents that may be tried for each wanted image of a class.
        relax: fill a class that stays short with the best of the images that filters dropped, see `draw.best_dropped`.
    """

    names: Optional[object] = None
    classifier: Optional[object] = None
    settings: Optional[dict] = None
    attempts: int = ATTEMPTS
    relax: bool = False


def generate(
    run,
    count=None,
    to=None,
    seed=0,
    checkpoint="last",
    device="auto",
    threads=0,
    per_class=None,
    quotas=None,
    truncation=None,
    form="folder",
    filters=None,
    resume=False,
    quiet=True,
    balance=None,
    ratio=None,
):
    """Write generated images, and a manifest.jsonl that says where each came from, into the folder `to`.

    With `count` alone: 000000.png …, in turn of every class that there is. With `per_class` or `quotas`: `<class>/000000.png` …, or one
    file in another `form`. grid.png shows the first ones, with classes one class a row; pictures with classes get lists for other
    programs, see `writers.write_lists`. Filters add dropped.json. Only classes with training images are made. Image i of a class
    depends on the seed and i alone: the first images of a larger set are those of a smaller one.

    Args:
        run: a run's folder or name; several, one for each class; or a folder of them. checkpoint: "last", "best", or a step.
        to: a folder that is missing or empty, or with `resume` one that was begun by the same request.
        per_class: images of each class. quotas: {class name: images}.
        balance: a data set, by name or path, read as the run read its own: of each class what it lacks to its largest, or with
            `ratio` r to 1 + r times that, see `quotas.lacking`.
        truncation: latents farther from 0 are drawn anew. form: of `writers.FORMATS`. filters: `Filters`.

    Returns:
        The folder.

    Raises:
        InputError: no such run or checkpoint, a run that makes no images, a folder in use, a count below 1, classes asked of a run that
            has none, a classifier of other data, a form that cannot hold these images.
        QuotaNotMet (a RunFailed): a class stayed short of its quota; what there is of it is kept, and the manifest and dropped.json say so.
    """
    filters = filters or Filters()
    to = _usable(to, resume)
    _check_numbers(count, per_class, quotas, seed, truncation, filters.attempts, balance, ratio)
    names = chosen_filters(filters.names, filters.classifier is not None)
    if filters.settings and not names:
        raise InputError("--filter-set: no filter is on; choose some with --filter, or give --classifier")
    samplers = Samplers(run, checkpoint, device, threads)
    if balance is not None:
        quotas = _balanced(samplers, balance, ratio)
    wanted, flat = _quotas(samplers, count, per_class, quotas)
    left_out = samplers.never_learnt() if quotas is None else []
    if left_out and not quiet:
        print(f"left out, since there are no training images of them: {listed(left_out)}", file=sys.stderr, flush=True)
    check_format(form, samplers.shape, samplers.class_names, samplers.labelled)
    if form != "folder" and flat:
        raise InputError(f"--format {form} is for sets with classes: say how many images of each with --per-class")
    if form == "folder" and not flat:
        for c in wanted:  # refused before there is a folder that would have to be emptied again
            class_folder(samplers.name(c))
    request = {
        "runs": [sampler.origin for sampler in samplers.samplers],
        "seed": seed,
        "truncation": truncation,
        "wanted": {str(samplers.name(c)): n for c, n in wanted.items()},
        "flat": flat,
        "format": form,
        "filters": {"names": names, "settings": filters.settings or {}, "classifier": None},
        "attempts": filters.attempts,
    }
    if resume and (to / MANIFEST).is_file() and not (to / FOLDER).is_dir():
        _check_complete(to, request)
        print(f"{to} is complete: nothing left to do", file=sys.stderr)
        return to
    if names and not quiet:
        print(f"learning from the training images what {len(names)} filters keep", file=sys.stderr, flush=True)
    runner = FilterRunner(samplers, names, filters.classifier, filters.settings, device, threads) if names else None
    if runner is not None and not quiet:
        for line in aside_lines(runner.reading, names, samplers.class_names, wanted):
            print(one_line(line), file=sys.stderr, flush=True)
    request["filters"]["classifier"] = runner and runner.classifier
    with lock_folder(make_folder(to)):
        made = _Set(to, samplers, runner, request, wanted, resume)
        made.draw(quiet, filters.relax)
        made.finish()
    (to / ".lock").unlink(missing_ok=True)
    if made.missing:
        told = listed(f"{name or 'images'}: {made.kept(name)} of {made.kept(name) + n}" for name, n in made.missing.items())
        raise QuotaNotMet(told, filters.attempts, to)
    return to


def _usable(to, resume):
    to = Path(to).expanduser()
    if to.suffix in (".npz", ".gz", ".idx", ".png"):
        raise InputError(f"--to {to}: give a folder; the images go into it beside their manifest")
    if (
        to.exists()
        and (not to.is_dir() or any(path.name not in LOCK_FILES for path in to.iterdir()))
        and not (resume and ((to / FOLDER).is_dir() or (to / MANIFEST).is_file()))
    ):
        begun = "; the set that was begun there goes on with --resume" if (to / FOLDER).is_dir() else ""
        raise InputError(f"{to} is not empty: nothing is overwritten; choose an empty or new folder{begun}")
    return to


def _check_complete(to, request):
    """Raise an InputError if a complete set is not what `request` asks for, as far as the set tells."""
    first = next(read_manifest(to), {})
    held = {
        "wanted": {str(name): n for name, n in count_by_class(to).items()},
        "flat": "/" not in first.get("file", "") and "index" not in first,
        "format": next((name for name, form in FORMATS.items() if form.file and form.file == first.get("file")), "folder"),
        "seed": first.get("seed"),
        "truncation": first.get("truncation"),
        "filters": _dict(read_json_object(to / DROPPED).get("filters", {}), to).get("names", []),
    }
    asked = {
        **{key: request[key] for key in held},
        "wanted": {name: n for name, n in request["wanted"].items() if n},
        "filters": request["filters"]["names"],
    }
    made_by = [{key: row.get(key) for key in request["runs"][0]} for row in _row_of_each_class(to)]
    if any(run not in request["runs"] for run in made_by):
        held["runs"], asked["runs"] = made_by, request["runs"]
    for key, value in held.items():
        if value != asked[key]:
            raise InputError(f"{to} is complete with {request_text(key, value)}, not {request_text(key, asked[key])}: choose another --to")


def _row_of_each_class(to):
    return {row.get("class"): row for row in read_manifest(to)}.values()


def _check_numbers(count, per_class, quotas, seed, truncation, attempts, balance, ratio):
    if sum(wish is not None for wish in (count, per_class, quotas, balance)) != 1:
        raise InputError("say how many images: --count N, or --per-class N, or --balance DATA; one of them")
    if ratio is not None and balance is None:
        raise InputError(f"ratio {ratio}: it says how far `balance` goes; name the data with balance=DATA")
    if count is not None and count < 1:
        raise InputError(f"--count {count}: ask for at least one image")
    if seed < 0:
        raise InputError(f"--seed {seed}: a seed is a whole number from 0")
    if truncation is not None and not (truncation > 0 and math.isfinite(truncation)):
        raise InputError(f"--truncation {truncation}: a number above 0, such as 2 (without it nothing is truncated)")
    if attempts < 1:
        raise InputError(f"--attempts {attempts}: at least 1 for each image")


def _quotas(samplers, count, per_class, quotas):
    """({class index: images}, whether the files lie in one folder without classes)."""
    if count is not None:
        share, rest = divmod(count, len(samplers.classes))
        return {c: share + (position < rest) for position, c in enumerate(samplers.classes)}, True
    if not samplers.labelled:
        run = samplers.samplers[0].run.folder
        raise InputError(f"run {run} cannot be asked for a class: train a conditional preset, or one run for each class, or use --count")
    if per_class is not None:
        return equal(samplers.classes, per_class), False
    made = {samplers.class_names[c]: c for c in samplers.classes}
    strange = [name for name, n in quotas.items() if name not in made and (n > 0 or not set(made) & set(quotas))]
    if strange:
        raise InputError(f"no run makes the class {strange[0]}: there are {listed(made)}")
    wanted = {made[name]: n for name, n in quotas.items() if n > 0}
    if not wanted:
        raise InputError("no class lacks an image: there is nothing to generate; --ratio 1 makes as many again, --per-class N so many")
    return wanted, False


def _balanced(samplers, data, ratio):
    """{class name: what it lacks in the training part of a data set, which is read as the runs read their own}."""
    images = load(samplers.data.renamed(data), "train", split="full")
    made = {samplers.name(c) for c in samplers.classes}
    counts = images.counts()
    return {name: int(n) for name, n, count in zip(images.class_names, lacking(counts, ratio=ratio), counts) if count or name in made}


def count_by_class(folder):
    """{class name: images} of a set's manifest.

    Raises:
        InputError: it is damaged.
    """
    counts = {}
    for row in read_manifest(Path(folder)):
        name = row.get("class")
        counts[name] = counts.get(name, 0) + 1
    return counts


def worth_lines(folder):
    """What a filtered set is worth, by its manifest and dropped.json: a list of lines, empty without a classifier that was looked at."""
    found = read_json_object(Path(folder) / DROPPED)
    if "held_out" not in found:
        return []
    made, right, passed, passed_right = count_by_class(folder), {}, 0, 0
    for row in read_manifest(Path(folder)):
        is_right = row.get("read_as") == row["class"]
        right[row["class"]] = right.get(row["class"], 0) + is_right
        passed, passed_right = passed + ("dropped_by" not in row), passed_right + (is_right and "dropped_by" not in row)
    held_out = {name: found["held_out"][name] for name in made if name in found["held_out"]}
    lines = [
        f"{passed_right} of the {passed} generated images that passed are read as the class asked for, by a classifier that reads "
        f"{sum(part['read_right'] for part in held_out.values())} of {sum(part['images'] for part in held_out.values())} real images of "
        "these classes right that it did not learn"
    ]
    aside, taken = found.get("stepped_aside", {}), found.get("taken_all_the_same", {})
    for name, filters in aside.items():
        part = held_out.get(name, {"images": 0, "read_right": 0})
        lines.append(
            f"class {name}: {', '.join(filters)} stepped aside (the classifier reads {part['read_right']} of {part['images']} such real "
            f"images right); {right.get(name, 0)} of its {made.get(name, 0)} generated ones are read as {name}: look at them"
        )
    for name, number in taken.items():
        lines.append(
            f"class {name}: {number} of {made[name]} generated images had been dropped and are the best of what there is "
            f"(dropped_by in {MANIFEST}): look at them, or train the GAN longer"
        )
    return [one_line(line) for line in lines]


def dropped_reasons(folder):
    """{reason: images that filters dropped for it} of a set, most frequent first; {} without filters.

    Raises:
        InputError: dropped.json is damaged.
    """
    reasons = _counts(read_json_object(Path(folder) / DROPPED).get("dropped", {}), folder)
    return dict(sorted(((reason, n) for reason, n in reasons.items() if n), key=lambda item: -item[1]))


def _counts(found, folder):
    """A dict of counts as dropped.json has it."""
    if not isinstance(found, dict) or not all(type(n) is int and n >= 0 for n in found.values()):
        raise InputError(f"{Path(folder) / DROPPED} is damaged: make the set again")
    return found


def worth(folder):
    """What the filters tell about the generator of a set: {class name: {"tried", "kept", "read_as_class"}} of the classes that were tried.

    `read_as_class` is the share, 0 to 1, that the classifier reads as the class of the images that came to it; None where it was not asked.

    Raises:
        InputError: dropped.json is damaged.
    """
    found = {}
    classes = read_json_object(Path(folder) / DROPPED).get("classes", {})
    for name, part in _dict(classes, folder).items():
        dropped = _counts(_dict(part, folder).get("dropped", {}), folder)
        own = _counts({key: part.get(key) for key in ("tried", "kept")}, folder)
        if own["tried"]:
            found[name] = {**own, "read_as_class": _read_as_class(own["tried"], dropped)}
    return found


def _dict(found, folder):
    if not isinstance(found, dict):
        raise InputError(f"{Path(folder) / DROPPED} is damaged: make the set again")
    return found


def _read_as_class(tried, dropped):
    asked = FILTERS[READ_AS_OTHER].reason
    if asked not in dropped:
        return None
    before = itertools.takewhile(lambda name: name != READ_AS_OTHER, FILTERS)
    came = tried - sum(dropped.get(FILTERS[name].reason, 0) for name in before)
    return (came - dropped[asked]) / came if came > 0 else 0.0


class _Set:
    """A set being made in a folder."""

    def __init__(self, to, samplers, runner, request, wanted, resume):
        self.to, self.samplers, self.runner, self.request, self.wanted = to, samplers, runner, request, wanted
        self.partial = PartialSet(to, request, resume)
        self.form = FORMATS[request["format"]]
        self.flat = request["flat"]
        self.positions = {c: position for position, c in enumerate(wanted)}
        saved = self.partial.progress.get("classes", {})
        self.entries = {
            c: saved.get(str(position), {"tried": 0, "kept": 0, "pieces": 0, "bytes": {}}) for c, position in self.positions.items()
        }
        self._check_partial()
        if runner is not None and self.partial.progress:
            with self.partial.sound():
                runner.chain.report.restore(self.partial.progress["report"])

    def _check_partial(self):
        """What an interruption left is what its own notes say.

        Raises:
            InputError: it is not.
        """
        for c, entry in self.entries.items():
            lines = sum(1 for _ in self.partial.json_rows(self._partial_file(c, "jsonl")))
            bytes_held = entry["bytes"].get(self._partial_file(c, "u8"), 0)
            expected = entry["kept"] * math.prod(self.samplers.shape) if self.form.file else 0
            if lines != entry["kept"] or bytes_held != expected or entry["kept"] > self.wanted[c]:
                raise self.partial.damage(f"class {self.samplers.name(c)} has {lines} images, not {entry['kept']}")

    # ---- drawing

    def draw(self, quiet, relax=False):
        """Make what is missing; with `relax` from what filters dropped, in the end."""
        done = sum(entry["kept"] for entry in self.entries.values())
        pictures = PictureWriter(self.to)
        try:
            with ProgressLine(sum(self.wanted.values()), initial=done, quiet=quiet) as line:
                for c in self.wanted:
                    self._draw_class(c, pictures, line, relax and self.runner is not None)
        finally:
            pictures.close()

    def _draw_class(self, c, pictures, line, relax):
        entry = self.entries[c]
        limit = self.wanted[c] if self.runner is None else self.wanted[c] * self.request["attempts"]
        progress = ClassProgress(self.wanted[c], limit, entry["tried"], entry["kept"], entry["pieces"])
        if not self.form.file and not self.flat:
            make_folder(self.to / self._folder(c))
        if self.runner is not None:
            self._remember(c, entry)
        drawn = (self.request["seed"], self.request["truncation"])
        for chunk in draw(self.samplers, self.runner, c, progress, *drawn):
            self._add(c, entry, progress, chunk, pictures, line)
        if relax and progress.missing:
            taken = [json.loads(line)["latent"] for line in self._lines(c)]
            for chunk, left_out in best_dropped(self.samplers, self.runner, c, progress, taken, *drawn):
                self._add(c, entry, progress, chunk, pictures, line, left_out)

    def _add(self, c, entry, progress, chunk, pictures, line, left_out=()):
        """Write a chunk, and put down how far the class is."""
        first = progress.kept - len(chunk.images)
        names = [self._name(c, number) for number in range(first, progress.kept)]
        if not self.form.file:
            pictures.write(names, chunk.images)
        elif len(chunk.images):
            entry["bytes"][self._partial_file(c, "u8")] = self.partial.append(self._partial_file(c, "u8"), chunk.images.tobytes())
        content = "".join(map(json_line, self._rows(c, names, chunk, left_out))).encode(errors="backslashreplace")  # see files.atomic_write
        entry["bytes"][self._partial_file(c, "jsonl")] = self.partial.append(self._partial_file(c, "jsonl"), content)
        if chunk.features is not None and len(chunk.features):
            content = chunk.features.astype("<f4").tobytes()
            entry["bytes"][self._partial_file(c, "f4")] = self.partial.append(self._partial_file(c, "f4"), content)
        entry.update(tried=progress.tried, kept=progress.kept, pieces=progress.chunks)
        self._note()
        line.add(len(chunk.images), self._label(c))

    def _remember(self, c, entry):
        """What filters know of this class from before an interruption."""
        chain = self.runner.chain
        chain.forget()
        if chain.remembers and entry["kept"]:
            width = self.runner.reference(c).space.width
            rows = list(self.partial.json_rows(self._partial_file(c, "jsonl")))
            with self.partial.sound():
                labels = [self.samplers.class_names.index(row["read_as"]) if c is None else c for row in rows]
                features = self.partial.rows(self._partial_file(c, "f4"), (width,), "<f4")
                if len(features) != len(labels):
                    raise ValueError(f"{len(features)} features of {len(labels)} images")
            chain.remember(features, labels)

    def _note(self):
        report = {} if self.runner is None else {"report": self.runner.chain.report.to_json()}
        self.partial.note({"classes": {str(self.positions[c]): entry for c, entry in self.entries.items()}, **report})

    def _rows(self, c, names, chunk, left_out):
        origin = {**self.samplers.of(c).origin, "seed": self.request["seed"]}
        if self.request["truncation"] is not None:
            origin["truncation"] = self.request["truncation"]
        learnt = self.samplers.of(c).run.config.data.class_name if c is None else self.samplers.name(c)
        for i, name in enumerate(names):
            row = {"file": name, "class": learnt, "latent": int(chunk.latents[i]), **origin}
            for reading, values in chunk.readings.items():
                row[reading] = self.samplers.class_names[values[i]] if reading == "read_as" else round(float(values[i]), 4)
            if self.runner is not None:
                passed_over = {*left_out, *self.runner.aside(c)}
                row["passed"] = [name for name in self.request["filters"]["names"] if name not in passed_over]
                if left_out:
                    row["dropped_by"] = "one of " + ", ".join(left_out)
            yield row

    # ---- names

    def _folder(self, c):
        return class_folder(self.samplers.name(c))

    def _label(self, c):
        return "" if c is None else one_line(f"class {self.samplers.name(c)}")

    def _name(self, c, number):
        if self.form.file:
            return self.form.file
        if self.flat:
            return f"{number * len(self.wanted) + self.positions[c]:06d}.png"
        return f"{self._folder(c)}/{number:06d}.png"

    def _lines(self, c):
        return self.partial.lines(self._partial_file(c, "jsonl"))

    def _partial_file(self, c, kind):
        return f"{self.positions[c]}.{kind}"

    # ---- the end

    @property
    def missing(self):
        """{class name: images that could not be made}."""
        return {self.samplers.name(c): n - self.entries[c]["kept"] for c, n in self.wanted.items() if n > self.entries[c]["kept"]}

    def kept(self, name):
        """Images of a class that there are."""
        return next(entry["kept"] for c, entry in self.entries.items() if self.samplers.name(c) == name)

    def finish(self):
        """Write what is only known in the end; the unfinished part goes, unless a class is short."""
        order = list(self.wanted)
        if self.form.file and any(entry["kept"] for entry in self.entries.values()):
            arrays = [self.partial.rows(self._partial_file(c, "u8"), self.samplers.shape, np.uint8) for c in order]
            images = mixed_file(self.partial.path("mixed.u8"), arrays)
            labels = np.fromiter((order[position] for position, _ in self._order()), dtype=np.int64, count=len(images))
            self.form.write(self.to, images, labels, self.samplers.class_names)
        if self.runner is not None or self.missing:
            write_json(self.to / DROPPED, self._dropped())
        self._write_description()
        with atomic_write(self.to / MANIFEST, "w") as file:
            file.writelines(self._manifest_lines())
        with optional_picture(self.to / GRID):
            self._draw_grid()
        remove_temporaries(self.to, WRITTEN)
        if not self.missing:
            self.partial.remove()

    def _write_description(self):
        """Lists for other programs, where there are pictures of classes, and what a reader should know of the set."""

        def rows():
            return ((row["file"], row["class"], "train", True) for row in map(json.loads, self._manifest_lines()))

        if not self.form.file and all(name is not None for _, name, _, _ in itertools.islice(rows(), 1)):
            write_lists(self.to, rows)
        data = self.samplers.samplers[0].run.config.data
        policy = policy_for(data.source, self.samplers.shape[0], data.policy)
        write_json(self.to / DESCRIPTION, {"version": 1, "policy": choice_of(policy)})

    def _order(self):
        """(position of the class, number within it) of every image, as the set's files have them."""
        counts = [self.entries[c]["kept"] for c in self.wanted]
        if self.form.file or self.flat:
            return interleaved(counts)
        return ((position, number) for position, count in enumerate(counts) for number in range(count))

    def _manifest_lines(self):
        lines = [self.partial.lines(f"{position}.jsonl") for position in range(len(self.wanted))]
        for index, (position, _) in enumerate(self._order()):
            line = next(lines[position])
            yield line if not self.form.file else line[:-2] + f', "index": {index}}}\n'

    def _dropped(self):
        report = {} if self.runner is None else self.runner.chain.report.to_json()
        return {
            **report,
            **self._worth(),
            "missing": {str(name): n for name, n in self.missing.items()},
            "attempts": self.request["attempts"],
            "filters": self.request["filters"],
        }

    def _worth(self):
        """Of the classes that were made: how well the filters' classifier reads them, what stepped aside, what was taken all the same."""
        reading, worth = None if self.runner is None else self.runner.reading, {}
        if reading is not None:
            counts = {self.samplers.class_names[c]: reading.counts(c) for c in self.wanted if c is not None}
            worth["held_out"] = {name: {"images": count, "read_right": right} for name, (count, right) in counts.items()}
            aside = {self.samplers.name(c): self.runner.aside(c) for c in self.wanted}
            worth["stepped_aside"] = {name: filters for name, filters in aside.items() if filters}
        taken = {str(self.samplers.name(c)): sum("dropped_by" in json.loads(line) for line in self._lines(c)) for c in self.wanted}
        return {**worth, **({"taken_all_the_same": {name: n for name, n in taken.items() if n}} if any(taken.values()) else {})}

    def _draw_grid(self):
        """The first images: of a flat set in the manifest's order, of a set with classes one class a row."""
        if self.flat:
            with open(self.to / MANIFEST, encoding="utf-8") as file:
                shown, columns = [read_png(self.to / json.loads(line)["file"]) for line, _ in zip(file, range(SHOWN))], COLUMNS
        else:
            rows = [self._first_images(c) for c in self.wanted if self.entries[c]["kept"]][:SHOWN_CLASSES]
            columns = max(map(len, rows), default=0)
            shown = [image for row in rows for image in [*row, *[np.zeros(self.samplers.shape, np.uint8)] * (columns - len(row))]]
        if shown:
            save_png(self.to / GRID, grid(np.stack(shown), columns))

    def _first_images(self, c):
        kept = min(self.entries[c]["kept"], COLUMNS)
        if self.form.file:
            return list(self.partial.rows(self._partial_file(c, "u8"), self.samplers.shape, np.uint8)[:kept])
        return [read_png(self.to / self._name(c, number)) for number in range(kept)]
