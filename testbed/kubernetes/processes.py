"""Long-running programs under test: their logs, their ports, their end."""

import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from os import killpg
from pathlib import Path

from testbed.kubernetes.reaper import Reaper

_LAST_LINES = 20


class StartError(RuntimeError):
    """A program ended, or was not ready in time; the message ends with the last lines of its log."""


class Service:
    """One running program in a process group of its own, which the reaper kills if nobody else does."""

    def __init__(self, command: Sequence[str | Path], *, log: Path, reaper: Reaper) -> None:
        self.name = Path(command[0]).name
        self.log = log
        self._reaper = reaper
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        reaper.kill_group(self._process.pid)
        self._killed = False

    @property
    def pid(self) -> int:
        """The process's number, also after its end."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the program has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL the whole group and wait for its end. Nothing happens if that was done before."""
        if self._killed:
            return
        self._killed = True
        if self.is_running():
            killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reaper.forget_group(self._process.pid)

    def last_lines(self) -> str:
        """The end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:])

    def wait_for(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Poll until the condition holds. Raises StartError when the program has ended or the time is up."""
        deadline = time.monotonic() + seconds
        while not condition():
            if not self.is_running():
                status = self._process.returncode
                raise StartError(f"{self.name} ended (status {status}):\n{self.last_lines()}")
            if time.monotonic() > deadline:
                raise StartError(f"{self.name}: not {what} within {seconds:.0f} s:\n{self.last_lines()}")
            time.sleep(0.05)


def free_port() -> int:
    """A free port of 127.0.0.1, from below the range that outgoing connections take theirs from.

    A program that is killed and started again on its port would otherwise find a client sitting there.
    """
    while True:
        port = 20000 + secrets.randbelow(12000)
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
