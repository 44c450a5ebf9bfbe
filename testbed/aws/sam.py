"""The SAM command line and the template's checkers, each in an environment of its own."""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from testbed.aws.environments import ensure_environment, find_uv
from testbed.aws.ministack import account_environment

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
BUILD = ROOT / ".aws-sam" / "build"

# SAM looks for samconfig.toml beside the template, which for a built one is not ours.
_LOCAL = ["--config-file", str(ROOT / "samconfig.toml"), "--config-env", "local"]

_PASSED_ON = frozenset({
    "HOME", "LANG", "LC_ALL", "PATH", "TERM", "TMPDIR", "XDG_CACHE_HOME", "KUBESTEWARD_CACHE",
    "AWS_CA_BUNDLE", "SSL_CERT_FILE",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
})  # fmt: skip
"""Of our environment; every UV_* too. No AWS_* but those that name the account, so that a shell's profile cannot
send a test's deployment anywhere."""


class SamError(RuntimeError):
    """A tool refused or failed: its command and the end of what it said."""


def host_architecture() -> str:
    """The processor of this machine, as Lambda names it: what functions have to be deployed as to run here."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def validate_lint() -> None:
    """`sam validate --lint`. Raises SamError."""
    _sam("validate", "--lint", "--template-file", TEMPLATE, "--region", "us-east-1")


def lint_serverless() -> None:
    """cfn-lint with the rules of cfn-lint-serverless, warnings too. Raises SamError."""
    cfn_lint = ensure_environment("cfn-lint") / "bin" / "cfn-lint"
    _run([cfn_lint, "--append-rules", "cfn_lint_serverless.rules", "--template", TEMPLATE])


def scan() -> None:
    """checkov, which would ask its vendor's host for more without --skip-download. Raises SamError."""
    checkov = ensure_environment("checkov") / "bin" / "checkov"
    _run([checkov, "--framework", "cloudformation", "--skip-download", "--compact", "--quiet", "--file", TEMPLATE])


def check() -> None:
    """Everything that can be said of the template without an account. Raises SamError."""
    validate_lint()
    lint_serverless()
    scan()


def build(architecture: str | None = None, build_dir: Path = BUILD) -> Path:
    """`sam build`; answers the folder with the built template.yaml, a folder per function, and both layers.

    `architecture` (default: this machine's) only sets the functions' parameter: the layers serve both. Raises SamError.
    """
    parameters = ["--parameter-overrides", f"Architecture={architecture or host_architecture()}"]
    build_dir.parent.mkdir(parents=True, exist_ok=True)
    # One at a time, beside the last one, then moved there whole: whoever deploys never finds half a build.
    lock = build_dir.with_name(f"{build_dir.name}.lock").open("w")
    with lock, tempfile.TemporaryDirectory(dir=build_dir.parent, prefix=f"{build_dir.name}-") as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = Path(folder) / build_dir.name
        _sam("build", *_LOCAL, "--template-file", TEMPLATE, "--build-dir", fresh, *parameters)
        shutil.rmtree(build_dir, ignore_errors=True)
        fresh.rename(build_dir)
    return build_dir


def deploy(
    endpoint_url: str,
    stack_name: str = "kubesteward",
    parameters: Mapping[str, str] | None = None,
    build_dir: Path = BUILD,
) -> None:
    """`sam deploy` of a built template to the account behind an endpoint, with samconfig's `local`. Raises SamError.

    `parameters` are the template's; the architecture is this machine's unless they name one.
    """
    template = build_dir / "template.yaml"
    if not template.exists():
        raise SamError(f"{template} does not exist: call build() first")
    values = {"Architecture": host_architecture()} | dict(parameters or {})
    overrides = [f'ParameterKey={name},ParameterValue="{value}"' for name, value in values.items()]
    arguments: list[str | Path] = [*_LOCAL, "--template-file", template, "--stack-name", stack_name]
    account = account_environment(endpoint_url)
    _sam("deploy", *arguments, "--parameter-overrides", " ".join(overrides), environment=account)


def _sam(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> None:
    _run([ensure_environment("sam") / "bin" / "sam", *arguments], environment or {})


def _run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
    variables = _environment() | dict(environment or {})
    done = subprocess.run(
        command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = f"{done.stdout}\n{done.stderr}".strip().splitlines()[-60:]
        shown = " ".join([Path(command[0]).name, *map(str, command[1:])])
        raise SamError("\n".join([f"`{shown}` failed with {done.returncode}:", *said]))


def _environment() -> dict[str, str]:
    """What the tools and, through `sam build`, the Makefiles see."""
    passed = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("UV_")}
    own = {"UV": find_uv(), "UV_PYTHON": os.environ.get("UV_PYTHON", sys.executable), "SAM_CLI_TELEMETRY": "0"}
    return passed | own | {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


if __name__ == "__main__":
    steps: dict[str, Callable[[], object]] = {"check": check, "build": build}
    if sys.argv[1:] not in [[step] for step in steps]:
        sys.exit(f"usage: python -m testbed.aws.sam {'|'.join(steps)}")
    try:
        steps[sys.argv[1]]()
    except SamError as error:
        sys.exit(str(error))
