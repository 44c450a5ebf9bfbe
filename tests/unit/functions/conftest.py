"""The functions with their real parts: AWS by moto, clusters by the embedded API, the fleet file from memory."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from os import environ
from typing import Any
from unittest.mock import patch

import pytest
from moto import mock_aws

from functions.mint_credentials import handler as mint_handler
from functions.observe_clusters import handler as observe_handler
from functions.sync_pull_secrets import handler as sync_handler
from steward import aws
from steward.fleet import Fleet, read_fleet
from steward.pullsecrets.house import House
from steward.telemetry import logger
from testbed.embedded_api import EmbeddedApi
from tests.unit.functions.invocation import Told
from tests.unit.pullsecrets.rig import make_credential
from tests.unit.pullsecrets.samples import NAME, PRINCIPAL

TABLE, PREFIX = "kubesteward", "kubesteward/test/credentials"
HANDLERS = (mint_handler, observe_handler, sync_handler)


@dataclass
class MemoryFleet:
    """Stands for PublishedFleet: serves what it is given, or raises it."""

    fleet: Fleet | Exception

    def read(self) -> Fleet:
        if isinstance(self.fleet, Exception):
            raise self.fleet
        return self.fleet


@dataclass
class Stack:
    """A deployed stack with the clusters `production` and `staging`."""

    clusters: dict[str, EmbeddedApi]
    queue_url: str
    published: MemoryFleet = field(init=False)

    def __post_init__(self) -> None:
        self.published = MemoryFleet(fleet_of({name: api.url for name, api in self.clusters.items()}))
        for module in HANDLERS:
            module.house.cache_clear()
            self.staff(module.house())

    def staff(self, house: House) -> House:
        house.fleet = self.published  # type: ignore[assignment]
        return house

    def another_house(self) -> House:
        """What a second container of the same function holds."""
        return self.staff(House(sync_handler.house().variables))

    def store(self, revision: int = 1) -> None:
        mint_handler.house().vault.store(make_credential(PRINCIPAL, revision))

    def messages(self) -> list[dict[str, Any]]:
        """Bodies in the queue, which they leave."""
        answer = aws.client("sqs").receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        return [json.loads(found["Body"]) for found in answer.get("Messages", [])]

    def password(self, cluster: str, namespace: str) -> str | None:
        data = self.clusters[cluster].secret(namespace, NAME)
        if data is None:
            return None
        (entry,) = json.loads(data[".dockerconfigjson"])["auths"].values()
        return str(entry["password"])


class CurrentStdout:
    """Whatever stdout is at the moment of writing: pytest captures each phase of a test with another one."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def fleet_of(urls: dict[str, str]) -> Fleet:
    text = {
        "clusters": [
            {"name": name, "server": {"url": url, "tokenSecret": f"token-{name}"}} for name, url in urls.items()
        ],
        "registries": [{"name": "ecr", "ecr": {"region": "eu-west-1", "accounts": ["111122223333"]}}],
        "pullSecrets": [{"name": NAME, "registries": ["ecr"], "namespaces": {"names": ["team-*"]}}],
    }
    return read_fleet(json.dumps(text))


def create_resources(clusters: dict[str, EmbeddedApi]) -> str:
    """Table, queue and token secrets, as the template and the user make them; answers the queue's URL."""
    keys = [{"AttributeName": name, "KeyType": kind} for name, kind in (("pk", "HASH"), ("sk", "RANGE"))]
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    aws.client("dynamodb").create_table(
        TableName=TABLE, KeySchema=keys, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST"
    )
    for name, api in clusters.items():
        aws.client("secretsmanager").create_secret(Name=f"token-{name}", SecretString=api.token)
    return str(aws.client("sqs").create_queue(QueueName="sync")["QueueUrl"])


def variables(queue_url: str) -> dict[str, str]:
    fleet = {f"FLEET_{name}": name.lower() for name in ("APPLICATION", "ENVIRONMENT", "PROFILE")}
    return fleet | {
        "TABLE_NAME": TABLE,
        "CREDENTIAL_PREFIX": PREFIX,
        "SYNC_QUEUE_URL": queue_url,
        "CREDENTIAL_KEY": "alias/aws/secretsmanager",
    }


@pytest.fixture
def stack() -> Iterator[Stack]:
    """Both clusters have the namespaces team-a and team-b; no credential is stored yet."""
    with mock_aws(), EmbeddedApi() as production, EmbeddedApi() as staging:
        clusters = {"production": production, "staging": staging}
        for api in clusters.values():
            api.create_namespace("team-a")
            api.create_namespace("team-b")
        queue_url = create_resources(clusters)
        with patch.dict(environ, variables(queue_url)):
            yield Stack(clusters, queue_url)
        for module in HANDLERS:
            module.house.cache_clear()


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], Told]:
    """What was logged since the last call."""
    monkeypatch.setattr(logger.registered_handler, "stream", CurrentStdout())
    return lambda: Told(capsys.readouterr().out)
