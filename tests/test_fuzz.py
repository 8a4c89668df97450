"""A few hundred mutants of every form of file: each is read, or refused in one line. `tests/fuzz.py` goes on for as long as is wished."""

import subprocess
import sys

import fuzz
import numpy as np
import pytest

COUNT, SLOW = 200, {"run": 60}  # opening a run builds its networks


@pytest.mark.parametrize("form", fuzz.FORMS)
def test_mutants_are_read_or_refused(form, tmp_path):
    count = SLOW.get(form, COUNT)
    tried, read, faults = fuzz.check(form, 0, 0, count, tmp_path)
    assert faults == {} and tried == count
    assert 0 < read < count  # neither harmless nor so damaged that no reader gets past the first bytes


def test_a_mutant_is_made_of_its_seed_and_number(tmp_path):
    content = bytes(range(256)) * 4
    first, again, other = (fuzz.mutate(content, np.random.default_rng([0, number])) for number in (1, 1, 2))
    assert first == again != other


FAULTS = {"1 / 0": "ZeroDivisionError", "bytearray(3 << 30)": "MemoryError", "sum(1 for _ in iter(int, 1))": "TooLong"}


@pytest.mark.parametrize("reader", FAULTS)
def test_faults_of_each_kind_are_found(tmp_path, reader):
    code = (
        "import sys, pathlib; sys.path[:0] = ['.', 'tests']; import fuzz\n"
        "fuzz.SECONDS, calls = 1, []\n"
        f"fuzz.FORMS['yaml'] = (fuzz.FORMS['yaml'][0], lambda path: calls.append(1) or len(calls) == 1 or {reader})\n"
        "fuzz.work('yaml', 0, 0, 1, pathlib.Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=fuzz.ROOT, capture_output=True, text=True)
    assert FAULTS[reader] in done.stdout, done.stderr
