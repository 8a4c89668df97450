"""What the package writes has names that Windows takes, and what it calls is there or asked for first. Nothing runs on Windows here."""

import ast
from pathlib import Path

import pytest

from paddle_gan_aug.config.loading import presets
from paddle_gan_aug.files import ignores_case, is_portable
from paddle_gan_aug.study.arms import ARMS

PACKAGE = Path(__file__).resolve().parent.parent / "paddle_gan_aug"
LACKING_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
LACKING = {"alarm", "chown", "fork", "getpgid", "getuid", "killpg", "mkfifo", "posix_fallocate", "sched_getaffinity", "setsid", "statvfs"}
LACKING |= {"sysconf", "uname", "SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2"}
ASKED_FOR_FIRST = {
    ("runtime.py", "sched_getaffinity"),
    ("cache.py", "posix_fallocate"),
    ("cache.py", "sysconf"),
    ("files.py", "statvfs"),
}


@pytest.mark.parametrize("name", ["", "a:b", "a?", "a*", 'a"', "<", ">", "a|b", "a/b", "a\\b", "a\n", "a.", "a ", "con", "NUL.txt", "lpt1"])
def test_names_that_windows_refuses(name):
    assert not is_portable(name)


@pytest.mark.parametrize("name", [".lock", "a.b", "a b", "gan@0.1+x", "猫", "console", "nul-1", "com10", "step-20", "(1)"])
def test_names_that_windows_takes(name):
    assert is_portable(name)


def test_names_of_presets_and_arms():
    assert [name for name in (*presets(), *ARMS) if not is_portable(name)] == []


def test_this_disk_tells_cases_apart(tmp_path):
    (tmp_path / "A").touch()
    assert ignores_case(tmp_path / "not" / "there") is (tmp_path / "a").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["A"]


def test_all_files_of_a_run_a_set_and_a_classifier(cli, tmp_path):
    narrow = ("-o", "generator.width=0.05", "discriminator.width=0.05")
    cli("train", "--gan", "projection", "--steps", 2, "--run", "digits", *narrow)
    cli("generate", tmp_path / "output" / "digits", "--per-class", 12, "--to", tmp_path / "made")
    cli("classify", "--data", tmp_path / "made", "--test", tmp_path / "made", "--allow-overlap", "--steps", 2, "--run", "reader")
    found = [path.relative_to(tmp_path) for path in tmp_path.rglob("*")]
    assert {"metrics.jsonl", "vdlrecords.digits.log", "000011.png", "classification.json"} <= {path.name for path in found}
    assert [path for path in found if not is_portable(path.name)] == []
    assert len({str(path).casefold() for path in found}) == len(found)


def test_only_what_windows_has_is_called_unasked():
    called = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert LACKING_MODULES.isdisjoint(alias.name for alias in node.names), path
            elif isinstance(node, ast.ImportFrom):
                assert node.module not in LACKING_MODULES, path
            elif isinstance(node, ast.Attribute) and node.attr in LACKING and ast.unparse(node.value) in ("os", "signal"):
                called.add((path.name, node.attr))
    assert called == ASKED_FOR_FIRST


def test_texts_are_written_in_one_encoding_with_one_kind_of_line_end():
    """Windows has its own of both where a call leaves them open."""
    wrong, seen = [], 0
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called, given = ast.unparse(node.func), {keyword.arg for keyword in node.keywords}
            mode = node.args[1].value if called == "open" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else "r"
            if called.endswith((".read_text", ".write_text")) or (called == "open" and "b" not in mode):
                seen += 1
                needs = {"encoding", "newline"} if called == "open" and mode != "r" else {"encoding"}
                if not needs <= given:
                    wrong.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert seen > 10
    assert wrong == []
