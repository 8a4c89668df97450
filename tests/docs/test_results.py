"""The tables of docs/results.md say what the stored rows say."""

import itertools
import json
import re

import numpy as np
import pytest

from benchmarks.documents import ROOT, read
from benchmarks.study_cells import study_cells

RESULTS = ROOT / "work" / "results"
ZOO = {  # column -> (key of a stored mark, decimals)
    "Fréchet ↓": ("frechet", 2),
    "coverage ↑": ("coverage", 2),
    "recall ↑": ("recall", 2),
    "diversity": ("diversity", 2),
    "rarest class": ("smallest_class", 3),
    "confident": ("confident", 2),
    "as asked": ("agreement", 3),
    "seconds": ("seconds", 0),
}
QUALITY = {
    "transpose": "former classic, transpose",
    "upsample": "former classic, upsample",
    "fast": "former fast",
    "original": "classic-original, after one epoch",
}


def tables(page):
    """The tables of a page as lists of {column: cell}."""
    found = []
    for text in re.findall(r"(?:^\|.*\n)+", read(page), re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines())
        found.append([dict(zip(head, row)) for row in rows])
    return found


def table(*columns):
    """The one table of the results with these columns."""
    (found,) = (rows for rows in tables(ROOT / "docs" / "results.md") if rows and set(columns) <= set(rows[0]))
    return found


def stored(folder, name):
    """The stored rows of a name, by seed."""
    files = sorted((RESULTS / folder).glob(f"{name}-seed-*.json"))
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def agree(cell, values, decimals):
    """Whether the numbers in a cell are these values, rounded."""
    shown = [float(number) for number in re.findall(r"\d*\.?\d+", cell)]
    return len(shown) == len(values) and all(abs(a - b) <= 0.51 * 10**-decimals for a, b in zip(shown, values))


def test_the_zoo():
    rows = table("preset", "as asked")
    assert len(rows) == 15
    for row in rows:
        name = row["preset"].strip("`")
        marks = [one["marks"][-1] for one in stored("zoo", name) + (stored("zoo", "infogan-again") if name == "infogan" else [])]
        for column, (key, decimals) in ZOO.items():
            if row[column] != "–":
                assert agree(row[column], [mark[key] for mark in marks], decimals), (name, column)


@pytest.mark.parametrize("column, folder", [("MNIST", "cas"), ("Fashion-MNIST", "cas-fashion")])
def test_the_classifier_accuracy_score(column, folder):
    names = ("real", "generated", "generated-and-filtered", "renewed", "renewed-and-filtered", "generated-by-projection")
    for row, name in zip(table("learnt", "filters"), names):
        if row[column]:
            shares = [100 * one["accuracy"] for one in stored(folder, name)]
            assert agree(row[column], [sum(shares) / len(shares), min(shares), max(shares)], 2), name


def test_every_metric():
    rows = {row["preset"]: row for row in table("preset", "KID ↓")}
    files = [json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in ("quality", "quality-fast-original")]
    measured = [run for file in files for run in file]
    assert len(measured) == 8
    for begins, name in QUALITY.items():
        runs = [run for run in measured if run["run"].startswith(f"{begins}-")]
        assert agree(rows[name]["Fréchet ↓"], [run["frechet"]["value"] for run in runs], 1), name
        assert agree(rows[name]["recall ↑"], [run["recall"]["value"] for run in runs], 2), name
        assert agree(rows[name]["coverage ↑"], [run["coverage"]["value"] for run in runs], 2), name


def test_the_readme_names_the_same_score():
    row = [row for row in table("learnt", "filters") if row["learnt"] == "renewed and filtered"][0]
    for readme in ("README.md", "README_cn.md"):
        assert row["MNIST"].split(" %")[0] in read(ROOT / readme)


def study(name):
    """What a published study found."""
    return json.loads((RESULTS / "study" / name / "results.json").read_text(encoding="utf-8"))


def points(row):
    """A paired difference with its interval, as the pages write it."""
    return f"{100 * row['mean']:+.2f} ({100 * row['low']:+.2f} to {100 * row['high']:+.2f})"


# in the order of the page
PUBLISHED = ("solar", "fashion-10", "fashion-50", "mnist-10-unlabelled", "mnist-10-consistency", "mnist-10-fixmatch")
PUBLISHED += ("transfer-fashion", "transfer-fashion-20")


README = ("mnist-10-fixmatch", "mnist-10-unlabelled", "mnist-10-tuned", "fashion-10", "fashion-50", "transfer-fashion", "solar")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_arms_of_a_cell(name):
    found = study(name)
    of_arms = [rows for rows in tables(ROOT / "docs" / "results.md") if rows and {"Arm", "Seeds"} <= set(rows[0])]
    rows = of_arms[PUBLISHED.index(name)]
    named, compared = (found["gan_arm"], found["rival"]), {row["arm"]: row for row in found["comparisons"]}
    for row, arm in zip(rows, sorted(found["arms"], key=lambda arm: -arm["mean"])):
        bold = f"**{arm['arm']}**" if arm["arm"] in named else arm["arm"]
        assert (row["Arm"], row["Seeds"]) == (bold, str(arm["seeds"]))
        spread = "" if arm["spread"] is None else f" ± {100 * arm['spread']:.2f}"
        assert row["Score"] == f"{100 * arm['mean']:.2f}{spread}"
        if arm["seeds"] >= 8 and arm["arm"] != found["rival"]:
            assert row["Points above the rival (95 % interval)"] == points(compared[arm["arm"]])
    assert len(rows) == len(found["arms"])


@pytest.mark.parametrize("name", README)
@pytest.mark.parametrize("readme", ["README.md", "README_cn.md"])
def test_the_readme_has_every_cell(name, readme):
    found = study(name)
    (row,) = [row for row in found["comparisons"] if row["named"]]
    of_pair = [f"{100 * arm['mean']:.2f}" for arm in found["arms"] if arm["arm"] in (found["gan_arm"], found["rival"], "real")]
    numbers = [f"{100 * row[key]:+.2f}".replace("-", "−").replace("0.", ".") for key in ("mean", "low", "high")]
    (line,) = [
        line for line in read(ROOT / readme).splitlines() if all(f"{text}" in line for text in (*of_pair, *numbers))
    ]  # with real images alone
    words = {"no measurable effect": ("| no measurable effect |", "| 没有可测的效果 |"), "helps": ("| **helps** (p", "| **有帮助**（p")}
    assert any(word in line for word in words[row["verdict"]])


CELLS = {"MNIST, 10 labels a class": "mnist-10-tuned", "Fashion-MNIST, 10": "fashion-10", "Fashion-MNIST, 50": "fashion-50"}
CELLS["solar cells"] = "solar"


def test_what_generated_images_bring_by_themselves():
    judged = study_cells([f"work/results/study/{name}" for name in CELLS.values()])[0]
    assert judged == json.loads((RESULTS / "study" / "cells.json").read_text(encoding="utf-8"))
    *rows, all_pairs = table("Cell", "A tenth")
    for row in rows:
        for column, share in (("A tenth", 0.1), ("A quarter", 0.25)):
            of_row = [one for one in judged["pairs"] if one["study"] == CELLS[row["Cell"]] and one["without"] == row["Settings"]]
            gains = [100 * np.array(one["testing"]) for one in of_row if one["plain"] and one["share"] == share]
            assert [row[column]] == ([f"{g.mean():+.2f} ± {g.std(ddof=1):.2f} ({len(g)})" for g in gains] or ["–"]), (row, column)
    for column, share in (("A tenth", "0.1"), ("A quarter", "0.25")):
        found = judged["shares"][share]["testing"]
        mean, bound = f"{100 * found['mean']:+.2f}", f"{100 * found['bound']:+.2f}"
        assert all_pairs[column] == f"{mean} ({found['count']}), one-sided 95 % bound {bound}"
    found = judged["shares"]["0.1"]["testing"]
    for readme in ("README.md", "README_cn.md"):
        for key in ("mean", "bound"):
            assert f"{100 * found[key]:+.2f}".replace("-0.", "−.") in read(ROOT / readme)


def test_arms_with_images_without_labels():
    files = (RESULTS / "study" / "mnist-10-unlabelled" / "rows").glob("*.json")
    chose = [row for row in (json.loads(file.read_text(encoding="utf-8")) for file in files) if row["role"] == "choose"]
    arms = ("real", "classical", "pseudo-labels@0.9", "semi-supervised", "semi-supervised+pseudo-labels@0.9")
    means = [np.mean([100 * row["accuracy"] for row in chose if row["arm"] == arm]) for arm in arms]
    assert [sum(row["arm"] == arm for row in chose) for arm in arms] == [3] * 5
    scores = {arm["arm"]: 100 * arm["mean"] for arm in study("mnist-10-unlabelled")["arms"]}
    tested = [scores[arm] for arm in arms]
    for page in ("docs/semi-supervised.md", "docs/zh/semi-supervised.md"):
        (rows,) = [rows for rows in tables(ROOT / page) if rows and len(rows[0]) == 6]
        assert [list(row.values())[1:] for row in rows] == [[f"{mean:.2f} %" for mean in part] for part in (means, tested)]


def test_where_the_gan_with_consistency_gains_and_loses():
    files = (RESULTS / "study" / "mnist-10-consistency" / "rows").glob("*.json")
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    ours, theirs = (
        {row["seed"]: row for row in rows if row["arm"] == arm} for arm in ("semi-supervised-consistency", "consistency-conv")
    )
    text = read(ROOT / "docs" / "results.md").split("study-mnist-10-consistency.yaml")[1].split("FixMatch in place of VAT")[0]
    chose = [seed for seed in ours if ours[seed]["role"] == "choose"]
    means = [f"{100 * np.mean([of[seed]['accuracy'] for seed in chose]):.2f} %" for of in (ours, theirs)]
    assert len(chose) == 3 and f"they had {means[0]} and {means[1]}, and the former was ahead on all three" in text
    assert all(ours[seed]["accuracy"] > theirs[seed]["accuracy"] for seed in chose)
    gains = {seed: round(100 * (ours[seed]["accuracy"] - theirs[seed]["accuracy"]), 2) for seed in range(10)}
    above, below = (sorted(gain for gain in gains.values() if (gain > 0) is ahead) for ahead in (True, False))
    assert f"ahead by {above[0]:.2f} to {above[-1]:.2f}".replace("0.", ".") in text and len(above) == 7
    assert "behind by {:.2f}, {:.2f} and {:.2f} with three".format(*sorted(map(abs, below))).replace("0.", ".") in text
    wrong = []
    for seed in sorted(gains, key=gains.get)[:3]:
        matrix = np.array(ours[seed]["confusion_matrix"])
        np.fill_diagonal(matrix, 0)
        wrong.append((int(matrix.max()), *map(int, np.unravel_index(matrix.argmax(), matrix.shape))))
    assert sorted(wrong) == [(132, 7, 2), (133, 7, 2), (460, 9, 4)]
    assert "133 images of class 7 for a 2, 132 again, and 460 images of class 9 for a 4" in text


def test_what_is_said_of_the_gan_with_fixmatch():
    files = (RESULTS / "study" / "mnist-10-fixmatch" / "rows").glob("*.json")
    scores = {}
    for row in (json.loads(file.read_text(encoding="utf-8")) for file in files):
        scores.setdefault((row["role"], row["arm"]), {})[row["seed"]] = 100 * row["accuracy"]
    gan, rival, without = (scores["test", arm] for arm in ("semi-supervised-fixmatch", "consistency-conv", "fixmatch"))
    text = read(ROOT / "docs" / "results.md").split("study-mnist-10-fixmatch.yaml")[1].split("Transfer to new classes")[0]
    named = [f"{np.mean([*scores['choose', arm].values()]):.2f} %" for arm in ("semi-supervised-fixmatch", "consistency-conv")]
    gains = sorted(round(gan[seed] - rival[seed], 2) for seed in rival)
    assert f"({named[0]} and {named[1]})" in text and len(gains) == 8 and gains[0] > 0
    assert f"above zero, by {gains[0]:.2f} to {gains[-1]:.2f} points".replace("0.", ".", 1) in text
    behind = {seed: round(gan[seed] - without[seed], 2) for seed in sorted(without)}
    assert "{:.2f}, {:.2f} and {:.2f} points behind".format(*[*behind.values()][:3]).replace("0.", ".") in text
    low, high, mean = min(behind.values()), max(behind.values()), np.mean([*behind.values()])
    assert len(behind) == 8 and f"by {low:.2f} to {high:.2f} points, {mean:.2f} in the mean".replace(" 0.", " .") in text
    ps = sorted(next(row["p"] for row in study(name)["comparisons"] if row["named"]) for name in {*README, "mnist-10-consistency"})
    holm = [f"{p * (len(ps) - i):.2f}".replace("0.", ".") for i, p in enumerate(ps[:2])]
    for readme, between in (("README.md", " and "), ("README_cn.md", " 和 ")):
        assert between.join(holm) in read(ROOT / readme) and f"p = {ps[0]:.3f}".replace("0.", ".") in read(ROOT / readme)
    low, high, worst, best = (f(of.values()) for of, f in ((gan, min), (gan, max), (rival, min), (rival, max)))
    assert f"{low:.1f} to {high:.1f} % against {worst:.1f} to {best:.1f}" in read(ROOT / "docs" / "faq.md")


@pytest.mark.parametrize("page", ["docs/semi-supervised.md", "docs/zh/semi-supervised.md"])
def test_the_two_networks_of_few_labels(page):
    (rows,) = [rows for rows in tables(ROOT / page) if rows and "`semi-supervised-conv`" in rows[0]]
    assert len(rows) == 2 and {len(row) for row in rows} == {4}
    for (data, *cells), before in zip((row.values() for row in rows), ("", "Fashion-MNIST-")):
        for cell, name in zip(cells, ("chosen-settings", "convolutional", "convolutional-consistency")):
            stored = json.loads((RESULTS / "semi-supervised" / f"{before}{name}-seed-11.json").read_text(encoding="utf-8"))
            assert stored["part"] == "valid" and stored["data"].endswith(data.lower())
            assert cell == f"{100 * stored['error']:.2f} % ({stored['cpu_seconds'] / 60:.0f} min)"
    both = json.loads((RESULTS / "semi-supervised" / "convolutional-GAN-with-consistency-seed-11.json").read_text(encoding="utf-8"))
    told = {f"{100 * both['error']:.2f} %", f"{both['cpu_seconds'] / 60:.0f}"}
    assert told == {"1.17 %", "20"} and all(text in read(ROOT / page) for text in told)
    for key in ("vat_weight", "entropy_weight", "vat_radius"):
        assert f"semi_supervised.{key}={both['overrides'][f'semi_supervised.{key}']:g}" in read(ROOT / page)


@pytest.mark.parametrize("page, seed", [("docs/semi-supervised.md", "Label seed"), ("docs/zh/semi-supervised.md", "标签种子")])
def test_final_rows_of_a_hundred_labels(page, seed):
    (rows,) = [rows for rows in tables(ROOT / page) if rows and seed in rows[0]]
    errors, names = {}, ("GAN-with-FixMatch", "GAN-with-IMSAT", "alone-at-003")
    for row, name in itertools.product(rows[:-1], names):
        before = "" if row[seed] in ("12", "13") else "100-labels-"
        path = RESULTS / "semi-supervised" / f"{before}convolutional-{name}-seed-{row[seed]}.json"
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            assert stored["part"] == ("test" if before else "valid")
            errors[row[seed], name] = 100 * stored["error"]
    for row in rows[:-1]:
        cells = [f"{errors[key]:.2f} %" if (key := (row[seed], name)) in errors else "" for name in names]
        assert [*row.values()][2:] == cells
    for name, cell in (("GAN-with-FixMatch", [*rows[-1].values()][2].strip("*")), ("alone-at-003", [*rows[-1].values()][4])):
        of_five = [errors[str(number), name] for number in range(1, 6)]
        assert cell == f"{np.mean(of_five):.2f} ± {np.std(of_five, ddof=1):.2f} %"


def test_what_worked_on_each_python():
    stored = json.loads((RESULTS / "pythons.json").read_text(encoding="utf-8"))["rows"]
    names = ("Python", "paddlepaddle", "numpy", "scipy", "Pillow")
    found = [[row["Python"].rpartition(".")[0], *(row[name] for name in names[1:])] for row in stored]
    for page, worked, dependencies in (
        ("docs/scale.md", "all", {"oldest": "oldest", "newest": "newest"}),
        ("docs/zh/scale.md", "全部", {"oldest": "最旧", "newest": "最新"}),
    ):
        (rows,) = [rows for rows in tables(ROOT / page) if rows and "Python" in rows[0]]
        cells = [list(row.values()) for row in rows]
        assert [[python, paddle, *rest] for python, paddle, _, *rest, _ in cells] == found
        assert [row[2] for row in cells] == [dependencies[row["dependencies"]] for row in stored]
        assert all((row[-1] == worked) == (one["result"] == "ok") for row, one in zip(cells, stored))
