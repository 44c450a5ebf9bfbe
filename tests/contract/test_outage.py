"""A whole sync with the rights of cluster/: on a real API server, and on one that is killed half-way and comes back."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from steward.cluster import Access, Cluster, ClusterUnavailableError
from steward.cluster.transport import CONCURRENCY
from steward.credential import Credential, CredentialRecord
from steward.fleet import Fleet
from steward.pullsecrets.desired import desired_pull_secrets
from steward.pullsecrets.namespace_work import Outcome
from steward.pullsecrets.report import Report, SyncUnfinishedError
from steward.pullsecrets.sync import Sync, in_seconds
from testbed.kubernetes.api import Api
from testbed.kubernetes.control_plane import ControlPlane
from tests.contract.granting import NAME, TOKEN, USER, granting_plane
from tests.contract.server import eventually, fresh_name
from tests.unit.pullsecrets.rig import CLUSTER, MemoryPlacements, make_credential, make_fleet
from tests.unit.pullsecrets.samples import PRINCIPAL

MANY = 120
KILLED_AT = 40


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """An API server of this file's own, since it is killed."""
    with granting_plane() as plane:
        yield plane


@pytest.fixture(scope="module")
def admin(plane: ControlPlane) -> Iterator[Api]:
    """The administrator."""
    with Api(plane) as api:
        yield api


@dataclass
class Site:
    """Namespaces of a test's own in the real cluster, and a sync of them with the rights of cluster/role.yaml."""

    plane: ControlPlane
    admin: Api
    prefix: str = field(default_factory=lambda: fresh_name("outage"))
    book: MemoryPlacements = field(default_factory=MemoryPlacements)
    credential: Credential = field(default_factory=make_credential)
    accounts: Any = "default"
    namespaces: list[str] = field(default_factory=list)
    down: bool = False

    def kill_api_server(self) -> None:
        self.down = True
        self.plane.kill_api_server()

    def come_back(self) -> "Audit":
        """The API server is started again, with the same data; answers what it is asked from then on."""
        self.plane.start_api_server()
        self.plane.wait_ready()
        self.down = False
        return Audit(self.plane, self.admin)

    def create_namespaces(self, count: int) -> None:
        """`<prefix>-000` and so on, each with its default service account."""
        self.namespaces = [f"{self.prefix}-{number:03}" for number in range(count)]
        for name in self.namespaces:
            self.admin.post("/api/v1/namespaces", {"metadata": {"name": name}})
        for name in self.namespaces:
            account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
            self.admin.wait_for(account, lambda found: found is not None)

    @property
    def fleet(self) -> Fleet:
        chosen = {"names": [f"{self.prefix}-*"]}
        return make_fleet({"name": NAME, "namespaces": chosen, "serviceAccounts": self.accounts})

    def run(
        self,
        told: Callable[[Outcome], None] = lambda _: None,
        *,
        wanted: bool = True,
        through: type[Cluster] = Cluster,
    ) -> Report:
        """One sync, as a function that starts anew does it; without `wanted` the pull secret has left the fleet."""
        records = {PRINCIPAL: CredentialRecord.of(self.credential)}
        desired = desired_pull_secrets(self.fleet, CLUSTER, records) if wanted else []
        cluster = through(CLUSTER, Access(self.plane.url, token=lambda: TOKEN, ca=self.plane.ca_pem))
        return Sync(cluster, desired, self.book).run(lambda _: self.credential, deadline=in_seconds(120), told=told)

    def run_killing(self, at: int) -> tuple[Report, set[str]]:
        """A sync in which the API server is killed as the outcome number `at` is told; and what was done by then."""
        told: list[Outcome] = []

        def hear(outcome: Outcome) -> None:
            told.append(outcome)
            if len(told) == at:
                self.kill_api_server()

        report = self.run(hear)
        left = {row.namespace for row in report.failures()}
        return report, {outcome.namespace for outcome in told} - left

    def rotate(self) -> None:
        """A newer credential."""
        self.credential = make_credential(PRINCIPAL, int(self.credential.revision) + 1)

    def secrets(self) -> dict[str, dict[str, Any]]:
        """Namespace -> our Secret, where there is one."""
        found = self.admin.get(f"/api/v1/secrets?fieldSelector=metadata.name%3D{NAME}")["items"]
        by_namespace = {secret["metadata"]["namespace"]: secret for secret in found}
        return {name: by_namespace[name] for name in self.namespaces if name in by_namespace}

    def passwords(self) -> dict[str, str]:
        return {name: password_in(secret) for name, secret in self.secrets().items()}

    def uids(self) -> dict[str, str]:
        return {name: secret["metadata"]["uid"] for name, secret in self.secrets().items()}

    def entries(self, account: str = "default") -> dict[str, list[dict[str, str]]]:
        """Namespace -> the imagePullSecrets of a service account."""
        found = self.admin.get(f"/api/v1/serviceaccounts?fieldSelector=metadata.name%3D{account}")["items"]
        by_namespace = {item["metadata"]["namespace"]: item.get("imagePullSecrets", []) for item in found}
        return {name: by_namespace[name] for name in self.namespaces if name in by_namespace}

    def known(self) -> dict[str, str]:
        """Namespace -> the content that is remembered to lie there; empty where a first write is under way."""
        return {namespace: placed.content for (namespace, _), placed in self.book.load(CLUSTER).items()}


def password_in(secret: Mapping[str, Any]) -> str:
    config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    (entry,) = config["auths"].values()
    return str(entry["password"])


@pytest.fixture
def site(plane: ControlPlane, admin: Api) -> Iterator[Site]:
    """The API server is there again when the test is over, however it ended."""
    site = Site(plane, admin)
    yield site
    if site.down:
        site.come_back()
    for name in site.namespaces:
        admin.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def crowd(site: Site) -> Site:
    site.create_namespaces(MANY)
    return site


@dataclass
class Audit:
    """What the stack was answered since this was made, as (verb, resource) -> namespaces."""

    plane: ControlPlane
    admin: Api
    begin: int = field(init=False)

    def __post_init__(self) -> None:
        self.begin = self._path.stat().st_size

    @property
    def _path(self) -> Path:
        assert self.plane.audit_log is not None
        return self.plane.audit_log

    def _events(self) -> list[dict[str, Any]]:
        with self._path.open("rb") as log:
            log.seek(self.begin)
            return [json.loads(line) for line in log if line.endswith(b"\n")]

    def writes(self) -> Counter[tuple[str, str, str]]:
        """(verb, resource, namespace) of every write; a later request of ours is waited for, which ends the log."""
        marker = fresh_name("marker")
        self.admin.find(f"/api/v1/namespaces/{marker}")
        eventually(lambda: any(marker in event["requestURI"] for event in self._events()))
        wrote = [event for event in self._events() if event["user"]["username"] == USER]
        objects = [(event["verb"], event["objectRef"]) for event in wrote if event["verb"] not in {"get", "list"}]
        return Counter((verb, each["resource"], each["namespace"]) for verb, each in objects)


def test_a_server_killed_in_the_middle_of_a_rotation_holds_the_new_credential_after_the_next_run(crowd: Site) -> None:
    crowd.run().raise_for_leftovers()
    old, before = crowd.known(), crowd.uids()
    assert len(before) == MANY

    crowd.rotate()
    report, done = crowd.run_killing(KILLED_AT)

    left = set(crowd.namespaces) - done
    assert KILLED_AT - CONCURRENCY <= len(done) < MANY
    assert {row.namespace for row in report.failures()} == left, "what is left is named"
    assert all(row.temporary for row in report.failures())
    with pytest.raises(SyncUnfinishedError, match=f"{len(left)} parts are left to do"):
        report.raise_for_leftovers()
    known = crowd.known()
    assert {name: known[name] for name in left} == {name: old[name] for name in left}
    assert all(known[name] != old[name] for name in done)

    audit = crowd.come_back()
    crowd.run().raise_for_leftovers()

    assert crowd.passwords() == dict.fromkeys(crowd.namespaces, crowd.credential.password)
    assert crowd.uids() == before
    assert audit.writes() == Counter(("patch", "secrets", name) for name in left)
    assert len(set(crowd.known().values())) == 1


def test_a_server_killed_in_the_middle_of_first_writes_leaves_none_of_them_unknown(crowd: Site) -> None:
    report, done = crowd.run_killing(KILLED_AT)

    left = set(crowd.namespaces) - done
    with pytest.raises(SyncUnfinishedError, match="left to do"):
        report.raise_for_leftovers()
    known = crowd.known()
    assert set(known) == set(crowd.namespaces), "also those whose write may or may not have come through"
    assert all(known[name] for name in done)

    audit = crowd.come_back()
    written = crowd.uids()
    assert set(written) >= done
    crowd.run().raise_for_leftovers()

    assert crowd.passwords() == dict.fromkeys(crowd.namespaces, crowd.credential.password)
    assert {name: uid for name, uid in crowd.uids().items() if name in written} == written
    assert crowd.entries() == {name: [{"name": NAME}] for name in crowd.namespaces}
    writes = audit.writes()
    assert {name for _, _, name in writes} <= left
    assert set(writes.values()) == {1}

    crowd.run(wanted=False).raise_for_leftovers()
    assert crowd.secrets() == {}
    assert crowd.entries() == {name: [] for name in crowd.namespaces}, "also where the answer to the edit was lost"


class AnswersLost(Cluster):
    """A real cluster whose service accounts are edited as asked, and which dies before it says so."""

    def replace_service_account(self, account: dict[str, Any]) -> dict[str, Any]:
        super().replace_service_account(account)
        raise ClusterUnavailableError(f"cluster {self.name}: no answer")


def test_an_edit_whose_answer_was_lost_is_undone_when_the_pull_secret_leaves_the_file(site: Site) -> None:
    """No run in between could find the entry: it has to be remembered by the one that did not hear of it."""
    site.create_namespaces(1)
    report = site.run(through=AnswersLost)
    assert [row.reason for row in report.failures()] == [f"cluster {CLUSTER}: no answer"]
    assert list(site.entries().values()) == [[{"name": NAME}]]

    site.run(wanted=False).raise_for_leftovers()

    assert site.secrets() == {}
    assert list(site.entries().values()) == [[]]


def test_first_writes_that_were_cut_off_are_cleaned_up_whole_when_the_pull_secret_leaves_the_file(crowd: Site) -> None:
    crowd.run_killing(KILLED_AT)
    crowd.come_back()
    assert any(crowd.entries().values())

    crowd.run(wanted=False).raise_for_leftovers()

    assert crowd.secrets() == {}
    assert crowd.entries() == {name: [] for name in crowd.namespaces}
    assert crowd.known() == {}


def test_a_server_that_is_down_is_told_in_one_row_and_nothing_is_forgotten(site: Site) -> None:
    site.create_namespaces(2)
    site.run().raise_for_leftovers()
    known = site.book.load(CLUSTER)
    site.rotate()

    site.kill_api_server()
    report = site.run()

    site.come_back()
    (row,) = report.rows
    assert (row.verdict, row.temporary) == ("failed", True)
    assert f"cluster {CLUSTER}: GET /api/v1/namespaces: no answer" in row.reason
    assert site.book.load(CLUSTER) == known


def test_a_whole_sync_works_with_the_smallest_role(site: Site) -> None:
    site.accounts = "all"
    site.create_namespaces(3)
    builder = {"metadata": {"name": "builder"}, "imagePullSecrets": [{"name": "of-somebody-else"}]}
    first, *_ = site.namespaces
    site.admin.post(f"/api/v1/namespaces/{first}/serviceaccounts", builder)

    assert site.run().counts() == {"created": 3, "updated": 4}
    assert site.passwords() == dict.fromkeys(site.namespaces, site.credential.password)
    assert site.entries() == {name: [{"name": NAME}] for name in site.namespaces}
    assert site.entries("builder") == {first: [{"name": "of-somebody-else"}, {"name": NAME}]}

    before = site.uids()
    site.rotate()
    assert site.run().failures() == []
    assert site.passwords() == dict.fromkeys(site.namespaces, site.credential.password)
    assert site.uids() == before

    assert site.run(wanted=False).counts() == {"deleted": 3, "updated": 4}
    assert site.secrets() == {}
    assert site.entries() == {name: [] for name in site.namespaces}
    assert site.entries("builder") == {first: [{"name": "of-somebody-else"}]}
    assert site.known() == {}


def test_an_edit_by_somebody_else_is_mended_with_the_smallest_role(site: Site) -> None:
    """The way over a field conflict reads the Secret's metadata and applies by force."""
    site.create_namespaces(1)
    site.run()
    (name,) = site.namespaces
    empty = {"data": {".dockerconfigjson": base64.b64encode(b'{"auths":{}}').decode()}}
    site.admin.patch(f"/api/v1/namespaces/{name}/secrets/{NAME}", empty)

    site.rotate()
    assert site.run().failures() == []
    assert site.passwords() == {name: site.credential.password}
