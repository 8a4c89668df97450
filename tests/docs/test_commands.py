"""Every command and every setting that the documents name is one."""

import importlib
import re
import shlex

import pytest

from benchmarks.documents import GUIDE, READMES, ROOT, command_lines, inline_code, read
from paddle_gan_aug.config.loading import load_config, parse_overrides
from paddle_gan_aug.config.sections import Config

WRITTEN = [page for page in GUIDE if page.name != "api.md"]  # its names are those of the docstrings
PAGES = [*READMES, *WRITTEN, ROOT / "work" / "recipes.md", ROOT / "work" / "README.md"]
PROGRAMS = {  # how a line begins -> (whose parser reads the rest, what comes before it)
    "python train.py": ("paddle_gan_aug", ["train"]),
    "python -m paddle_gan_aug": ("paddle_gan_aug", []),
    "python -m benchmarks": ("benchmarks", []),
}
PARSERS = {"paddle_gan_aug": "paddle_gan_aug.cli.main", "benchmarks": "benchmarks.__main__"}
OTHER_FLAGS = {"--all", "--minutes", "--no-deps", "--nproc_per_node", "--master", "--nnodes"}  # of other programs


def parsers():
    """The parsers of both programs."""
    modules = {name: importlib.import_module(place) for name, place in PARSERS.items()}
    return {name: (getattr(module, "parser", None) or module._parser)() for name, module in modules.items()}


def commands(page):
    """The commands on a page, in its blocks and between backticks: (the whole line, the program, its arguments)."""
    for line in [*command_lines(page), *(code for code in inline_code(page) if "…" not in code)]:
        line = line.partition("&& ")[2] if line.startswith(("pip install", "cd ")) else line
        for begins, (program, first) in PROGRAMS.items():
            if line == begins or line.startswith(f"{begins} "):
                yield line, program, first + shlex.split(line[len(begins) :], comments=True)


def keys():
    """Every setting as section.key, and the sections."""
    sections = {name: value for name, value in Config.__annotations__.items() if hasattr(value, "__struct_fields__")}
    return {f"{name}.{key}" for name, section in sections.items() for key in section.__struct_fields__}, set(sections)


def page_id(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_the_commands_parse(page, capsys):
    parser = parsers()
    for line, program, arguments in commands(page):
        if arguments == [] and program == "paddle_gan_aug":
            continue  # the program by its name alone
        try:
            args, unknown = parser[program].parse_known_args(arguments)
        except SystemExit:
            pytest.fail(f"{line}: {capsys.readouterr().err}")
        assert unknown == [], line
        if getattr(args, "override", None):
            begins = getattr(args, "config", getattr(args, "gan", "classic"))
            load_config("classic" if "/" in begins or begins.endswith(".yaml") else begins, parse_overrides(args.override))


def test_the_documents_name_commands_at_all():
    found = [program for page in PAGES for _, program, _ in commands(page)]
    assert found.count("paddle_gan_aug") > 50 and found.count("benchmarks") > 15


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_the_settings_exist(page):
    known, sections = keys()
    for code in inline_code(page):
        names = re.findall(r"(?:^|\s)\"?(\w+\.\w+)=", code) + re.findall(r"^(\w+\.\w+)$", code)
        unknown = [name for name in names if name.partition(".")[0] in sections and name not in known]
        assert unknown == [], code


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_the_flags_exist(page):
    known = set(OTHER_FLAGS)
    for parser in parsers().values():
        todo = [parser]
        while todo:
            for action in todo.pop()._actions:
                known.update(action.option_strings)
                todo += action.choices.values() if hasattr(action.choices, "values") else []
    for code in inline_code(page):
        unknown = set(re.findall(r"(?<![\w-])--[a-z][a-z_-]*", code)) - known
        assert unknown == set(), code


@pytest.mark.parametrize("readme", READMES, ids=page_id)
def test_the_readme_lists_every_command(readme):
    (section,) = re.findall(r"^## (?:Commands|命令)\n(.*?)^## ", read(readme), re.MULTILINE | re.DOTALL)
    table = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    (subcommands,) = (action for action in parsers()["paddle_gan_aug"]._actions if hasattr(action.choices, "keys"))
    assert table == list(dict.fromkeys(table)) and set(table) == set(subcommands.choices)
