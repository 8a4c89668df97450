"""`generate`: what does not go together is refused before Paddle is imported."""

import pytest


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--per-class", 2], ["leave out --per-class"]),
        (["--balance", "mnist", "--ratio", 1], ["leave out --balance, --ratio"]),
        (["--truncation", 2, "--format", "npz"], ["leave out --truncation, --format"]),
        (["--filter", "contrast", "--classifier", "c"], ["leave out --filter, --classifier"]),
        (["--attempts", 3, "--resume", "--preview"], ["--attempts", "--resume", "--preview"]),
        (["other"], ["leave out RUN"]),
    ],
)
def test_variations_take_a_count_alone(here, arguments, words):
    runs = ["r", *[word for word in arguments if word == "other"]]
    rest = [word for word in arguments if word != "other"]
    done = here("generate", *runs, "--from", "mnist", "--to", here.folder / "x", *rest, code=2)
    assert "--from makes --count variations with one run" in done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert not (here.folder / "x").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--classes", "3"], ["--classes chooses among real images", "--from"]),
        (["--count", 5, "--ratio", 1], ["--ratio 1.0: it says how far --balance goes", "--balance DATA"]),
        (["--count", 0], ["--count: 0: expected a whole number of at least 1"]),
        (["--per-class", "many"], ["--per-class: many: expected a whole number"]),
        (["--count", 5, "--per-class", 5], ["--per-class", "not allowed with", "--count"]),
        (["--filter-set", "confidence"], ["--filter-set confidence: expected NAME.SETTING=VALUE"]),
        (["--filters", "none", "--filter", "contrast"], ["not allowed with"]),
        (["--preview", "--per-class", 2, "--format", "npz"], ["--preview draws one sheet", "leave out --per-class, --format"]),
        (["--preview", "--resume"], ["leave out --resume"]),
        (["--filter", "score", "--filter-set", "score.threshold=high"], ["score.threshold: expected a number, got 'high'"]),
    ],
)
def test_what_does_not_go_together_is_refused(here, tiny, arguments, words):
    done = here("generate", tiny["5"], "--to", here.folder / "x", *arguments, code=2)
    assert all(word in done.stderr for word in words), done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (here.folder / "x").exists()


def test_variations_that_are_interrupted_cannot_be_resumed(here, tiny, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("paddle_gan_aug.synthesis.vary.vary", stop)
    done = here("generate", tiny["5"], "--from", "mnist", "--to", here.folder / "x", code=130)
    assert "remove it, or choose another folder" in done.stderr and "--resume" not in done.stderr
