"""How much of the machine others had while something was measured."""

import time
from typing import Self

import psutil


class Foreigners:
    """A context manager; afterwards `share` is what processes that are none of ours took of the CPU time, 0 to 1.

    Ours are this process and everything it has started that is still running.
    """

    share = 0.0

    def __enter__(self) -> Self:
        self._before = _readings()
        return self

    def __exit__(self, *_: object) -> None:
        total, busy, own = (after - before for after, before in zip(_readings(), self._before, strict=True))
        self.share = foreign_share(total, busy, own)


def wait_until_quiet(share: float, deadline: float) -> None:
    """Returns when others had at most this share of the machine for half a second, or at a time.monotonic()."""
    while time.monotonic() < deadline:
        with Foreigners() as foreigners:
            time.sleep(0.5)
        if foreigners.share <= share:
            return


def foreign_share(total: float, busy: float, own: float) -> float:
    """All times in CPU seconds. The readings are not of one instant, hence the bounds. Pure."""
    return min(1.0, max(0.0, (busy - own) / total)) if total > 0 else 0.0


def _readings() -> tuple[float, float, float]:
    """CPU seconds since boot of all cores, those that were worked in, and those that our processes had."""
    times = psutil.cpu_times()
    total = times.user + times.nice + times.system + times.irq + times.softirq + times.steal + times.idle + times.iowait
    this = psutil.Process()
    own = sum(_taken(process) for process in [this, *this.children(recursive=True)])
    return total, total - times.idle - times.iowait, own


def _taken(process: psutil.Process) -> float:
    try:
        taken = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return taken.user + taken.system
