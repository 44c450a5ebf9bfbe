"""One built function on AWS's Lambda Runtime Interface Emulator, without a container.

The emulator's binary comes out of aws-sam-cli, the runtime client is AWS's awslambdaric in an environment of its
own: the function sees what was built for it and nothing else, so a package missing from its layers is missing here.
"""

import json
import os
import platform
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil
import urllib3

from testbed.aws.environments import PYTHON_VERSION, ToolError, ensure_environment, site_packages
from testbed.kubernetes.processes import Service, free_port
from testbed.kubernetes.reaper import Reaper

_BINARIES = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}
_START_SECONDS = 20.0
_ENDED = re.compile(r"^(END RequestId: |.*\(rapid\) Invoke DONE failed)", re.MULTILINE)
_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_ERROR_FIELDS = {"errorMessage", "errorType"}


@dataclass(frozen=True, slots=True)
class FunctionError:
    """What the runtime client says when the function raised, or could not be imported."""

    type: str
    message: str
    trace: str

    def __str__(self) -> str:
        """As Python would have printed it."""
        return f"{self.trace}{self.type}: {self.message}"


@dataclass(frozen=True, slots=True)
class Invocation:
    """The outcome of one event: the answer or the error, and what was logged meanwhile."""

    payload: Any
    error: FunctionError | None
    log: str


class RuntimeEmulator:
    """Context manager around a built function: its folder, and its layers in the order of the template.

    `environment` is the function's own; nothing of ours is handed on. `seconds` is the function's timeout.
    """

    def __init__(
        self,
        function_dir: Path,
        *,
        layers: Sequence[Path] = (),
        handler: str = "handler.handle",
        environment: Mapping[str, str] | None = None,
        seconds: int = 300,
        memory_megabytes: int = 512,
    ) -> None:
        self._function_dir = function_dir.resolve()
        self._layers = [layer.resolve() for layer in layers]
        self._handler = handler
        self._seconds = seconds
        self._environment = {
            "AWS_LAMBDA_FUNCTION_NAME": function_dir.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_megabytes),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(seconds),
            **(environment or {}),
        }

    def __enter__(self) -> Self:
        self._refuse_what_is_not_built()
        with ExitStack() as stack:
            reaper = stack.enter_context(Reaper())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="runtime-emulator-")))
            self._log = folder / "log"
            self._url = f"http://127.0.0.1:{free_port()}"
            self._service = Service(self._command(folder), log=self._log, reaper=reaper)
            self._service.name = f"runtime emulator of {self._function_dir.name}"
            stack.callback(self._kill)
            self._pool = stack.enter_context(urllib3.PoolManager(retries=False))
            self._service.wait_for(self._is_listening, seconds=_START_SECONDS, what="listening")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def invoke(self, event: Any) -> Invocation:
        """Hand the event to the function and wait for its answer. The first call starts the function (INIT)."""
        begin = self._log.stat().st_size
        answer = self._pool.request(
            "POST",
            f"{self._url}/2015-03-31/functions/function/invocations",
            body=json.dumps(event).encode(),
            timeout=self._seconds + 30.0,
        )
        self._service.wait_for(lambda: bool(_ENDED.search(self._logged(begin))), seconds=10, what="logging the end")
        error = _read_error(answer.status, answer.data)
        return Invocation(None if error else json.loads(answer.data), error, self._logged(begin))

    @property
    def init_milliseconds(self) -> float:
        """The cold start, from the emulator's INIT REPORT: process, imports, module level. Known after one invoke."""
        found = _INIT.search(self._logged(0))
        if found is None:
            raise RuntimeError("the function has not been started yet: invoke it once")
        return float(found[1])

    @property
    def log(self) -> str:
        """Everything that the function and the emulator have written."""
        return self._logged(0)

    def function_process(self) -> psutil.Process:
        """The function's own process, to measure it. Raises RuntimeError before the first invoke."""
        children = psutil.Process(self._service.pid).children(recursive=True)
        if not children:
            raise RuntimeError("the function has not been started yet: invoke it once")
        return children[0]

    def _refuse_what_is_not_built(self) -> None:
        for folder in [self._function_dir, *self._layers]:
            if not folder.is_dir():
                raise FileNotFoundError(f"{folder} is not there: run `make build` first")

    def _command(self, folder: Path) -> list[str | Path]:
        variables = [f"{name}={value}" for name, value in self._variables(folder).items()]
        python = ensure_environment("lambda-runtime") / "bin" / "python"
        addresses = [
            "--runtime-interface-emulator-address",
            self._url.removeprefix("http://"),
            "--runtime-api-address",
            f"127.0.0.1:{free_port()}",
        ]
        start = ["env", "--ignore-environment", f"--chdir={self._function_dir}", *variables]
        return [*start, _binary(), *addresses, python, "-s", "-P", "-m", "awslambdaric", self._handler]

    def _variables(self, folder: Path) -> dict[str, str]:
        """The search path of a Lambda: the function, then its layers. No .pyc is written: /opt is read-only there."""
        paths = [self._function_dir, *(path for layer in self._layers for path in _layer_paths(layer))]
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{PYTHON_VERSION}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "LAMBDA_TASK_ROOT": str(self._function_dir),
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self._environment,
        }

    def _is_listening(self) -> bool:
        try:
            self._pool.request("GET", self._url, timeout=1.0)
        except urllib3.exceptions.HTTPError:
            return False
        return True

    def _logged(self, begin: int) -> str:
        with self._log.open("rb") as log:
            log.seek(begin)
            return log.read().decode(errors="replace")

    def _kill(self) -> None:
        """The emulator puts the function into a process group of its own."""
        functions: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            functions = psutil.Process(self._service.pid).children(recursive=True)
        self._service.kill()
        for function in functions:
            with suppress(psutil.NoSuchProcess):
                function.kill()


def _layer_paths(layer: Path) -> list[Path]:
    """Where a Lambda looks inside a layer."""
    return [layer / "python" / "lib" / f"python{PYTHON_VERSION}" / "site-packages", layer / "python"]


def _binary() -> Path:
    name = _BINARIES.get(platform.machine())
    if platform.system() != "Linux" or name is None:
        raise ToolError(f"the runtime emulator runs on Linux, x86_64 or aarch64, not on {platform.platform()}")
    packages = site_packages(ensure_environment("runtime-emulator", dependencies=False))
    return packages / "samcli" / "local" / "rapid" / name


def _read_error(status: int, body: bytes) -> FunctionError | None:
    try:
        document = json.loads(body)
    except ValueError:
        return FunctionError("Sandbox", body.decode(errors="replace").strip(), "")
    fields = document.keys() if isinstance(document, dict) else set()
    if status == 200 and not (fields >= _ERROR_FIELDS and fields <= _ERROR_FIELDS | {"requestId", "stackTrace"}):
        return None
    if not fields >= _ERROR_FIELDS:
        return FunctionError("Sandbox", body.decode(errors="replace").strip(), "")
    return FunctionError(document["errorType"], document["errorMessage"], "".join(document.get("stackTrace") or []))
