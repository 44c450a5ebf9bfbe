"""The process that clears up: it outlives the tests, so that nothing of theirs stays when they are killed.

The tests tell it over a pipe what they have started and made. When the pipe closes, because the tests closed
it or because they died, everything is killed, unmounted and removed: one path for both endings. Run as a
script by `Reaper`, and therefore standard library only.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Self

_PATIENCE = 15.0


class Reaper:
    """Context manager. What it is told of is gone after its end, whoever ends it."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-I", str(Path(__file__).resolve())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def kill_group(self, leader: int) -> None:
        """The process group of this leader is to be killed."""
        self._tell("group", leader)

    def forget_group(self, leader: int) -> None:
        """The group has ended: its number may soon be somebody else's."""
        self._tell("forget", leader)

    def remove_tree(self, folder: Path) -> None:
        """The folder is to go, with what is mounted below it and the containerd shims that work for it."""
        self._tell("tree", folder)

    def remove_cgroup(self, name: str) -> None:
        """The control group of this name, in every hierarchy, is to go with all processes in it."""
        self._tell("cgroup", name)

    def remove_link(self, name: str) -> None:
        """The network interface is to go."""
        self._tell("link", name)

    def _tell(self, kind: str, what: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(f"{kind} {what}\n")
            self._process.stdin.flush()


def cgroup_folders(name: str) -> list[Path]:
    """Where a control group of this name is, or would be, in every mounted hierarchy."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(mount[1]) / name for mount in mounts if mount[2] in {"cgroup", "cgroup2"}]


def _listen(lines: Iterable[str]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        kind, _, what = line.rstrip("\n").partition(" ")
        if kind == "forget":
            told["group"].remove(what)
        else:
            told[kind].append(what)
    return told


def _reap(told: dict[str, list[str]]) -> None:
    _kill_groups(told["group"])
    for tree in told["tree"]:
        _kill_all(partial(_shims, tree))
    for name in told["cgroup"]:
        _kill_all(partial(_members, cgroup_folders(name)))
        _remove_cgroups(cgroup_folders(name))
    for link in told["link"]:
        subprocess.run(["ip", "link", "delete", link], stderr=subprocess.DEVNULL, check=False)
    for tree in told["tree"]:
        _remove_tree(Path(tree))


def _kill_groups(leaders: Iterable[str]) -> None:
    for leader in leaders:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(leader), signal.SIGKILL)


def _kill_all(find: Callable[[], Iterable[int]]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while (found := list(find())) and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


def _shims(tree: str) -> Iterator[int]:
    """One a pod: they leave every process group, but name the folder of their containerd."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            program, *arguments = (entry / "cmdline").read_text(errors="replace").split("\0")
            ours = any(argument.startswith(f"{tree}/") for argument in arguments)
            if ours and "containerd-shim" in program:
                yield int(entry.name)


def _members(cgroups: Iterable[Path]) -> set[int]:
    found: set[int] = set()
    for file in (file for folder in cgroups for file in folder.rglob("cgroup.procs")):
        with contextlib.suppress(OSError):
            found.update(int(process) for process in file.read_text().split())
    return found


def _remove_cgroups(cgroups: Iterable[Path]) -> None:
    """Children first. A group whose last process has only just died is busy for a moment."""
    deadline = time.monotonic() + _PATIENCE
    for top in (folder for folder in cgroups if folder.exists()):
        for folder in [*sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True), top]:
            while folder.exists() and not _removed(folder) and time.monotonic() < deadline:
                time.sleep(0.02)


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _remove_tree(tree: Path) -> None:
    for container in tree.glob("containerd/state/io.containerd.runtime.v2.task/*/*"):
        _remove_traces(container)
    for link in Path("/var/log/containers").glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(tree):
            link.unlink()
    _unmount_below(tree)
    shutil.rmtree(tree, ignore_errors=True)


def _remove_traces(container: Path) -> None:
    """What a container that was not stopped leaves outside its containerd's folders."""
    address = container / "address"
    if address.exists():
        Path(address.read_text().removeprefix("unix://")).unlink(missing_ok=True)
    for result in Path("/var/lib/cni/results").glob(f"*-{container.name}-*"):
        result.unlink(missing_ok=True)


def _unmount_below(tree: Path) -> None:
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return
    points = [line.split()[1] for line in mounts.read_text().splitlines()]
    for point in reversed([point for point in points if point.startswith(f"{tree}/")]):
        subprocess.run(["umount", "--lazy", point], stderr=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    _reap(_listen(sys.stdin))
