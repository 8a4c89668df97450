"""The process settings: what is chosen for which CPU, never over the user's head, and seeds that depend on nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paddle_gan_aug import runtime
from paddle_gan_aug.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
AVX2 = {"avx2", "fma"}
AVX512 = AVX2 | {"avx512f", "avx512bw", "avx512dq", "avx512vl"}


@pytest.mark.parametrize(
    "vendor, flags, expected",
    [
        ("AuthenticAMD", AVX512 | {"avx512_vnni"}, 7),
        ("AuthenticAMD", AVX512, 6),
        ("AuthenticAMD", AVX512 - {"avx512vl"}, 5),
        ("AuthenticAMD", AVX2, 5),
        ("AuthenticAMD", {"avx2"}, None),
        ("AuthenticAMD", set(), None),
        ("GenuineIntel", AVX512 | {"avx512_vnni"}, None),
        ("", AVX2, None),
    ],
)
def test_code_path_only_for_what_the_cpu_has(vendor, flags, expected):
    assert runtime.mkl_code_path(vendor, flags) == expected


def environment_after(code, **variables):
    """The environment that `code` leaves, in a fresh process with only `variables` of ours set, and its stderr."""
    clean = {name: value for name, value in os.environ.items() if name not in (*runtime.TUNED_VARIABLES, runtime.TUNING_SWITCH)}
    done = subprocess.run(
        [sys.executable, "-c", code + "\nimport os, json; print(json.dumps(dict(os.environ)))"],
        cwd=ROOT,
        env={**clean, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_import_prepares_the_environment():
    found, _ = environment_after("import paddle_gan_aug")
    assert found["OMP_NUM_THREADS"] == str(runtime.default_threads())
    code_path = runtime.mkl_code_path(*runtime._cpu())
    assert found.get("MKL_DEBUG_CPU_TYPE") == (str(code_path) if code_path else None)


def test_what_the_user_set_stays():
    found, _ = environment_after("import paddle_gan_aug", OMP_NUM_THREADS="3", MKL_DEBUG_CPU_TYPE="5")
    assert (found["OMP_NUM_THREADS"], found["MKL_DEBUG_CPU_TYPE"]) == ("3", "5")


def test_the_switch_turns_it_off():
    found, _ = environment_after("import paddle_gan_aug", **{runtime.TUNING_SWITCH: "off"})
    assert not set(runtime.TUNED_VARIABLES) & set(found)
    again = "import paddle_gan_aug; paddle_gan_aug.runtime.prepare_environment(cpu_tuning=False)"
    found, _ = environment_after(again)
    assert not set(runtime.TUNED_VARIABLES) & set(found)


def test_threads_on_request_win():
    found, _ = environment_after("from paddle_gan_aug import runtime; runtime.prepare_environment(threads=5)", OMP_NUM_THREADS="3")
    assert found["OMP_NUM_THREADS"] == "5"


def test_one_thread_for_each_rank_of_a_launch():
    found, _ = environment_after("import paddle_gan_aug", PADDLE_TRAINERS_NUM="2")
    assert found["OMP_NUM_THREADS"] == "1"


def test_paddle_first_is_said_once_with_the_cure():
    code = (
        "import sys, types; sys.modules['paddle'] = types.ModuleType('paddle')\n"
        "import paddle_gan_aug\nfrom paddle_gan_aug import runtime\nruntime.prepare_environment()"
    )
    _, stderr = environment_after(code)
    assert stderr.count("paddle was imported before paddle_gan_aug") == 1
    assert "import paddle_gan_aug first" in stderr
    assert f"OMP_NUM_THREADS={runtime.default_threads()}" in stderr


def test_no_gpu_is_a_clear_error(process):
    import paddle

    if paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count():
        pytest.skip("this machine has a GPU")
    with pytest.raises(InputError, match="^device gpu: .*; use device=cpu"):
        runtime.start("gpu")
    assert process.device == "cpu"


def test_random_numbers_depend_on_seed_stream_and_index_alone():
    first = runtime.rng(1, "latents", 5).standard_normal(4)
    runtime.rng(1, "latents", 4).standard_normal(100)
    np.testing.assert_array_equal(first, runtime.rng(1, "latents", 5).standard_normal(4))
    others = [runtime.rng(2, "latents", 5), runtime.rng(1, "shuffle", 5), runtime.rng(1, "latents", 6)]
    assert all(not np.array_equal(first, other.standard_normal(4)) for other in others)


def test_paddle_draws_follow_the_seed(process):
    import paddle

    def draw(index):
        runtime.seed_paddle(7, "inside paddle", index)
        return paddle.randn([3]).numpy()

    first = draw(1)
    assert not np.array_equal(first, draw(2))
    np.testing.assert_array_equal(first, draw(1))


def test_threads_cannot_change_once_paddle_runs():
    code = (
        "from paddle_gan_aug import runtime\nruntime.prepare_environment(threads=1)\n"
        "import sys, types; sys.modules['paddle'] = types.ModuleType('paddle')\n"
        "runtime.prepare_environment()\nruntime.prepare_environment(threads=2)"
    )
    found, stderr = environment_after(code)
    assert found["OMP_NUM_THREADS"] == "1"
    assert stderr.strip() == "paddle_gan_aug: Paddle already runs with 1 threads here; 2 need a new process"


@pytest.mark.skipif(sys.platform != "linux", reason="the cores are read from /proc/cpuinfo")
def test_cores_are_counted_as_joblib_counts_them():
    """In a process of its own, since joblib imports NumPy; where neither a container nor an affinity leaves fewer than there are."""
    if len(os.sched_getaffinity(0)) < os.cpu_count() or runtime._container_cpus():
        pytest.skip("this process may not use all CPUs")
    code = "import joblib; print(joblib.cpu_count(only_physical_cores=True))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert runtime.default_threads() == int(done.stdout)


@pytest.mark.parametrize(
    "files, expected",
    [
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_the_quota_of_a_container(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert runtime._container_cpus(tmp_path) == expected


def test_the_package_alone_imports_neither_numpy_nor_paddle():
    code = "import sys, paddle_gan_aug; print({'numpy', 'paddle', 'joblib', 'filelock'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


class _Build:
    """What `_why_no_gpu` asks of Paddle."""

    __version__ = "3.3.1"

    def __init__(self, cuda):
        self.cuda = cuda

    def is_compiled_with_cuda(self):
        return self.cuda


def test_a_line_says_why_no_gpu_is_used(tmp_path, monkeypatch):
    assert not runtime._has_nvidia(tmp_path)
    (tmp_path / "nvidiactl").touch()
    assert runtime._has_nvidia(tmp_path)
    assert "no GPU is visible" in runtime._why_no_gpu(_Build(True))
    for there, cure in ((True, "uninstall paddlepaddle and install paddlepaddle-gpu"), (False, "on a machine with a GPU")):
        monkeypatch.setattr(runtime, "_has_nvidia", lambda there=there: there)
        text = runtime._why_no_gpu(_Build(False))
        assert cure in text and "CPU build" in text and "\n" not in text
