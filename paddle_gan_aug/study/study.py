"""One command from labelled images to an answer: do generated images help here, and which classifier to use."""

import shlex
import time
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

from .. import __version__
from ..console import tell
from ..data import DataSpec, LabelledImages, as_spec
from ..data.class_names import check_class_folders
from ..data.load import place_of
from ..errors import InputError, RunFailed
from ..files import check_makeable, check_outside, did_you_mean_path, expanded, lock_folder, make_folder, write_json
from ..runs.places import is_run, run_folders, unused_folder
from .arguments import checked_study
from .arms import WITHOUT_LABELS, arm_of
from .board import show_study
from .cells import Cell, key_of, missing, names_of, read_rows, rows_of
from .checks import check_different, check_presets, told_copies, told_data, told_overlap
from .engine import Engine, affordable_jobs, connect
from .estimate import cell_seconds, classifier_seconds
from .folder import check_folder, default_folder, name_of, note_data, noted_slowness
from .naming import LATE, Named, as_named, name_arms, told_former
from .plan import Plan, told_time
from .planning import NEW_IMAGES, Request, make_plan, parse_budget
from .progress import StudyProgress, TimeLeft
from .speed import slowness
from .splits import FINAL, StudyData, cell_images, check_data, check_test, check_unlabelled, read_data
from .stored import read_results
from .summary import choice_scores, comparisons, measure_of, of_arms, recommended, told_without, verdict

RESULTS = "results.json"
STORED = -1.0  # a deadline that has passed: nothing is computed
LEFT = 0.9  # of the budget, after which no cell begins
LATEST = 1.1  # of the budget, within which all cells should have ended


@dataclass
class Study:
    """What a study found.

    Attributes:
        folder: of its rows, results and report. plan: what was asked for. verdict: the answer in a sentence; "" of a dry run.
        arms: a dict for each arm and scenario: mean, spread, recall, minutes. comparisons: each arm against the rival.
        recommended: {"arm", "why", "run", "config", "command"}; the last three are of the classifier that was kept. The arm is None where
            all cells of the best one failed.
        notes: what else is to be said.
        report: the page, or None.
    """

    folder: Path
    plan: Optional[Plan]
    verdict: str = ""
    arms: List[Dict[str, Any]] = field(default_factory=list)
    comparisons: List[Dict[str, Any]] = field(default_factory=list)
    recommended: Optional[Dict[str, Any]] = None
    notes: List[str] = field(default_factory=list)
    report: Optional[Path] = None
    data: Dict[str, Any] = field(default_factory=dict)

    def told_plan(self) -> List[str]:
        """Lines for people about the images and what is done with them."""
        return [told_data(self.data), *(self.plan.told() if self.plan else [])]

    def to_json(self) -> Dict[str, Any]:
        """Plain values."""
        values = {name: getattr(self, name) for name in ("verdict", "arms", "comparisons", "recommended", "notes", "data")}
        return {"folder": str(self.folder), **values, "report": self.report and str(self.report), "plan": self.plan and self.plan.told()}


@checked_study
def run_study(  # long: its parameters are explained one by one
    data: Any,
    *,
    test: Any = None,
    unlabelled: Any = None,
    to: Any = None,
    arms: Optional[Sequence[str]] = None,
    labels: Sequence[int] = (),
    cut: Optional[Dict[str, int]] = None,
    new_classes: Sequence[str] = (),
    new_images: Sequence[int] = (NEW_IMAGES,),
    shares: Sequence[float] = (),
    seeds: Optional[int] = None,
    other_seeds: Optional[int] = None,
    first_seed: int = 0,
    choices: Optional[int] = None,
    steps: Optional[int] = None,
    gan: Optional[str] = None,
    gan_steps: Optional[int] = None,
    patience: Optional[int] = None,
    per_class: Optional[int] = None,
    architecture: str = "lenet",
    gan_arm: Optional[str] = None,
    rival: Optional[str] = None,
    measure: Optional[str] = None,
    margin: float = 0.002,
    budget: Any = None,
    jobs: int = 1,
    threads: int = 1,
    cluster: Optional[str] = None,
    policy: str = "auto",
    allow_overlap: bool = False,
    learner_steps: Optional[int] = None,
    learner_overrides: Optional[Dict[str, Any]] = None,
    overrides: Optional[Dict[str, Any]] = None,
    gan_overrides: Optional[Dict[str, Any]] = None,
    retry: bool = False,
    stored: bool = False,
    keep: bool = True,
    output: Any = None,
    log: Any = None,
    dry_run: bool = False,
    quiet: bool = False,
) -> Study:
    """Compare ways to train a classifier on labelled images, say whether generated ones help, and keep the best classifier.

    What is computed is stored: the same call goes on where it was interrupted.

    Args:
        data: the labelled images: a name, a path or a `DataSpec`. test: a labelled test set; None = the data's own, or folds of it.
        unlabelled: further images without labels, by name or path, beside those of a folder `unlabelled`; `labels` leaves some too.
        to: the folder of the study; None = output/study-<name of the data>, for other data of that name output/study-<name>-2.
        arms: names of `arms.ARMS`, "name@share" for another share of generated images; None = chosen from the data.
        labels: draw so many labels of each class, once for each seed; several numbers are as many scenarios. cut: {class: images}.
        new_classes: classes of which `new_images` images are kept, each number a scenario; what varies images learns the others and is
            applied to these. shares: of generated images in a batch; every arm that has some runs with each.
        seeds: paired seeds; None = 8, or what the budget or the folds leave. other_seeds: of arms that are neither compared nor `real`;
            None = as many. first_seed: where they begin; other seeds draw other labels, for a new claim after test images were scored.
        choices: splits on which the arms to compare are chosen, and a gain of generated images is measured.
        patience: measurements on held-out labels without a better one, after which a GAN stops; 0 = it takes all its steps, None = chosen
            from the data.
        steps, architecture: of every classifier. gan, gan_steps: preset and length of the GAN. per_class: generated images of each class.
        learner_steps, learner_overrides: length and further configuration keys of the arms that learn images without labels.
        gan_arm, rival: the arms to compare; None = chosen without looking at test images. measure: "accuracy", "balanced_accuracy" or
            "cut_recall"; None = the first, or the second where classes differ in size. margin: a difference (0 to 1) that is too small
            to care about. budget: "30m", "2h"; None = as long as it takes.
        jobs: worker processes. threads: of each. cluster: the address of a Dask scheduler.
        policy: as `data.policy`. allow_overlap: go on where test images are training images.
        overrides, gan_overrides: further configuration keys of every classifier, of every GAN. retry: run failed cells again.
        stored: compute nothing, and answer from the rows that are there.
        keep: train and keep the recommended classifier. output, log: where it goes. dry_run: plan only. quiet: no progress line.

    Returns:
        A `Study`.

    Raises:
        InputError: anything wrong with the arguments or the data, before anything is trained.
        RunFailed: every cell failed.
    """
    seconds = None if budget is None else parse_budget(budget)
    given = {**locals(), "budget": seconds}
    request = Request(**{field.name: given[field.name] for field in fields(Request)})
    deadline = None if seconds is None else time.monotonic() + LEFT * seconds
    latest = None if seconds is None else time.monotonic() + LATEST * seconds
    deadline, keep = (STORED, False) if stored else (deadline, keep)
    if unlabelled is not None and not request.may_learn_unlabelled:
        raise InputError(f"unlabelled: none of the arms {', '.join(arms)} learns images without labels: add {' or '.join(WITHOUT_LABELS)}")
    spec = as_spec(data)
    asked = spec if unlabelled is None else replace(spec, unlabelled=str(unlabelled))
    read = replace(read_data(asked, test, policy, unlabelled=request.may_learn_unlabelled), spec=spec)
    fitting = affordable_jobs(jobs, read.pool.image_size, read.pool.channels, request.may_generate)
    folder = expanded(to) if to else default_folder(read)
    check_folder(folder)
    known = noted_slowness(folder) or (1.0 if stored or cluster else None)
    plan = make_plan(read, replace(request, jobs=fitting), partial(slowness, threads=threads, known=known))
    if fitting < jobs:
        plan.notes.append(f"memory is free for {fitting} of the {jobs} workers")
    for scenario in plan.scenarios:
        check_data(read, scenario, plan.settings.folds)
    overlaps = check_test(read, allow_overlap)
    if any(arm.makes for arm in plan.arms) and not stored:
        _check_class_names(read.labels, folder)
    if any(arm.unlabelled for arm in plan.arms):
        check_unlabelled(read, allow_overlap)
    plan.notes.extend([*told_overlap(overlaps), *told_copies(read.labels)])
    check_presets(plan)
    check_different(plan)
    measure = measure_of(plan, read.labels.counts(), measure, None if read.test is None else read.test.filled_classes)
    if keep and seconds is not None:  # the classifier that is kept has its time too
        left = classifier_seconds(read, plan)
        deadline, latest = deadline - left, latest - left
    plan.notes.extend(told_former(folder, plan, read))
    for place in (folder, *run_folders(output, log)):
        check_makeable(place)
        for images in filter(None, (spec, test, unlabelled)):
            check_outside(place, place_of(images))
    if dry_run:
        plan.notes.extend(_told_stored(folder, as_named(folder, plan, read), read, retry))
        return Study(folder, plan, notes=plan.notes, data=_about(read, plan))
    if cluster:
        connect(cluster).close()
    with lock_folder(make_folder(folder)):
        if deadline != STORED:
            note_data(folder, read, plan.slowness)
        return _Session(folder, read, plan, measure, margin, cluster, deadline, latest, quiet, retry, test).run(keep, output, log)


def _check_class_names(labels: LabelledImages, folder: Path) -> None:
    try:
        check_class_folders(labels.filled_classes, folder)
    except InputError as error:
        problem = str(error).partition(": ")[0]
        raise InputError(f"{problem}, where generated images are written: rename it, or choose arms without generated images") from None


def _seconds_left(cells: Sequence[Cell], todo: Sequence[Cell], plan: Plan, data: StudyData) -> List[float]:
    """What cells without a row take; the shared parts of those with a row have been made."""
    places = {cell.place for cell in todo}
    stored = [cell for cell in cells if cell.place not in places]
    return cell_seconds(data, plan, [*stored, *todo])[len(stored) :]


def _told_stored(folder: Path, plan: Plan, data: StudyData, retry: bool) -> List[str]:
    """What the plan says of cells that need not be computed."""
    cells = [*plan.choosing(), *plan.testing()]
    todo = missing(cells, plan.settings, data.fingerprint(), folder, retry)
    if len(todo) == len(cells) or not todo:
        return ["all of these cells have rows already"] if not todo else []
    left = told_time(sum(_seconds_left(cells, todo, plan, data)) / max(1, plan.jobs))
    return [f"{len(cells) - len(todo)} of these cells have rows already; the others take about {left}"]


def _about(data: StudyData, plan: Plan) -> Dict[str, Any]:
    counts = data.labels.counts()
    return {
        "source": data.source,
        "labels": int(counts.sum()),
        "classes": {name: int(count) for name, count in zip(data.labels.class_names, counts) if count},
        "shape": list(data.pool.shape),
        "test": f"{len(data.test)} images" if data.test is not None else f"{plan.settings.folds} folds",
        "policy": data.policy,
        "fingerprint": data.fingerprint(),
    }


@dataclass
class _Session:
    folder: Path
    data: StudyData
    plan: Plan
    measure: str
    margin: float
    cluster: Optional[str]
    deadline: Optional[float]
    latest: Optional[float]
    quiet: bool
    retry: bool
    test: Any = None

    def run(self, keep: bool, output: Any, log: Any) -> Study:
        plan, measure = self.plan, self.measure
        former = read_results(self.folder / RESULTS)["recommended"] if (self.folder / RESULTS).exists() else {}
        self._say(f"study of {self.data.source}, rows in {self.folder}", told_data(_about(self.data, plan)), *plan.told())
        left = self._cells(plan.choosing(), "choosing", later=plan.testing())
        named = self._named(measure, bool(left))
        gan_arm, rival = named.gan_arm, named.rival
        chooses = plan if not named.by_rule else replace(plan, gan_arm=gan_arm, rival=rival)
        self.plan = plan = replace(plan, gan_arm=gan_arm, rival=rival)
        left += self._cells(plan.testing(), "testing")
        rows = self._rows()
        _check_any_ended_well(rows, self.folder)
        notes = [*plan.notes, *([f"the arms to compare, or what they are compared by, were named {LATE}"] if named.late else [])]
        if left:
            total = len(plan.choosing()) + len(plan.testing())
            notes.append(f"{len(left)} of {total} cells were left out for lack of time; the same command goes on")
        found, arms = comparisons(plan, self.data, rows, gan_arm, rival, measure), of_arms(rows, measure)
        notes += told_without(arms)
        arm, why = recommended(chooses, self.data, rows, gan_arm, rival, measure)
        result = Study(self.folder, plan, verdict(found, arms, gan_arm, rival, measure, self.margin), arms, found, notes=notes)
        result.recommended, result.data = {"arm": arm, "why": why}, _about(self.data, plan)
        several = arm is not None and arm_of(arm).ensemble
        if keep and several:
            result.notes.append("an ensemble is several classifiers, which no run holds: none is kept")
        if keep and arm is not None and not several:
            before = former.get("run") or former.get("before")  # the classifier of an earlier call, whose place is taken
            self._write(replace(result, recommended={**result.recommended, "before": before}), rows)  # the verdict is there in any case
            result.recommended.update(self._kept(arm, output, log, before))
        elif not several and named.goes_on and former.get("arm") == arm and "run" in former and is_run(former["run"]):
            result.recommended = {**former, **result.recommended}  # the classifier of the last call is still that of this recipe
        values = self._write(result, rows)
        show_study(self.folder, run_folders(output, log)[1], values, rows)
        return result

    def _write(self, result: Study, rows: Sequence[Dict[str, Any]]) -> Dict[str, Any]:
        """Write results.json and the page; returns what the file holds."""
        names = {row["key"]: {name: row[name] for name in ("arm", "scenario", "seed", "role")} for row in rows}
        asked = {"measure": self.measure, "margin": self.margin, "gan_arm": self.plan.gan_arm, "rival": self.plan.rival}
        values = {**result.to_json(), **asked, "cells": names, "version": __version__}
        write_json(self.folder / RESULTS, values)
        result.report = draw_report(self.folder)
        return values

    def _rows(self) -> List[Dict[str, Any]]:
        """The rows of this plan's cells; rows of other settings may lie beside them."""
        fingerprint = self.data.fingerprint()
        cells = [*self.plan.choosing(), *self.plan.testing()]
        return rows_of(self.folder, {key_of(cell, self.plan.settings, fingerprint): names_of(cell) for cell in cells})

    def _cells(self, cells: Sequence[Cell], what: str, later: Sequence[Cell] = ()) -> List[Cell]:
        """Run those cells that have no row, before `later` ones; returns those for which no time was left."""
        todo, coming = self._missing(cells), self._missing(later)
        if not todo:
            return []
        left = self._time_left([*cells, *later], [*todo, *coming])
        line = StudyProgress(what, self.plan.arms, cells, todo, self._rows(), left, self.quiet)
        options = {"jobs": self.plan.jobs, "cluster": self.cluster, "deadline": self.deadline, "latest": self.latest, "on_row": line.row}
        try:
            with Engine(self.data, self.plan.settings, self.folder, **options) as engine:
                return engine.run(todo)
        finally:
            line.close()

    def _missing(self, cells: Sequence[Cell]) -> List[Cell]:
        return missing(cells, self.plan.settings, self.data.fingerprint(), self.folder, self.retry)

    def _time_left(self, cells: Sequence[Cell], todo: Sequence[Cell]) -> TimeLeft:
        seconds = _seconds_left(cells, todo, self.plan, self.data)
        return TimeLeft(dict(zip((cell.place for cell in todo), seconds)), self.plan.jobs, self.latest)

    def _named(self, measure: str, incomplete: bool) -> Named:
        """The arms to compare: written down before a test image is scored, and kept when the study goes on."""
        scores = {} if incomplete else choice_scores(self.plan, self._rows(), measure)
        found = name_arms(self.folder, self.plan, self.data, measure, scores, write=self.deadline != STORED)
        if not found.goes_on and self.deadline != STORED:
            self._say(found.told())
        return found

    def _kept(self, arm: str, output: Any, log: Any, former: Optional[str]) -> Dict[str, Any]:
        from .work import keep_classifier

        output, log = run_folders(output, log)
        scenario = self.plan.scenarios[-1]
        source = None if scenario.draws or self.data.spec != DataSpec(self.data.source) else self.data.source
        if source is not None and expanded(source).exists():
            source = str(expanded(source).resolve())  # recommended.yaml is read from any folder
        images = cell_images(self.data, scenario, 0, FINAL, self.plan.settings.folds, unlabelled=arm_of(arm).unlabelled)
        self._say(f"keeping     training {arm} on {len(images.train)} images")
        place = unused_folder(output, f"{name_of(self.data.source)}-{arm}".replace("@", "-").replace("+", "-"))
        places = (self.folder, output, log, place.name)
        made = keep_classifier(arm_of(arm), images, self.plan.settings, *places, source, scenario, former)
        return {**made, "command": self._repeats(source)}

    def _repeats(self, source: Optional[str]) -> str:
        """The command that trains the kept classifier again and tests it; folds have no test images of their own."""
        if self.data.test is None:
            return shlex.join(["train", "-c", str(self.folder / "recommended.yaml")])
        test = [] if self.test is None and source else ["--test", str(self.test or self.data.source)]
        return shlex.join(["classify", "-c", str(self.folder / "recommended.yaml"), *test])

    def _say(self, *lines: str) -> None:
        if not self.quiet:
            tell("\n".join(lines))


def _check_any_ended_well(rows: Sequence[Dict[str, Any]], folder: Path) -> None:
    if rows and all(row["error"] for row in rows):
        raise RunFailed(
            f"all {len(rows)} cells of {folder} failed, the first with {rows[0]['error']}: mend the cause, and go on with retry=True"
        )


@checked_study
def draw_report(folder: Union[str, Path]) -> Path:
    """Draw the report of a study again from its rows.

    Raises:
        InputError: no study there, or one of its files is damaged.
    """
    from .report import write_configs, write_report

    folder = expanded(folder)
    path = folder / RESULTS
    if not path.is_file():
        meant = "" if folder.exists() else did_you_mean_path(folder, before="; ")
        raise InputError(f"{folder} is no study that has ended: it has no {RESULTS}{meant}")
    results = read_results(path)
    rows = read_rows(folder) if results.get("cells") is None else rows_of(folder, results["cells"])
    write_configs(folder, rows)
    return write_report(folder, results, rows)
