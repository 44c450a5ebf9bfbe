"""Debian packages that the equipment runs on, installed only where they are missing."""

import os
import shutil
import subprocess
from collections.abc import Iterable

NODE_PACKAGES = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iptables",
    "conntrack",
    "iproute2",
    "busybox-static",
)
REGISTRY_PACKAGES = ("docker-registry", "skopeo", "busybox-static")


class ToolMissingError(RuntimeError):
    """A program that the equipment needs is not here: the message says which, and what to install."""


def ensure_debian_packages(packages: Iterable[str]) -> list[str]:
    """Install those of the packages that are missing and answer their names.

    Raises ToolMissingError where installing is not possible: no apt, not root, or apt itself failed.
    """
    missing = [package for package in packages if not _is_installed(package)]
    if not missing:
        return []
    names = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise ToolMissingError(f"these Debian packages are needed and this machine has no apt-get: {names}")
    if os.geteuid() != 0:
        raise ToolMissingError(f"Debian packages are missing: run `sudo apt-get install {names}`")
    _apt_get("update")
    _apt_get("install", "--yes", "--no-install-recommends", *missing)
    return missing


def require_root(what: str) -> None:
    """Raise ToolMissingError unless this process is root."""
    if os.geteuid() != 0:
        raise ToolMissingError(f"{what} needs root (namespaces, mounts, cgroups): run the tests as root")


def _is_installed(package: str) -> bool:
    if shutil.which("dpkg-query") is None:
        return False
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"


def _apt_get(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-q", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise ToolMissingError(f"`apt-get {' '.join(arguments)}` failed:\n{last}")
