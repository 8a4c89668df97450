"""The house keeps its shape: imports point one way, presets load, errors and help do not import Paddle."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "paddle_gan_aug"
ORDER = (  # each imports only what stands before it
    "errors",
    "console",
    "files",
    "runtime",
    "machine",
    "processes",
    "leading",
    "fonts",
    "pictures",
    "config",
    "records",
    "data",
    "augment",
    "networks",
    "algorithms",
    "metrics",
    "training",
    "evaluation",
    "runs",
    "synthesis",
    "classification",
    "study",
    "cli",
    "__main__",
)
RANK = {room: rank for rank, room in enumerate(ORDER)}


def imported_rooms(path):
    """The rooms of the package that a file imports."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            if node.level != depth:
                continue  # inside its own room
            names = [f"paddle_gan_aug.{node.module or alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        else:
            continue
        for name in names:
            if name.startswith("paddle_gan_aug."):
                yield name.split(".")[1]


def test_imports_point_one_way():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        targets = set(imported_rooms(path)) - {room, "__version__"}
        if room == "__init__":
            continue  # it names what is public, and loads it when it is used; see test_api.py
        wrong += [f"{path.relative_to(ROOT)} imports {target}" for target in targets if RANK[target] > RANK[room]]
    assert wrong == []


def test_nothing_imports_the_benchmarks():
    for path in [*PACKAGE.rglob("*.py"), ROOT / "train.py"]:
        assert "benchmarks" not in {name.split(".")[0] for name in absolute_imports(path)}, path


def absolute_imports(path):
    """The dotted names of what a file imports absolutely."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module


def imported_files(path):
    """The files of the package that a file imports, at its top or inside its functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            base = path.parents[node.level - 1]
        elif node.module and node.module.split(".")[0] == PACKAGE.name:
            base = ROOT
        else:
            continue
        base = base.joinpath(*(node.module or "").split(".")) if node.module else base
        for alias in node.names:  # a file of that name, or something in the file (or the room) that it is taken from
            places = (base / f"{alias.name}.py", base / alias.name / "__init__.py", base.with_suffix(".py"), base / "__init__.py")
            yield next(place for place in places if place.exists())


def circles(files):
    """A circle among {file: files it imports}, or None."""
    try:
        graphlib.TopologicalSorter(files).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def test_no_file_imports_itself_through_others():
    """Neither when it is imported nor later, in a function."""
    files = {path: set(imported_files(path)) for path in PACKAGE.rglob("*.py")}
    files[PACKAGE / "__init__.py"] = set()  # it prepares the process and names what is public, and is there before every other
    assert {PACKAGE / "cli" / "parser.py", PACKAGE / "cli" / "result.py"} < files[PACKAGE / "cli" / "main.py"]
    circle = circles(files)
    assert circle is None, " -> ".join(str(path.relative_to(PACKAGE)) for path in circle)
    files[PACKAGE / "cli" / "parser.py"].add(PACKAGE / "cli" / "main.py")
    assert circles(files) is not None


LONGEST_FILE, LONGEST_FUNCTION = 400, 60  # lines


def source_files():
    """The files of the package and of the benchmarks."""
    return sorted([*PACKAGE.rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])


def functions(path):
    """Every function of a file, inner ones too."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kinds)]


def too_long(path):
    """What of a file is longer than it may be; a function may be, whose def line says why: "# long: ..."."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [f"{len(lines)} lines"] if len(lines) > LONGEST_FILE else []
    for function in functions(path):
        length, head = function.end_lineno - function.lineno + 1, lines[function.lineno - 1 : function.body[0].lineno]
        if length > LONGEST_FUNCTION and not any(re.search(r"# long: \S", line) for line in head):
            found.append(f"{function.name} has {length} lines")
    return found


def without_hints(function):
    """The parameters of a function, and its return, that have no type hint."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    missing = [one.arg for one in named if one is not None and one.annotation is None and one.arg not in ("self", "cls")]
    return missing + ["return"] * (function.returns is None)


def test_files_and_functions_are_short():
    found = {str(path.relative_to(ROOT)): too_long(path) for path in source_files()}
    assert {name: what for name, what in found.items() if what} == {}


def test_every_function_has_type_hints():
    missing = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for function in functions(path):
            if without_hints(function):
                missing.append(f"{path.relative_to(ROOT)}: {function.name}: {', '.join(without_hints(function))}")
    assert missing == []


def test_the_checks_of_lengths_and_hints_see_what_they_should(tmp_path):
    body = "    x = 0\n" * 60
    path = tmp_path / "file.py"
    path.write_text(f"def f(a, *b: int, c: int = 0, **d) -> int:\n{body}\n\ndef g(self):  # long: one table\n{body}")
    assert too_long(path) == ["f has 61 lines"]
    f, g = functions(path)
    assert (without_hints(f), without_hints(g)) == (["a", "d"], ["return"])
    path.write_text("x = 0\n" * 401)
    assert too_long(path) == ["401 lines"]


def test_every_room_is_ranked():
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} <= set(ORDER)


@pytest.mark.parametrize("room", ["data", "console", "files", "pictures", "records", "config", "runtime", "cli", "study.study"])
def test_these_rooms_do_without_paddle(room):
    code = f"import sys, paddle_gan_aug.{room}; sys.exit('paddle' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["train", "--help"], ["train", "--epochs", "0"], ["train", "--list-presets"], ["generate"], ["study", "--help"]],
)
def test_help_and_mistakes_do_not_import_paddle(arguments):
    code = (
        "import sys; from paddle_gan_aug.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('paddle' in sys.modules or 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.endswith("False\n")


@pytest.mark.parametrize("room", ["networks", "training.loop", "runs.evaluate"])
def test_paddle_is_imported_without_its_warnings(room):
    """It warns of a missing ccache and of its threads when it is imported; both say nothing to whoever runs a command."""
    done = subprocess.run([sys.executable, "-c", f"import paddle_gan_aug.{room}"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_console_script_leads_somewhere():
    import importlib

    (script,) = re.findall(r'^paddle_gan_aug = "([\w.]+:\w+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    module, function = script.split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_no_pickle_and_no_eval():
    modules = r"(import|from) (pickle|dill|cloudpickle|marshal|shelve)\b"
    calls = r"\bpickle\.\w|(paddle|torch|joblib)\.(load|save)\(|yaml\.(full_|unsafe_)?load\(|(?<![.\w])(eval|exec)\(|allow_pickle ?= ?True"
    forbidden = re.compile(f"{modules}|{calls}")
    for unsafe in ("from pickle import loads", "import dill", "yaml.unsafe_load(x)", "paddle.load(x)", "eval(x)", "allow_pickle = True"):
        assert forbidden.search(unsafe), unsafe
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "docs").glob("*.py"), ROOT / "train.py"]:
        assert not forbidden.search(path.read_text(encoding="utf-8")), path


def test_training_does_without_scikit_learn():
    """It takes most of a second to import; only the evaluation needs it."""
    code = "import sys, paddle_gan_aug.runs.run; sys.exit('sklearn' in sys.modules or 'scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
