"""Which arms are compared: named before a test image is scored, written down in study.json, and kept when the study goes on."""

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Optional

from .. import __version__
from ..files import write_json
from .cells import read_rows
from .folder import STUDY
from .plan import Plan, named_arms
from .splits import TEST, StudyData
from .stored import read_beginning

LATER = ("learner_steps", "learner_overrides", "unlabelled")  # settings that studies did not always have
BY_RULE = "by rule"
BEFORE = "before any test image is scored"
LATE = "after test images had been scored in this folder: the verdict is a hint; a claim needs another folder and other seeds"


@dataclass(frozen=True)
class Named:
    """The arms that are compared.

    Attributes:
        gan_arm, rival: their names. by_rule: whether no scores chose them.
        late: whether they were named, or what they are compared by, after test images had been scored.
        goes_on: whether the last call in this folder had the same plan and the same data, and had named them.
    """

    gan_arm: Optional[str]
    rival: str
    by_rule: bool
    late: bool = False
    goes_on: bool = False

    @property
    def how(self) -> str:
        """What chose them, in words."""
        return BY_RULE if self.by_rule else "by mean score on splits that choose"

    def told(self) -> str:
        """A line for people."""
        arm = self.gan_arm or "no arm with generated images"
        return f"compared    {arm} against {self.rival}, named {self.how} {LATE if self.late else BEFORE}"


def asked_of(plan: Plan, data: StudyData) -> Dict[str, Any]:
    """What study.json says that was asked for."""
    named = {name: getattr(plan, name) for name in ("seeds", "other_seeds", "choices", "gan_arm", "rival")}
    named.update({"first_seed": plan.first_seed} if plan.first_seed else {})
    settings = {key: value for key, value in asdict(plan.settings).items() if value is not None or key not in LATER}
    plain = {"arms": [arm.name for arm in plan.arms], "scenarios": [s.name for s in plan.scenarios], **named, **settings}
    return json.loads(json.dumps({"plan": plain, "data": data.fingerprint()}))


def told_former(folder: Path, plan: Plan, data: StudyData) -> List[str]:
    """What the plan says of a study in its folder that asked for something else."""
    asked = asked_of(plan, data)
    former = read_beginning(folder / STUDY)["asked"] if (folder / STUDY).exists() else asked
    if former == asked:
        return []
    if former.get("data") != asked["data"]:
        return ["the data has changed since this study began: its cells are computed anew, former rows are left aside"]
    return [f"{folder} holds a study that asked for something else: its rows are kept, its report is replaced (--to NEW keeps it)"]


def as_named(folder: Path, plan: Plan, data: StudyData) -> Plan:
    """The plan with the arms that study.json names, if the same was asked for."""
    known = read_beginning(folder / STUDY) if (folder / STUDY).exists() else {}
    if known.get("asked") != asked_of(plan, data):
        return plan
    return replace(plan, gan_arm=known["named"]["gan_arm"], rival=known["named"]["rival"])


def name_arms(folder: Path, plan: Plan, data: StudyData, measure: str, scores: Dict[str, float], write: bool) -> Named:
    """The arms to compare: those of study.json if the same was asked for, else named now.

    Args:
        plan: as it was asked for. measure: what arms are compared by. scores: {arm: mean score on the splits that choose}; {} = by rule.
        write: whether to write them down, as test images are about to be scored.
    """
    asked, path = asked_of(plan, data), folder / STUDY
    known = read_beginning(path) if path.exists() else {}
    former = known.get("named", {})
    same = former.get("measure", measure) == measure  # earlier versions did not write it down
    if known.get("asked") == asked and same:
        return Named(former["gan_arm"], former["rival"], former.get("how") == BY_RULE, former.get("late", False), True)
    gan_arm, rival = named_arms(plan, scores)
    late = False
    if known and known["asked"].get("data") == asked["data"]:
        others = not same or (former["gan_arm"], former["rival"]) != (gan_arm, rival)
        late = former.get("late", False) or (others and any(row["role"] == TEST for row in read_rows(folder)))
    found = Named(gan_arm, rival, not scores, late)
    if write:
        named = {"gan_arm": gan_arm, "rival": rival, "measure": measure, "how": found.how, "scores": scores, "late": late}
        write_json(path, {"asked": asked, "named": {**named, "time": time.strftime("%Y-%m-%dT%H:%M:%S")}, "version": __version__})
    return found
