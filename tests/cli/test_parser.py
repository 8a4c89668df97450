"""What the parser says of a flag or a command that there is not."""


def test_a_misspelt_command_is_recognised(cli):
    assert "did you mean generate?" in cli("genrate", "x", code=2).stderr


def test_a_flag_that_is_near_nothing_gets_no_guess(cli):
    for flag in ("--nonsense", "--xy", "--lrx"):
        assert "did you mean" not in cli("train", flag, "1", code=2).stderr
    assert "did you mean -o optimizer.classifier_lr=0.1?" in cli("classify", "--lr", "0.1", code=2).stderr
    assert "did you mean --to?" in cli("evaluate", "r", "--output-dir", "x", code=2).stderr
