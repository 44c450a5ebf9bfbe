"""A cluster, AWS, and the command itself."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from steward_cli.main import app
from testbed.aws.ecr_api import EcrAnswer, EcrApi
from testbed.embedded_api import EmbeddedApi
from tests.unit.cli.fake_appconfig import FakeAppConfig

FLEET = """
clusters:
  - name: shop
    server: {url: https://shop.example, tokenSecret: kubesteward/kubesteward/clusters/shop}
registries:
  - name: images
    ecr: {region: eu-west-1, accounts: ["111122223333"]}
pullSecrets:
  - name: pull
    registries: [images]
"""

Rows = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture
def api() -> Iterator[EmbeddedApi]:
    with EmbeddedApi() as api:
        api.create_namespace("team-a")
        api.create_namespace("team-b")
        yield api


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Iterator[EcrApi]:
    with EcrApi() as ecr:
        for name, value in ecr.environment.items():
            monkeypatch.setenv(name, value)
        ecr.answer_with = EcrAnswer(password="first-password")
        yield ecr


@pytest.fixture
def appconfig(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAppConfig]:
    with FakeAppConfig() as appconfig:
        monkeypatch.setenv("AWS_ENDPOINT_URL_APPCONFIG", appconfig.endpoint_url)
        yield appconfig


@dataclass
class Steward:
    """The command, with the fleet file and the kubeconfig filled in."""

    fleet: Path
    kubeconfig: Path

    def run(self, *words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    def plan(self, *words: str) -> Result:
        return self.run("plan", "--fleet", self.fleet, "--kubeconfig", self.kubeconfig, *words)

    def apply(self, *words: str) -> Result:
        return self.run("apply", "--fleet", self.fleet, "--kubeconfig", self.kubeconfig, *words)


@pytest.fixture
def steward(api: EmbeddedApi, ecr: EcrApi, tmp_path: Path) -> Steward:
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(FLEET)
    return Steward(fleet, api.kubeconfig)


@pytest.fixture
def rows() -> Callable[[Result], Rows]:
    """(namespace, object) -> row, of `--json` with one cluster."""

    def read(result: Result) -> Rows:
        (cluster,) = json.loads(result.stdout)["clusters"]
        return {(row["namespace"], row["object"]): row for row in cluster["rows"]}

    return read
