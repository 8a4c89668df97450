"""Generated sets on the disk: so many images of each class, filtered, each with its origin in a manifest.

The set is a function of the request: the same request gives the same files, also when it was interrupted and resumed.
"""

import contextlib
import math
import shutil
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Union

from .. import processes
from ..augment.policies import choice_of, policy_for
from ..config.arguments import checked
from ..console import ProgressLine, listed, one_line, tell
from ..data import DataSpec, load
from ..data.class_names import check_class_folders
from ..data.written_set import DROPPED, read_json_object, read_manifest
from ..errors import InputError, RunFailed
from ..files import LOCK_FILES, check_makeable, expanded, lock_folder, make_folder, refuse_if_locked
from ..runs.dry_run import DryRun
from ..runs.timing import as_range, starting
from ..runtime import check_seed
from .drawing import Chunk, Take, best_dropped, draw
from .drawing_together import Ahead, drawn_ahead
from .dry_run import rehearse
from .filter_runner import FilterRunner
from .filters import Filters
from .partial_set import request_text
from .quotas import equal, lacking
from .reader import Reader, aside_lines, open_reader
from .sampler import Runs, Sampler, Samplers, open_runs
from .set_folder import PLAIN, ClassPart, Layout, SetFolder, SetRequest
from .summary import GeneratedSet, as_object, count_by_class
from .writers import FORMATS, PictureWriter, check_form

LEAST_BYTES = 100  # that an image and its line in the manifest take


class QuotaNotMet(RunFailed):
    """Classes stayed short of their quotas; `reason` says which and by how much. The images that there are of them are
    on the disk.
    """

    def __init__(self, made: SetFolder) -> None:
        short = listed(f"{name or 'images'}: {made.counts[name]} of {made.counts[name] + n}" for name, n in made.missing.items())
        self.reason = f"not filled within {made.request.attempts} attempts for each image ({short})"
        super().__init__(
            f"{self.reason}; what there is lies in {made.to}, {DROPPED} says why; "
            "continue with resume=True and more `attempts`, or make a set with other filters or of a better run"
        )


@checked
def generate(  # long: it explains every parameter of a request
    runs: Runs,
    *,
    to: Union[str, Path],
    count: Optional[int] = None,
    per_class: Optional[int] = None,
    quotas: Optional[Dict[Union[str, int], int]] = None,
    balance: Union[str, Path, DataSpec, None] = None,
    ratio: Optional[float] = None,
    seed: int = 0,
    truncation: Optional[float] = None,
    filters: Optional[Filters] = None,
    form: str = "folder",
    resume: bool = False,
    checkpoint: Union[str, int] = "last",
    device: str = "auto",
    threads: int = 0,
    quiet: bool = False,
    dry_run: bool = False,
) -> GeneratedSet:
    """Write generated images, and a manifest.jsonl that says where each came from, into the folder `to`.

    With `count` the pictures are 000000.png …, of all classes in turn. With `per_class`, `quotas` or `balance` they are
    `<class>/000000.png` …, or lie in one file of another `form`. grid.png shows the first images, of a set with classes
    one class a row. Pictures with classes get lists for other programs, see `writers.write_lists`. With filters,
    dropped.json says what they dropped. Only classes with training images are made. Image i of a class depends on the
    seed and i alone: the first images of a larger set are those of a smaller one.

    Args:
        runs: a run's folder, name or opened `Run`; several of them, one for each class; or a folder of runs. A run that varies images
            (`dagan`) makes variations of its data's training images, of all their classes, and takes no `count`.
        to: a folder that is missing or empty, or with `resume` one that was begun by the same request.
        count: images in all. per_class: images of each class. quotas: {class name or index: images}.
        balance: a data set, which is read as the run read its own. Of each class as many images are made as it lacks to
            the largest.
        ratio: with `balance`, all classes are levelled to 1 + `ratio` times the largest, see `quotas.lacking`.
        seed: of the latents, from 0. truncation: latents farther from 0 than this are drawn anew; None = none are.
        filters: which images are kept; None = all.
        form: a name of `writers.FORMATS`.
        resume: go on with a set that was interrupted, or whose classes stayed short.
        checkpoint: "last", "best", or a step; of runs that are not opened yet.
        device, threads: as for `open_run`. quiet: print no progress.
        dry_run: write nothing, and only find out what would be done, and how long it would take: some images are drawn and filtered.

    Returns:
        A `GeneratedSet`.

    Raises:
        InputError: no such run or checkpoint, a run that makes no images, a folder in use, a number below 1, classes
            asked of a run that has none, a classifier of other data, a form that cannot hold these images.
        QuotaNotMet (a RunFailed): a class stayed short of its quota. Its images are kept; the manifest and dropped.json
            say so.
    """
    began = time.perf_counter()
    filters, to = filters or Filters(), _usable_folder(to, resume)
    _check_numbers(count, per_class, quotas, balance, ratio, seed, truncation)
    names = filters.chosen()
    samplers = Samplers(open_runs(runs, checkpoint, device, threads), varying=count is None)
    if balance is not None:
        quotas = _balanced(samplers, balance, ratio)
    elif not quiet and quotas is None and (left_out := samplers.never_learnt()):
        tell(f"left out, since there are no training images of them: {listed(left_out)}")
    chosen = _quotas(samplers, count, per_class, quotas)
    options = (names, filters.settings or {}, filters.attempts, filters.relax)
    request = SetRequest(chosen, seed, truncation, count is not None, form, *options)
    _check_form(samplers, request, to)
    _check_room(to, sum(chosen.values()))
    if resume and PLAIN.is_complete(to):
        check_same(to, request.to_json(samplers))
        if dry_run:
            return GeneratedSet(to, {}, {}, DryRun({"to": str(to), "images": 0}, []))
        shutil.rmtree(to / PLAIN.partial, ignore_errors=True)
        if not quiet:
            tell(f"{to} is complete: nothing left to do")
        return GeneratedSet.of(to)
    if dry_run:
        refuse_if_locked(to)
        start, began = starting(time.perf_counter() - began), time.perf_counter()
        runner = _filter_runner(samplers, filters, request, device, threads, True, dry_run) if names else None
        steps = [start] + [as_range([time.perf_counter() - began]).step("learn what the filters keep")] * bool(names)
        return rehearse(to, samplers, request, runner, steps, resume)
    processes.join()
    processes.meet()  # nothing is written so far
    if not processes.first():
        Ahead(request).serve()
        processes.meet()
        return GeneratedSet.of(to)
    runner = _filter_runner(samplers, filters, request, device, threads, quiet) if names else None
    with drawn_set(to, samplers, request, runner, resume, quiet) as made:
        data = samplers.runs[0].config.data
        made.finish(choice_of(policy_for(data.source, samplers.shape[0], data.policy)))
        made.close()
    processes.meet()
    if made.missing:
        raise QuotaNotMet(made)
    return GeneratedSet.of(to)


# ---- the request -------------------------------------------------------------------------------------------------------


def _usable_folder(to: Union[str, Path], resume: bool) -> Path:
    """The folder `to`, if a set may be made in it."""
    to = expanded(to)
    if to.suffix.lower() in (".npz", ".gz", ".idx", ".png"):
        raise InputError(f"to is {to}: give a folder; the images go into it beside their manifest")
    if not to.exists() or (to.is_dir() and all(path.name in LOCK_FILES for path in to.iterdir())):
        return check_makeable(to)
    begun = to.is_dir() and PLAIN.is_partial(to)
    if not (resume and to.is_dir() and (begun or PLAIN.is_complete(to))):
        more = "; resume=True goes on with the set that was begun there" if begun else ""
        raise InputError(f"{to} is not empty: nothing is overwritten; choose an empty or new folder{more}")
    return to


def _check_room(to: Path, images: int) -> None:
    """Refuse more images than the disk takes even if they were as small as can be."""
    there = next(above for above in (to, *to.absolute().parents) if above.exists())
    free = shutil.disk_usage(there).free
    if images * LEAST_BYTES > free:
        needed, left = (f"{size / 1e9:.3g}" for size in (images * LEAST_BYTES, free))
        raise InputError(f"{images} images take at least {needed} GB, and {to} has {left} GB left: ask for fewer, or choose another disk")


def _check_numbers(
    count: Optional[int],
    per_class: Optional[int],
    quotas: Optional[Dict[Union[str, int], int]],
    balance: Any,
    ratio: Optional[float],
    seed: int,
    truncation: Optional[float],
) -> None:
    if sum(given is not None for given in (count, per_class, quotas, balance)) != 1:
        raise InputError("say how many images to make: give one of `count`, `per_class`, `quotas` and `balance`")
    if count is not None and count < 1:
        raise InputError(f"count is {count}: ask for at least one image")
    if ratio is not None and balance is None:
        raise InputError(f"ratio {ratio}: it says how far `balance` goes; name the data with balance=DATA")
    check_seed(seed)
    check_truncation(truncation)


def check_truncation(truncation: Optional[float]) -> None:
    """Check that a truncation is a number above 0, or None.

    Raises:
        InputError: it is not.
    """
    if truncation is not None and not (truncation > 0 and math.isfinite(truncation)):
        raise InputError(f"truncation is {truncation}: give a number above 0, such as 2 (without it nothing is truncated)")


def _by_name(samplers: Samplers, quotas: Dict[Union[str, int], int]) -> Dict[str, int]:
    """Quotas whose classes are given by name or by index, {class name: images}.

    Raises:
        InputError: there is no class of an index; a class is given twice; a number is negative.
    """
    found: Dict[str, int] = {}
    for key, n in quotas.items():
        if isinstance(key, int) and not 0 <= key < len(samplers.class_names):
            raise InputError(f"quotas: there is no class {key}: indices go from 0 to {len(samplers.class_names) - 1}")
        name = samplers.class_names[key] if isinstance(key, int) else key
        if name in found:
            raise InputError(f"quotas: the class {name} is given twice, by its name and by its index: give it once")
        if n < 0:
            raise InputError(f"quotas: {n} images of the class {name}: give 0 or more")
        found[name] = n
    return found


def _quotas(
    samplers: Samplers, count: Optional[int], per_class: Optional[int], quotas: Optional[Dict[Union[str, int], int]]
) -> Dict[Sampler, int]:
    """How many images each sampler is asked for."""
    if count is not None:
        share, rest = divmod(count, len(samplers))
        return {sampler: share + (position < rest) for position, sampler in enumerate(samplers)}
    if not samplers.labelled:
        folder = samplers.runs[0].folder
        raise InputError(
            f"run {folder} cannot be asked for a class: train a conditional preset, or one run for each class, or give `count`"
        )
    if per_class is not None:
        return equal(samplers, per_class)
    names, quotas = samplers.names, _by_name(samplers, quotas)
    strange = [name for name, n in quotas.items() if name not in names and (n > 0 or not set(names) & set(quotas))]
    if strange:
        raise InputError(f"no run makes the class {strange[0]}: there are {listed(names)}")
    chosen = {samplers.of_class(name): n for name, n in quotas.items() if n > 0}
    if not chosen:
        more = "`ratio=1` makes as many again, per_class=N so many of each"
        raise InputError(f"no class lacks an image: there is nothing to generate; {more}")
    return chosen


def _balanced(samplers: Samplers, data: Union[str, Path, DataSpec], ratio: Optional[float]) -> Dict[str, int]:
    """{class name: what it lacks in the training part of a data set, which is read as the runs read their own}."""
    spec = data if isinstance(data, DataSpec) else samplers.parts.spec.renamed(data)
    images = load(spec, "train", split="full")
    counts = images.counts()
    lacks = zip(images.class_names, lacking(counts, ratio=ratio), counts)
    return {name: int(n) for name, n, count in lacks if count or name in samplers.names}


def _check_form(samplers: Samplers, request: SetRequest, to: Path) -> None:
    """Check that the form can hold the images, before there is a folder that would have to be emptied again."""
    check_form(request.form, samplers.shape, samplers.class_names, samplers.labelled)
    if request.form != "folder" and request.flat:
        raise InputError(f"form {request.form}: it is for sets with classes: say with per_class=N how many images of each to make")
    if request.form == "folder" and not request.flat:
        check_class_folders([sampler.name for sampler in request.quotas], to)


def check_same(to: Path, asked: dict) -> None:
    """Check that a complete set is what is asked for, as far as the set tells.

    Args:
        to: the set. asked: what `SetRequest.to_json` gives, or some of its keys.

    Raises:
        InputError: it is not.
    """
    first = next(read_manifest(to), {})
    of_filters = as_object(read_json_object(to / DROPPED).get("filters", {}), to)
    held = {
        "wanted": {str(name): n for name, n in count_by_class(to).items()},
        "flat": "/" not in first.get("file", "") and "index" not in first,
        "format": next((name for name, form in FORMATS.items() if form.file and form.file == first.get("file")), "folder"),
        "seed": first.get("seed"),
        "truncation": first.get("truncation"),
        "filters": of_filters.get("names", []),
        "settings": of_filters.get("settings") or {},
    }
    asked = {**asked, "filters": asked["filters"]["names"], "settings": asked["filters"]["settings"]}
    if "wanted" in asked:
        asked["wanted"] = {name: n for name, n in asked["wanted"].items() if n}
    if "runs" in asked:
        rows = {row.get("class"): row for row in read_manifest(to)}.values()  # one of each class
        made_by = [{key: row.get(key) for key in asked["runs"][0]} for row in rows]
        if any(run not in asked["runs"] for run in made_by):
            held["runs"] = made_by
    for key, value in held.items():
        if key in asked and value != asked[key]:
            given = request_text(key, asked[key])
            raise InputError(f"{to} is complete with {request_text(key, value)}, not {given}: choose another folder")


# ---- drawing -----------------------------------------------------------------------------------------------------------


def _filter_runner(
    samplers: Samplers, filters: Filters, request: SetRequest, device: str, threads: int, quiet: bool, dry_run: bool = False
) -> FilterRunner:
    """The filters of a request; with lines about what they do unless `quiet`."""
    names = request.filters
    if not quiet:
        tell(f"learning from the training images what {len(names)} filters keep")
    reader = None
    if filters.classifier is not None:
        reader = Reader(open_reader(filters.classifier, samplers.parts.read("train"), device, threads), samplers.parts)
        if dry_run:
            reader.leave_folds_out()
    runner = FilterRunner(samplers, names, reader, filters.settings)
    if not quiet:
        for line in aside_lines(reader, names, samplers.class_names, [sampler.index for sampler in request.quotas]):
            tell(one_line(line))
    return runner


@contextlib.contextmanager
def drawn_set(
    to: Path,
    samplers: Samplers,
    request: SetRequest,
    runner: Optional[FilterRunner],
    resume: bool,
    quiet: bool,
    layout: Layout = PLAIN,
) -> Iterator[SetFolder]:
    """Draw the images of a set in a folder, and hold the folder for this process while the set is finished.

    Args:
        to, samplers, request, runner, resume, layout: as for `SetFolder`. quiet: print no progress.

    Yields:
        The `SetFolder`, with all images that could be made.
    """
    with lock_folder(make_folder(to)):
        made = SetFolder(to, samplers, request, runner, resume, layout)
        done = sum(made.counts.values())
        total = sum(request.quotas.values())
        with PictureWriter(to) as pictures, ProgressLine(total, initial=done, quiet=quiet) as line, drawn_ahead(request) as take:
            for part in made.parts:
                made.begin_class(part)
                for chunk in _chunks(made, part, request, take):
                    made.add(part, chunk, pictures)
                    line.add(len(chunk.images), made.label(part))
        yield made
    for name in LOCK_FILES:
        (to / name).unlink(missing_ok=True)


def _chunks(made: SetFolder, part: ClassPart, request: SetRequest, take: Optional[Take]) -> Iterator[Chunk]:
    """The chunks of a class; if it stays short, with `relax` the best of those that filters dropped."""
    yield from draw(part.sampler, made.runner, part.progress, request.seed, request.truncation, take)
    if request.relax and made.runner is not None and part.progress.missing:
        taken = made.latents_taken(part)
        yield from best_dropped(part.sampler, made.runner, part.progress, taken, request.seed, request.truncation)
