"""The registry of filters drives everything: what runs, in which order, and what a request may ask for."""

import subprocess
import sys

import numpy as np
import pytest

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.synthesis.candidates import Candidates, Reference
from paddle_gan_aug.synthesis.filter_chain import FilterChain
from paddle_gan_aug.synthesis.filters import FILTERS, Filter, Filters, chosen_filters


@pytest.mark.parametrize(
    "names, classifier, expected",
    [
        (None, False, []),
        (None, True, [row.name for row in FILTERS.values() if row.default]),
        ("none", True, []),
        ("default", True, [row.name for row in FILTERS.values() if row.default]),
        (["score", "contrast"], False, ["score", "contrast"]),
    ],
)
def test_which_filters_run(names, classifier, expected):
    assert chosen_filters(names, classifier) == expected


def test_every_row_that_reads_wants_a_classifier():
    for name, row in FILTERS.items():
        assert row.needs_reader == bool({"probabilities", "features"} & set(row.needs))
        if row.needs_reader:
            with pytest.raises(InputError, match="as classifier"):
                chosen_filters([name], False)
        assert chosen_filters([name], True) == [name]


def test_every_row_is_whole():
    assert len({row.reason for row in FILTERS.values()}) == len(FILTERS)
    for name, row in FILTERS.items():
        assert row.name == name and callable(row.keep) and row.keep.__doc__
        assert row.description.startswith("Keeps ") and row.description.endswith(".")
        assert not row.stateful or "features" in row.needs


def test_the_registry_does_without_numpy():
    code = "import sys, paddle_gan_aug.synthesis.filters; sys.exit('paddle' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    "filters, words",
    [
        (Filters(["contrast"], attempts=0), "attempts is 0"),
        (Filters(settings={"contrast": {}}), "no filter is on"),
        (Filters(["contrast"], settings={"blur": {}}), "there is no filter 'blur'"),
        (Filters(["contrst"]), "did you mean contrast"),
        (Filters(["score"], settings={"score": {"threshold": "high"}}), "score.threshold: expected a number, got 'high'"),
        (Filters(["rejection"], settings={"rejection": {"percentile": 200}}), "rejection.percentile: expected a number >= 0 and <= 100"),
        (Filters(["metropolis-hastings"], settings={"metropolis-hastings": {"chain": 0}}), "chain: expected a whole number >= 1, got 0"),
        (Filters(["metropolis-hastings"], settings={"metropolis-hastings": {"chain": 2.5}}), "expected a whole number"),
        (Filters(["metropolis-hastings"], settings={"metropolis-hastings": {"method": "x"}}), "one of isotonic, logistic, got 'x'"),
        (Filters(["outliers"], "a run", settings={"outliers": {"share": 5}}), "outliers.share: expected a number >= 0 and <= 1, got 5"),
        (Filters(["confidence"], "a run", settings={"confidence": {"threshold": True}}), "confidence.threshold: expected a number"),
        (Filters(["entropy"], "a run", settings={"entropy": {"limit": float("nan")}}), "entropy.limit: expected a number >= 0, got nan"),
    ],
)
def test_bad_requests(filters, words):
    with pytest.raises(InputError, match=words):
        filters.chosen()
    assert Filters(["contrast"]).chosen() == ["contrast"]


def brighter_than(candidates, reference, rng, mean):
    """Keep images whose mean is above a limit."""
    return candidates.images.mean((1, 2, 3)) > mean


def darker_than_before(candidates, reference, rng, earlier=None):
    """Keep images of smaller features than those kept before."""
    return candidates.features[:, 0] < (np.inf if earlier is None else earlier[0].min())


def test_a_filter_from_outside_is_one_row(monkeypatch):
    row = Filter("mean", f"{__name__}:brighter_than", "too-dark", "Keeps bright images.", ("images",), settings={"mean": 100})
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules[brighter_than.__module__])
    monkeypatch.setitem(FILTERS, "mean", row)
    assert "mean" in chosen_filters("default", True) and Filters(["mean"], settings={"mean": {"mean": 5}}).chosen() == ["mean"]
    images = np.stack([np.full((1, 4, 4), value, np.uint8) for value in (0, 50, 150)])
    chain = FilterChain(Reference(), "a", ["mean"])
    assert chain.judge(Candidates(images, np.zeros(3)), None) == ["too-dark", "too-dark", ""]
    assert FilterChain(Reference(), "a", ["mean"], {"mean": {"mean": 5}}).judge(Candidates(images, np.zeros(3)), None) == [
        "too-dark",
        "",
        "",
    ]
    assert chain.report.to_json()["dropped"] == {"too-dark": 2}


def test_a_stateful_filter_from_outside_sees_what_was_kept(monkeypatch):
    row = Filter("falling", f"{__name__}:darker_than_before", "rising", "Keeps ever darker images.", ("features",), stateful=True)
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules[darker_than_before.__module__])
    monkeypatch.setitem(FILTERS, "falling", row)
    chain = FilterChain(Reference(), "a", ["falling"])

    def judge(value):
        return chain.judge(Candidates(np.zeros((1, 1, 4, 4), np.uint8), np.zeros(1), np.array([[value]])), None)

    assert [judge(3.0), judge(2.0), judge(2.5)] == [[""], [""], ["rising"]]
    chain.begin_class(Reference())
    assert judge(2.5) == [""]
    chain.begin_class(Reference(), (np.array([[1.0]]), np.array([0])))
    assert judge(2.5) == ["rising"]
