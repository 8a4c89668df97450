"""The dashboard in a real browser: every page shows what it should, in both languages.

Needs Chromium (on PATH, or named by CHROMIUM) and Playwright (in this Python, or in the one that PLAYWRIGHT_PYTHON names). The
screenshots stay in the folder that SCREENSHOTS names.
"""

import contextlib
import os
import re
from pathlib import Path

import pytest
from conftest import CommandLine

from benchmarks.dashboards.browser import lacking, see_pages, served

SHORT = ("--batch-size=16", "-o", "runtime.threads=1", "log.every_steps=1")
SAMPLES = (
    "generator.width=0.1",
    "generator.init_std=0.3",
    "discriminator.width=0.1",
    "log.grid_every_steps=4",
    "log.histograms_every_steps=4",
)
WORDS = {"en": ("SCALARS", "HISTOGRAM", "Select All"), "zh": ("标量数据", "直方图", "全选")}


@pytest.fixture(scope="module")
def every_page(tmp_path_factory):
    """{language: {page: what it shows}} of the dashboards of a GAN's run and a classifier's."""
    if lacking():
        pytest.skip(lacking())
    folder = tmp_path_factory.mktemp("browser")
    cli = CommandLine(folder)
    cli("train", "--gan=fast", "--run=board", "--steps=8", "--eval-every=8", *SHORT, *SAMPLES, "eval.count=200")
    cli("classify", "--run=reader", "--steps=12", *SHORT, "data.per_class=10")
    pictures = Path(os.environ.get("SCREENSHOTS", folder))
    with contextlib.ExitStack() as stack:
        return see_pages({language: stack.enter_context(served(cli.log, language)) for language in WORDS}, pictures)


@pytest.fixture(params=list(WORDS))
def language(request):
    return request.param


@pytest.fixture
def seen(every_page, language):
    return every_page[language]


def test_every_page_speaks_the_language(seen, language):
    for page in ("scalar", "histogram", "pr-curve"):
        assert all(word in seen[page]["text"] for word in WORDS[language]), seen[page]["text"]


def test_the_three_losses_lie_in_one_chart(seen):
    assert all(f"{name} @ board" in seen["scalar"]["text"] for name in ("d_real_loss", "d_fake_loss", "g_loss"))
    assert seen["scalar"]["coloured"] > 300 and seen["scalar"]["hues"] >= 3


def test_the_grid_is_not_blank(seen):
    assert "imgs @ board" in seen["sample/image"]["text"]
    assert seen["sample/image"]["inked"] > 5000
    assert seen["sample/image"]["coloured"] == 0  # the grey digits, not the confusion matrix beside them


def test_histograms_are_drawn(seen):
    page = seen["histogram"]
    assert all(name in page["text"] for name in ("D scores", "gradients discriminator", "weights generator", "histograms @ board"))
    assert page["coloured"] > 300


def test_the_projector_has_points(seen):
    page = seen["high-dimensional"]
    assert "embeddings @ board, features" in page["text"] and "700" in page["text"]  # points: 500 real, 200 generated
    assert page["inked"] > 5000  # the axes alone are 1,700


def test_the_graph_names_the_layers(seen):
    page = seen["graph/dynamic_graph"]
    assert {"input", "Linear", "ConvPool"} <= set(page["graph"])
    assert all(name in page["text"] for name in ("discriminator of board", "generator of board", "classifier of reader"))
    assert page["inked"] > 2000


def test_the_table_has_what_differs(seen):
    text = seen["hyper-parameter"]["text"]
    assert re.search(r"\bboard\s+classic\s+none\s", text) and re.search(r"\breader\s+classifier\s+10\s", text), text
    assert "train/steps" in text and "train/batch_size" not in text


@pytest.mark.parametrize("page, name", [("pr-curve", "precision-recall"), ("roc-curve", "roc")])
def test_the_curves_of_the_classifier_are_drawn(seen, page, name):
    assert f"{name} @ reader" in seen[page]["text"] and "class 9" in seen[page]["text"]
    assert seen[page]["coloured"] > 300
