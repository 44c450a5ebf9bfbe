"""The emulated AWS account: ministack, which really delivers (schedules, queues, functions as processes)."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import psutil

from testbed.aws.environments import ensure_environment, site_packages
from testbed.kubernetes.processes import Service, free_port
from testbed.kubernetes.reaper import Reaper

REGION = "us-east-1"
ACCOUNT = "000000000000"
"""Whose the test credentials are; functions get the account's number as access key."""
SECRET_KEY = "test"

_START_SECONDS = 60.0
_STATE = "ministack.json"
# Functions run on sys.executable: started like this it is an interpreter without ministack's packages, so that a
# package missing from a layer is missing here as well.
_LAUNCH = "import site, sys; site.addsitedir(sys.argv.pop(1)); from ministack.app import main; main()"
_DETACH = (
    "import subprocess, sys; log = open(sys.argv[1], 'ab'); print(subprocess.Popen(sys.argv[2:], "
    "stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True).pid)"
)


class MinistackError(RuntimeError):
    """The emulated AWS cannot be started or stopped as asked."""


class Ministack:
    """Context manager: an empty AWS account on a loopback port, gone with its functions when the block or we end.

    IAM is enforced: functions have their role's rights and no more, roles are assumed as their trust policies say.
    The account's own test key is root's, and so are 12 digits as access key: the root of that account.

    `environment` is added to what ministack and every function see, for instance AWS_ENDPOINT_URL_EKS.
    """

    def __init__(
        self, *, environment: Mapping[str, str] | None = None, port: int | None = None, log: Path | None = None
    ) -> None:
        self.port = port or free_port()
        self.log = log
        self._extra = dict(environment or {})
        self._stack = ExitStack()

    @property
    def endpoint_url(self) -> str:
        """Every service of the account, except those that `environment` sends elsewhere."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that point a child process (boto3, sam) at this account and at no other."""
        return account_environment(self.endpoint_url) | self._extra

    def __enter__(self) -> Self:
        _refuse_taken(self.endpoint_url)
        with ExitStack() as stack:
            reaper = stack.enter_context(Reaper())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ministack-")))
            self.log = self.log or folder / "ministack.log"
            service = Service(_command(self.port, folder, self._extra), log=self.log, reaper=reaper)
            service.name = "ministack"
            stack.callback(service.kill)
            service.wait_for(self.is_ready, seconds=_START_SECONDS, what="ready")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def is_ready(self) -> bool:
        """Whether the account answers."""
        return is_ready(self.endpoint_url)


def account_environment(endpoint_url: str) -> dict[str, str]:
    """AWS_* variables for an emulated account, which leave no way to a real one."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def is_ready(endpoint_url: str) -> bool:
    """Whether an emulated account answers there."""
    try:
        with urllib.request.urlopen(f"{endpoint_url}/_ministack/health", timeout=1) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def start_detached(folder: Path, *, port: int = 4566, environment: Mapping[str, str] | None = None) -> str:
    """Start an account that outlives us (`make up`) and answer its endpoint; one that runs is left as it is.

    `folder` (.cache/local) holds its log and what `stop_detached` needs.
    """
    running = running_detached(folder)
    if running is not None:
        return running
    endpoint_url = f"http://127.0.0.1:{port}"
    _refuse_taken(endpoint_url)
    folder.mkdir(parents=True, exist_ok=True)
    process = _detach(_command(port, folder.resolve(), dict(environment or {})), folder / "ministack.log")
    state = {"pid": process.pid, "started": process.create_time(), "endpoint_url": endpoint_url}
    (folder / _STATE).write_text(json.dumps(state))
    if not _poll(lambda: is_ready(endpoint_url), unless=lambda: not _is_alive(process)):
        stop_detached(folder)
        last = "\n".join((folder / "ministack.log").read_text(errors="replace").splitlines()[-20:])
        raise MinistackError(f"ministack is not ready:\n{last}")
    return endpoint_url


def running_detached(folder: Path) -> str | None:
    """The endpoint of the account that `start_detached` left running, or None."""
    state = _state(folder)
    return str(state["endpoint_url"]) if state and _process(state) else None


def stop_detached(folder: Path) -> bool:
    """End it and its functions (`make down`). Answers whether there was one."""
    state = _state(folder)
    process = _process(state) if state else None
    if process is not None:
        os.killpg(process.pid, signal.SIGKILL)
        _poll(lambda: not _is_alive(process))
    (folder / _STATE).unlink(missing_ok=True)
    return process is not None


def _detach(command: list[str | Path], log: Path) -> psutil.Process:
    """A process that is nobody's child: the one between us and it has ended."""
    between = [sys.executable, "-I", "-c", _DETACH, log, *command]
    done = subprocess.run(between, capture_output=True, text=True, check=True)
    return psutil.Process(int(done.stdout))


def _poll(condition: Callable[[], bool], *, unless: Callable[[], bool] = lambda: False) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while not condition():
        if unless() or time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _refuse_taken(endpoint_url: str) -> None:
    if is_ready(endpoint_url):
        raise MinistackError(f"{endpoint_url} is another emulated AWS already: end it, or choose another port")


def _state(folder: Path) -> dict[str, float | str] | None:
    try:
        found: dict[str, float | str] = json.loads((folder / _STATE).read_text())
    except (OSError, ValueError):
        return None
    return found


def _process(state: Mapping[str, float | str]) -> psutil.Process | None:
    """A process number is soon somebody else's; its start time is not."""
    try:
        process = psutil.Process(int(state["pid"]))
    except psutil.NoSuchProcess:
        return None
    return process if process.create_time() == state["started"] and _is_alive(process) else None


def _is_alive(process: psutil.Process) -> bool:
    """Whether it runs: in a container an ended process may stay listed, because nobody asks for its status."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command(port: int, folder: Path, extra: Mapping[str, str]) -> list[str | Path]:
    python = ensure_environment("bare-python") / "bin" / "python"
    packages = site_packages(ensure_environment("ministack"))
    variables = [f"{name}={value}" for name, value in _variables(port, folder, extra).items()]
    return ["env", "-i", *variables, python, "-P", "-c", _LAUNCH, packages]


def _variables(port: int, folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """All that ministack and its functions see of this machine."""
    own = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "LAMBDA_EXECUTOR": "local",
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_REGION": REGION,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return own | account_environment(f"http://127.0.0.1:{port}") | dict(extra)
