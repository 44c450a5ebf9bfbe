"""Python tools that may not share our environment, each in one of its own, made once a machine.

ministack pins its own botocore, and the Lambda runtime client must see nothing of ours. What a tool needs is
frozen in requirements/<tool>.txt; its environment is found again by the content of that file.
"""

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PYTHON_VERSION = "3.13"
"""The template's Lambda runtime, and what every tool here runs on."""

_REQUIREMENTS = Path(__file__).resolve().parent / "requirements"
_CHECKOUT = Path(__file__).resolve().parents[2]


class ToolError(RuntimeError):
    """uv is missing or could not make an environment; the message ends with its own words."""


@functools.cache
def ensure_environment(tool: str, *, dependencies: bool = True) -> Path:
    """Answer the virtual environment that holds requirements/<tool>.txt, making it first if this machine has none."""
    requirements = _REQUIREMENTS / f"{tool}.txt"
    environment = cache() / "environments" / f"{tool}-{_key(requirements)}"
    if not (environment / ".complete").exists():
        environment.parent.mkdir(parents=True, exist_ok=True)
        with _locked(environment.with_suffix(".lock")):
            if not (environment / ".complete").exists():
                _make(environment, requirements, dependencies=dependencies)
    return environment


def cache() -> Path:
    """What is downloaded once a machine: outside the checkout, so that a fresh clone downloads nothing."""
    own = os.environ.get("KUBESTEWARD_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kubesteward"


def find_uv() -> str:
    """Answer uv: the one that started us, the one on PATH, or the checkout's own. Raises ToolError."""
    candidates = [os.environ.get("UV"), shutil.which("uv"), str(_CHECKOUT / ".cache/uv/bin/uv")]
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            return candidate
    raise ToolError("uv is needed and is not on PATH: run `make setup`, or install uv 0.9 or newer")


def site_packages(environment: Path) -> Path:
    """Where an environment's packages lie."""
    return environment / "lib" / f"python{PYTHON_VERSION}" / "site-packages"


def _make(environment: Path, requirements: Path, *, dependencies: bool) -> None:
    print(f"testbed: installing {requirements.stem} (once a machine)", file=sys.stderr, flush=True)
    uv, python = find_uv(), environment / "bin" / "python"
    _run(uv, "venv", "--quiet", "--clear", "--python", _interpreter(), environment)
    install: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--compile-bytecode",
        "--python",
        python,
        "-r",
        requirements,
    ]
    _run(*install, *([] if dependencies else ["--no-deps"]))
    (environment / ".complete").touch()


def _interpreter() -> str:
    """UV_PYTHON, else the interpreter we run on where its version fits, else whatever uv finds or downloads.

    A `python3.13` on PATH may be a pyenv shim that refuses to run: it is never asked.
    """
    if own := os.environ.get("UV_PYTHON"):
        return own
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix) / "bin" / f"python{PYTHON_VERSION}"
    return str(base) if here == PYTHON_VERSION and base.exists() else PYTHON_VERSION


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_uv_environment())
    if done.returncode != 0:
        last = "\n".join(done.stderr.splitlines()[-15:])
        raise ToolError(f"`{' '.join(map(str, command[:3]))}` failed:\n{last}")


def _uv_environment() -> dict[str, str]:
    """Ours, without what would make uv install somewhere else."""
    foreign = {"VIRTUAL_ENV", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT"}
    return {name: value for name, value in os.environ.items() if name not in foreign}


def _key(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes() + PYTHON_VERSION.encode()).hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file's lock: the kernel lets go of it even when this process is killed."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
