# ruff: noqa: INP001 - a program, not a package
"""Makes the dependencies layer from wheels unpacked per architecture: merged, trimmed, byte-compiled.

`assemble.py PYTHON_VERSION ARTIFACTS_DIR UNPACKED...` leaves `ARTIFACTS_DIR/python`, which Lambda mounts as
/opt/python. Only the standard library is used: it runs before anything is installed.
"""

import compileall
import filecmp
import shutil
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

UNUSED = (
    # kubernetes' second, asyncio client and what only that one imports
    "kubernetes/aio",
    "aiohappyeyeballs*",
    "aiohttp*",
    "aiosignal*",
    "attr",
    "attrs*",
    "frozenlist*",
    "multidict*",
    "propcache*",
    "yarl*",
    # 33 MB of generated classes: the cluster room speaks through kubernetes' transport alone (design: no models)
    "kubernetes/client/api/*_api.py",
    "kubernetes/client/models/*[!_].py",
    # a C parser for YAML, which only kubeconfig files need (the pure one stays); examples; commands
    "yaml/_yaml*.so",
    "boto3/examples",
    "botocore/data/*/*/examples-1.json*",
    "bin",
)
"""Globs of what no function imports."""

SERVICES = frozenset({
    "appconfig", "appconfigdata", "autoscaling", "cloudwatch", "dynamodb", "ec2", "ecr", "ecr-public", "eks", "events",
    "kms", "lambda", "logs", "scheduler", "secretsmanager", "sns", "sqs", "ssm", "sts",
})  # fmt: skip
"""AWS services whose descriptions botocore keeps; it holds over 400. A test holds the code to this list."""


class AssemblyError(Exception):
    """The layer would not work: what is wrong, and what to do."""


def merge(unpacked: list[Path], target: Path) -> None:
    """Lays the trees over each other. Raises AssemblyError where two files of one name differ and both matter."""
    for tree in unpacked:
        for source in filter(Path.is_file, sorted(tree.rglob("*"))):
            place = target / source.relative_to(tree)
            if place.exists() and place.suffix == ".so" and not filecmp.cmp(source, place, shallow=False):
                raise AssemblyError(
                    f"{source.relative_to(tree)} differs between architectures under one name: "
                    "this package cannot share a layer; replace it, or build a layer per architecture",
                )
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place)


def trim(packages: Path) -> None:
    """Removes what is never used. Raises AssemblyError when a pattern finds nothing: a new version moved things."""
    for pattern in UNUSED:
        found = list(packages.glob(pattern))
        if not found:
            raise AssemblyError(
                f"nothing matches {pattern}: remove it from UNUSED, or write what the new version calls it"
            )
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for data in ("botocore/data", "boto3/data"):
        for service in filter(Path.is_dir, (packages / data).iterdir()):
            if service.name not in SERVICES:
                shutil.rmtree(service)


def compile_for_lambda(artifacts: Path) -> None:
    """One .pyc per .py that needs no check against its source: /opt is read-only, so a cold start cannot write any.

    The recorded paths are those in Lambda, which makes tracebacks right and the layer the same wherever it is built.
    """
    mode = PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(artifacts, quiet=1, stripdir=artifacts, prependdir="/opt", invalidation_mode=mode):
        raise AssemblyError("some of the packages do not compile; their names are above")


def main(version: str, artifacts: Path, unpacked: list[Path]) -> None:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if running != version:
        raise AssemblyError(
            f"the layer is for Python {version}, this is {running}: set UV_PYTHON to a Python {version}"
        )
    packages = artifacts / "python"
    merge(unpacked, packages)
    trim(packages)
    compile_for_lambda(artifacts)


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]), [Path(path) for path in sys.argv[3:]])
    except AssemblyError as error:
        sys.exit(f"dependencies layer: {error}")
