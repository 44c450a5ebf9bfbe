"""Kubernetes' and etcd's programs, built from the Go module proxy once a machine.

`python -m testbed.kubernetes.binaries` prepares all that a first test run would otherwise have to wait for.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from testbed.kubernetes.debian import (
    NODE_PACKAGES,
    REGISTRY_PACKAGES,
    ToolMissingError,
    ensure_debian_packages,
)

__all__ = ["KUBERNETES_VERSION", "BuildError", "ToolMissingError", "ensure", "names"]

KUBERNETES_VERSION = "v1.34.4"
_GO = Path(__file__).resolve().parent.parent / "go"
_STRIPPED = "-s -w"
_VERSIONED = f"{_STRIPPED} -X k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}"


class BuildError(RuntimeError):
    """`go build` failed; the message ends with its last lines."""


@dataclass(frozen=True)
class _Program:
    module: Path
    package: str
    linker_flags: str


_PROGRAMS = {
    "etcd": _Program(_GO / "etcd", "go.etcd.io/etcd/server/v3", _STRIPPED),
    **{
        name: _Program(_GO / "controlplane", f"k8s.io/kubernetes/cmd/{name}", _VERSIONED)
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")
    },
}


def names() -> tuple[str, ...]:
    """Every program that `ensure` knows."""
    return tuple(_PROGRAMS)


def ensure(*wanted: str) -> dict[str, Path]:
    """Answer where each program is, building those that this machine has not built yet (minutes, once)."""
    return {name: _ensure_one(name, _PROGRAMS[name]) for name in wanted}


def _ensure_one(name: str, program: _Program) -> Path:
    binary = _cache() / "bin" / _key(program.module) / name
    if binary.exists():
        return binary
    go = shutil.which("go")
    if go is None:
        raise ToolMissingError(
            f"Go is needed to build {name} for the tests and `go` is not on PATH: install Go 1.24 or newer "
            "(any version of the `golang` package or of go.dev that can fetch toolchains)"
        )
    binary.parent.mkdir(parents=True, exist_ok=True)
    with _locked(binary.parent / f"{name}.lock"):
        if not binary.exists():
            _build(go, program, binary)
    return binary


def _build(go: str, program: _Program, binary: Path) -> None:
    _say(f"building {binary.name}: minutes on a cold cache, once a machine")
    begun = time.monotonic()
    unfinished = binary.with_name(f"{binary.name}.{os.getpid()}.partial")
    environment = {**os.environ, "CGO_ENABLED": "0"}
    how = ["-trimpath", "-ldflags", program.linker_flags, "-o", str(unfinished)]
    done = subprocess.run(
        ["nice", go, "build", *how, program.package],
        cwd=program.module,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        unfinished.unlink(missing_ok=True)
        last = "\n".join(done.stderr.splitlines()[-15:])
        raise BuildError(f"`go build {program.package}` in {program.module} failed:\n{last}")
    unfinished.rename(binary)
    _say(f"built {binary.name} in {time.monotonic() - begun:.0f} s")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file's lock: the kernel lets go of it even when this process is killed."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _cache() -> Path:
    """Outside the checkout, so that a fresh clone on the same machine builds nothing."""
    own = os.environ.get("KUBESTEWARD_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kubesteward"


def _key(module: Path) -> str:
    content = (module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()
    return hashlib.sha256(content).hexdigest()[:16]


def _say(line: str) -> None:
    print(f"testbed: {line}", file=sys.stderr, flush=True)


def _prepare() -> None:
    installed = ensure_debian_packages(dict.fromkeys(NODE_PACKAGES + REGISTRY_PACKAGES))
    print(f"Debian packages installed now: {', '.join(installed) or 'none, all were there'}")
    for name, path in ensure(*names()).items():
        print(f"{name}: {path}")


if __name__ == "__main__":
    try:
        _prepare()
    except (ToolMissingError, BuildError) as error:
        sys.exit(f"testbed: {error}")
