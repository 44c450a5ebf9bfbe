"""What `sam build` makes: complete, compiled, for both architectures, and small."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.stack

FUNCTIONS = {
    "MintCredentials": "mint_credentials",
    "SyncPullSecrets": "sync_pull_secrets",
    "ObserveClusters": "observe_clusters",
}
LAYERS = ("Dependencies", "Steward")
MOST_MEGABYTES = 60
"""Lambda takes 250 MB; untrimmed it would be 163."""

IMPORT_EVERYTHING = """
import importlib, json, pkgutil, sys
import handler, steward
names = [m.name for m in pkgutil.walk_packages(steward.__path__, "steward.") if not m.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
import boto3
from kubernetes.client import ApiClient, Configuration
ApiClient(Configuration())
boto3.resource("dynamodb", region_name="us-east-1")
for service in json.loads(sys.argv[1]):
    boto3.client(service, region_name="us-east-1")
foreign = [m.__file__ for m in list(sys.modules.values()) if "site-packages" in (getattr(m, "__file__", None) or "")]
print(json.dumps({"imported": len(names), "foreign": foreign}))
"""


@pytest.mark.parametrize(("logical", "folder"), FUNCTIONS.items())
def test_a_function_and_its_layers_need_nothing_else(built: Path, logical: str, folder: str) -> None:
    """Everything is imported by an interpreter that sees the artefacts and the standard library alone."""
    paths = [built / logical, *(built / layer / "python" for layer in LAYERS)]
    environment = {"PYTHONPATH": os.pathsep.join(map(str, paths)), "PATH": os.defpath}
    variables = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    services = json.dumps(["appconfigdata", "ecr", "ecr-public", "eks", "kms", "secretsmanager", "sqs", "sts"])
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", IMPORT_EVERYTHING, services],
        env=environment | variables,
        cwd=built,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{folder}: {done.stderr[-2000:]}"
    found = json.loads(done.stdout)
    assert found["foreign"] == []
    assert found["imported"] > 20


def test_every_module_is_compiled(built: Path) -> None:
    for folder in (*FUNCTIONS, *LAYERS):
        sources = {path.with_suffix("") for path in (built / folder).rglob("*.py")}
        compiled = {
            path.parent.parent / path.name.removesuffix(".cpython-313.pyc") for path in (built / folder).rglob("*.pyc")
        }
        assert sources
        assert compiled == sources


def test_native_modules_are_there_for_both_architectures(built: Path) -> None:
    native = {path.name for path in (built / "Dependencies").rglob("*.so")}
    for_x86 = {name for name in native if "x86_64" in name}
    assert "_pydantic_core.cpython-313-aarch64-linux-gnu.so" in native
    assert {name.replace("x86_64", "aarch64") for name in for_x86} == native - for_x86


def test_the_layers_are_small(built: Path) -> None:
    size = sum(path.stat().st_size for layer in LAYERS for path in (built / layer).rglob("*") if path.is_file())
    assert size < MOST_MEGABYTES * 1024 * 1024


def test_the_built_template_has_no_aliases(built: Path) -> None:
    """CloudFormation does not read YAML's; SAM writes them out."""
    text = (built / "template.yaml").read_text()
    assert not re.search(r"[:-] [&*]\w+$", text, re.MULTILINE)
