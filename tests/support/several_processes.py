"""Starts several processes as `paddle.distributed.launch` does, without its waiting.

As a program: trains runs, together where it was started so, and prints {"run": SHA-256 of its weights in this process}.
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def start(count, *arguments, cwd=ROOT, **more):
    """Start `python ARGUMENTS` in `count` processes on this machine; returns them."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count + 1)]
    master, *ends = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]
    for listener in listeners:
        listener.close()
    processes = []
    for rank in range(count):
        env = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PADDLE_DISTRI_BACKEND": "gloo",
            "PADDLE_MASTER": master,
            "PADDLE_TRAINER_ENDPOINTS": ",".join(ends),
            "PADDLE_CURRENT_ENDPOINT": ends[rank],
            "PADDLE_TRAINERS_NUM": str(count),
            "PADDLE_TRAINER_ID": str(rank),
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "support"))),
        }
        command = [sys.executable, *map(str, arguments)]
        processes.append(subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more))
    return processes


def ended(processes, timeout=300):
    """[(exit code, output, errors)] of processes, once they have all ended."""
    found = [process.communicate(timeout=timeout) for process in processes]
    return [(process.returncode, *texts) for process, texts in zip(processes, found)]


def train_together(count, folder, runs):
    """Train `runs`, {name: (preset, overrides)}, below a folder; returns for each process {name: SHA-256 of its weights}."""
    done = ended(start(count, __file__, folder, json.dumps(runs)))
    assert [code for code, _, _ in done] == [0] * count, done
    return [json.loads(output.splitlines()[-1]) for _, output, _ in done]


def _main(folder, runs):
    import paddle_gan_aug

    found = {}
    for name, (preset, overrides) in runs.items():
        resume = (Path(folder) / "output" / name).exists()
        run = paddle_gan_aug.train(
            preset, run=name, resume=resume, overrides=overrides, output=f"{folder}/output", log=f"{folder}/log", quiet=True
        )
        weights = sorted(run.algorithm.weights().items())
        same = [(key, value) for key, value in weights if not key.startswith("sources/")]  # what each process has seen
        found[name] = hashlib.sha256(b"".join(key.encode() + value.tobytes() for key, value in same)).hexdigest()
    print(json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1], json.loads(sys.argv[2]))
