"""What the benches have synced: a fleet of one pull secret, and credentials as large as ECR's."""

import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from steward.credential import Credential, CredentialRecord
from steward.fleet import Fleet, read_fleet
from steward.pullsecrets.desired import Desired, desired_pull_secrets
from steward.registries.principals import principals_of

PULL_SECRET = "registry-credentials"
PASSWORD_CHARACTERS = 2714
"""Of a real ECR password, as measured."""


def one_registry_fleet(cluster: str) -> Fleet:
    """One ECR registry for every namespace of one cluster, the system's included."""
    server = {"url": "https://127.0.0.1", "tokenSecret": "unused"}
    ecr = {"region": "eu-west-1", "accounts": ["111122223333"]}
    text = {
        "clusters": [{"name": cluster, "server": server}],
        "registries": [{"name": "images", "ecr": ecr}],
        "pullSecrets": [{"name": PULL_SECRET, "registries": ["images"], "namespaces": {"exclude": []}}],
    }
    return read_fleet(json.dumps(text))


def new_credential(principal: str) -> Credential:
    """Valid for twelve hours and never the same twice."""
    password = secrets.token_urlsafe(PASSWORD_CHARACTERS)[:PASSWORD_CHARACTERS]
    now = datetime.now(UTC)
    return Credential(principal, "AWS", password, now, now + timedelta(hours=12), str(uuid.uuid4()))


@dataclass(slots=True)
class Credentials:
    """The credentials of a fleet in memory, as the vault would answer them."""

    fleet: Fleet
    held: dict[str, Credential] = field(default_factory=dict)

    def rotate(self) -> None:
        self.held = {principal.id: new_credential(principal.id) for principal in principals_of(self.fleet)}

    def desired(self, cluster: str) -> list[Desired]:
        records = {principal: CredentialRecord.of(credential) for principal, credential in self.held.items()}
        return desired_pull_secrets(self.fleet, cluster, records)

    @property
    def read(self) -> Callable[[str], Credential]:
        return self.held.__getitem__
