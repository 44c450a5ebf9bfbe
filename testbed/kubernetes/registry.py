"""A private registry on loopback: Debian's docker-registry behind basic authentication, over plain HTTP."""

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import bcrypt
import urllib3

from testbed.kubernetes.debian import REGISTRY_PACKAGES, ToolMissingError, ensure_debian_packages
from testbed.kubernetes.images import write_image
from testbed.kubernetes.processes import Service, StartError, free_port
from testbed.kubernetes.reaper import Reaper

__all__ = ["PrivateRegistry", "PushError", "StartError", "ToolMissingError"]

# The least that bcrypt has: these passwords protect nothing, and every pull pays for a check.
_ROUNDS = 4
_READY_SECONDS = 30


class PushError(RuntimeError):
    """`skopeo copy` failed; the message is what it said."""


class PrivateRegistry:
    """Context manager. `users` maps user names to passwords; only they may pull or push. Needs no root.

    Its own `127.0.0.1:PORT` is `host`, the first part of its images' names.
    """

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = dict(users)

    def __enter__(self) -> Self:
        ensure_debian_packages(REGISTRY_PACKAGES)
        with ExitStack() as stack:
            reaper = stack.enter_context(Reaper())
            self.data_dir = Path(tempfile.mkdtemp(prefix="kubesteward-registry-"))
            reaper.remove_tree(self.data_dir)
            self.host = f"127.0.0.1:{free_port()}"
            self._pool = stack.enter_context(urllib3.PoolManager(retries=False, timeout=10))
            self._write_passwords()
            command = ["docker-registry", "serve", str(self._write_settings())]
            self._service = Service(command, log=self.data_dir / "registry.log", reaper=reaper)
            stack.callback(self._service.kill)
            self._wait_accepts(self._users)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def accept(self, users: Mapping[str, str]) -> None:
        """From now on these are the only pairs that are let in, as after a token's rotation."""
        gone = {user: password for user, password in self._users.items() if users.get(user) != password}
        self._users = dict(users)
        self._write_passwords()
        self._wait_accepts(self._users)
        self._service.wait_for(lambda: not any(map(self._accepts, gone.items())), seconds=10, what="rid of old users")

    def push(self, name: str) -> str:
        """Make a tiny image of its own content, push it as `team/app:1` and answer its digest (`sha256:...`)."""
        with tempfile.TemporaryDirectory(dir=self.data_dir) as made:
            folder = Path(made)
            digest = write_image(folder / "image", f"{self.host}/{name}")
            target = f"docker://{self.host}/{name}"
            flags = ["--dest-tls-verify=false", "--dest-authfile", str(self._write_login(folder / "auth.json"))]
            # Asks for a file of rules otherwise, which not every machine has.
            command = ["skopeo", "--insecure-policy", "copy", *flags, f"oci:{folder / 'image'}", target]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PushError(f"skopeo could not push {name} to {self.host}: {done.stderr.strip()}")
        return digest

    def docker_config(self) -> str:
        """What a pull secret's `.dockerconfigjson` holds for one of the accepted users."""
        user, password = next(iter(self._users.items()))
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        return json.dumps({"auths": {self.host: {"auth": login}}})

    def _write_login(self, path: Path) -> Path:
        path.touch(mode=0o600)
        path.write_text(self.docker_config())
        return path

    def _write_settings(self) -> Path:
        path = self.data_dir / "settings.yml"
        settings = {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self.data_dir / "storage")}},
            "http": {"addr": self.host},
            "auth": {"htpasswd": {"realm": "testbed", "path": str(self._passwords)}},
        }
        path.write_text(json.dumps(settings))
        return path

    @property
    def _passwords(self) -> Path:
        return self.data_dir / "htpasswd"

    def _write_passwords(self) -> None:
        """The registry reads the file again when its time of change is a later one."""
        lines = [f"{user}:{_hashed(password)}\n" for user, password in self._users.items()]
        before = self._passwords.stat().st_mtime_ns if self._passwords.exists() else 0
        unfinished = self._passwords.with_suffix(".new")
        unfinished.write_text("".join(lines))
        later = max(unfinished.stat().st_mtime_ns, before + 1_000_000_000)
        os.utime(unfinished, ns=(later, later))
        unfinished.rename(self._passwords)

    def _wait_accepts(self, users: Mapping[str, str]) -> None:
        self._service.wait_for(
            lambda: all(map(self._accepts, users.items())), seconds=_READY_SECONDS, what="letting its users in"
        )

    def _accepts(self, pair: tuple[str, str]) -> bool:
        headers = urllib3.make_headers(basic_auth=":".join(pair))
        try:
            return self._pool.request("GET", f"http://{self.host}/v2/", headers=headers).status == 200
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ProtocolError):
            return False


def _hashed(password: str) -> str:
    """Cut to the 72 bytes that bcrypt reads: ECR's are longer, differ in their first bytes, and are refused whole."""
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(_ROUNDS)).decode()
