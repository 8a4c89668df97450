"""A few hundred mutants of every form of file: each is read, or refused in one line. `tests/fuzz.py` goes on for as long as is wished."""

import subprocess
import sys

import fuzz
import numpy as np
import pytest

COUNT = 200


@pytest.mark.parametrize("form", fuzz.FORMS)
def test_mutants_are_read_or_refused(form, tmp_path):
    tried, read, faults = fuzz.check(form, 0, 0, COUNT, tmp_path)
    assert faults == {} and tried == COUNT
    assert 0 < read < COUNT  # neither harmless nor so damaged that no reader gets past the first bytes


def test_a_mutant_is_made_of_its_seed_and_number(tmp_path):
    content = bytes(range(256)) * 4
    first, again, other = (fuzz.mutate(content, np.random.default_rng([0, number])) for number in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("reader, fault", [("1 / 0", "ZeroDivisionError"), ("bytearray(3 << 30)", "MemoryError"), ("time.sleep(60)", "TooLong")])
def test_faults_are_found(tmp_path, reader, fault):
    """Readers with a fault of each kind: an error, too much memory, too long."""
    code = (
        "import sys, time, pathlib; sys.path.insert(0, 'tests'); import fuzz\n"
        "fuzz.SECONDS, calls = 1, []\n"
        f"fuzz.FORMS['yaml'] = (fuzz._yaml, lambda path: calls.append(1) or len(calls) == 1 or {reader})\n"
        "fuzz.work('yaml', 0, 0, 1, pathlib.Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=fuzz.ROOT, capture_output=True, text=True)
    assert fault in done.stdout, done.stderr
