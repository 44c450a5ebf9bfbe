"""A process of its own for each side of a comparison, so that CPU time and memory are that side's alone.

The two ends speak JSON, one line a message: the first line configures the worker, each further one asks for a run
and is answered by what it took.
"""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent

Run = Callable[[dict[str, Any]], dict[str, Any]]


class WorkerError(RuntimeError):
    """A worker ended without an answer; its own traceback stands on stderr."""


class Worker:
    """Context manager: `python -m MODULE`, configured. Secrets go through its standard input, never its arguments."""

    def __init__(self, module: str, configuration: Mapping[str, Any]) -> None:
        self._module = module
        self._configuration = configuration

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._send(self._configuration)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        if kind is not None:
            self._process.kill()
        self._process.wait()

    def ask(self, **request: Any) -> dict[str, Any]:
        """What the run answers, with `seconds`, `cpu_seconds` and `peak_mb` (so far) added. Raises WorkerError."""
        self._send(request)
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(f"{self._module} ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()


def serve(prepare: Callable[[dict[str, Any]], Run]) -> None:
    """The worker's end: runs what is asked until standard input ends."""
    run = prepare(json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        request = json.loads(line)
        gc.collect()
        begun, spent = time.perf_counter(), time.process_time()
        answer = run(request)
        took = {"seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - spent}
        print(json.dumps({**answer, **took, "peak_mb": peak_mb()}), flush=True)


def peak_mb() -> float:
    """Most memory this process ever held, in MB (2**20).

    The kernel's VmHWM, not getrusage: that one counts what the parent held when it forked.
    """
    status = Path("/proc/self/status").read_text().splitlines()
    held = next(line for line in status if line.startswith("VmHWM:"))
    return int(held.split()[1]) / 1024
