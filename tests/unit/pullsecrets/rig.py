"""A cluster behind the embedded API, with a fleet file, credentials and a memory: what a sync run needs."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from steward.cluster import Access, Cluster
from steward.credential import Credential, CredentialRecord
from steward.fleet import Fleet, read_fleet
from steward.pullsecrets.desired import desired_pull_secrets
from steward.pullsecrets.report import Report
from steward.pullsecrets.sync import Sync, in_seconds
from steward.state.placements import Key, Placement
from steward.state.vault import CredentialMissingError
from testbed.embedded_api import EmbeddedApi
from tests.unit.pullsecrets.samples import NAME, PRINCIPAL

CLUSTER = "prod"
LONG = 60.0


def make_fleet(*pull_secrets: Mapping[str, Any], url: str = "http://127.0.0.1:1", rotation: str = "3h") -> Fleet:
    """A fleet of one cluster and two registries; without arguments, one pull secret for every `team-*` namespace."""
    given = pull_secrets or ({},)
    usual = {"name": NAME, "registries": ["ecr"], "namespaces": {"names": ["team-*"]}}
    text = {
        "clusters": [{"name": CLUSTER, "server": {"url": url, "tokenSecret": "clusters/prod"}}],
        "registries": [
            {"name": "ecr", "ecr": {"region": "eu-west-1", "accounts": ["111122223333"]}},
            {"name": "ecr-us", "ecr": {"region": "us-east-1", "accounts": ["111122223333"]}},
        ],
        "pullSecrets": [usual | dict(secret) for secret in given],
        "rotation": {"every": rotation},
    }
    return read_fleet(json.dumps(text))


def make_credential(principal: str = PRINCIPAL, revision: int = 1, **more: Any) -> Credential:
    issued = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=revision)
    expires = more.pop("expires_at", issued + timedelta(hours=12))
    password = more.pop("password", f"planted-{principal}-{revision}")
    return Credential(principal, "AWS", password, issued, expires, f"{revision:032}")


@dataclass
class MemoryPlacements:
    """Placements kept as the table keeps them; once `dead`, like a killed function, it stores nothing more."""

    kept: dict[str, dict[Key, Placement]] = field(default_factory=dict)
    saves: int = 0
    dead: bool = False

    def load(self, cluster: str) -> dict[Key, Placement]:
        return dict(self.kept.get(cluster, {}))

    def save(self, cluster: str, placements: Mapping[Key, Placement], touched: Iterable[str]) -> None:
        if self.dead:
            return
        self.saves += 1
        names = set(touched)
        untouched = {key: held for key, held in self.kept.get(cluster, {}).items() if key[0] not in names}
        self.kept[cluster] = untouched | {key: held for key, held in placements.items() if key[0] in names}


@dataclass
class Rig:
    """One cluster, what it should hold, and the means to look at what became of it."""

    api: EmbeddedApi
    fleet: Fleet = field(default_factory=make_fleet)
    book: MemoryPlacements = field(default_factory=MemoryPlacements)
    credentials: dict[str, Credential] = field(default_factory=lambda: {PRINCIPAL: make_credential()})
    reads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cluster = Cluster(CLUSTER, Access(self.api.url, lambda: self.api.token))

    def read(self, principal: str) -> Credential:
        self.reads.append(principal)
        if principal not in self.credentials:
            raise CredentialMissingError(f"secret of {principal} does not exist")
        return self.credentials[principal]

    @property
    def records(self) -> dict[str, CredentialRecord]:
        return {name: CredentialRecord.of(held) for name, held in self.credentials.items()}

    def sync(self) -> Sync:
        return Sync(self.cluster, desired_pull_secrets(self.fleet, CLUSTER, self.records), self.book)

    def run(self, namespaces: Collection[str] = (), seconds: float = LONG, *, repair: bool = False) -> Report:
        return self.sync().run(self.read, deadline=in_seconds(seconds), namespaces=namespaces, repair=repair)

    def rotate(self, principal: str = PRINCIPAL) -> None:
        """A newer credential lies in the vault."""
        revision = int(self.credentials[principal].revision) + 1
        self.credentials[principal] = make_credential(principal, revision)

    def password(self, namespace: str, name: str = NAME) -> str | None:
        """What a kubelet would log in with; None if there is no Secret."""
        data = self.api.secret(namespace, name)
        if data is None:
            return None
        (entry,) = json.loads(data[".dockerconfigjson"])["auths"].values()
        return str(entry["password"])

    def entries(self, namespace: str, account: str = "default") -> list[str]:
        found = self.api.get("serviceaccounts", namespace, account) or {}
        return [entry["name"] for entry in found.get("imagePullSecrets", [])]

    def placement(self, namespace: str, name: str = NAME) -> Placement | None:
        return self.book.kept.get(CLUSTER, {}).get((namespace, name))

    def ask(self, method: str, path: str, body: Any, *, user_agent: str = "kubectl-edit", **headers: str) -> None:
        """Somebody else's request, as kubectl or a controller would send it; it must succeed."""
        import urllib3

        sent = {"Authorization": f"Bearer {self.api.token}", "User-Agent": user_agent} | headers
        answer = urllib3.request(method, f"{self.api.url}{path}", json=body, headers=sent, retries=False)
        assert answer.status in {200, 201}, answer.data


@contextmanager
def rig_of(*namespaces: str, **options: Any) -> Iterator[Rig]:
    with EmbeddedApi(**options) as api:
        for name in namespaces:
            api.create_namespace(name)
        yield Rig(api)


def verdicts(report: Report, what: str = "") -> dict[str, str]:
    """Namespace -> verdict, of the rows about objects that begin with `what`."""
    return {row.namespace: row.verdict for row in report.rows if row.object.startswith(what)}
