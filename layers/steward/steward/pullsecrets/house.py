"""The use cases with their real parts: what the handlers call. One method per function, no logic of their own."""

import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache, partial

from steward import aws
from steward.cluster import Cluster
from steward.cluster.fleet_access import connect, expand
from steward.credential import Credential
from steward.environment import HouseVariables, MintVariables
from steward.errors import PermanentError
from steward.fleet import Cluster as DeclaredCluster
from steward.fleet import Fleet
from steward.pullsecrets.desired import desired_pull_secrets
from steward.pullsecrets.mint import Minted, concerned_clusters, mint_due
from steward.pullsecrets.observe import Sighting, Watched, look_at
from steward.pullsecrets.report import Report
from steward.pullsecrets.sync import Sync, in_seconds
from steward.registries.ecr import mint
from steward.state.leases import Leases
from steward.state.messages import SyncRequest, send
from steward.state.placements import TablePlacements
from steward.state.published import PublishedFleet
from steward.state.vault import Vault, read_bearer_token

CONNECTION_SECONDS = 600
"""A cluster's endpoint, authority and token are read again after this long in a warm function."""
ASKED_SECONDS = 120
"""The same namespaces are not asked for again so soon: their message is under way. Others are, at once."""
ACCOUNTS_SECONDS = 900
"""At least this often a cluster's service accounts are looked at, since new ones show in no list of namespaces."""


class ClusterUnknownError(PermanentError):
    """The message names a cluster that the fleet no longer has."""


def _repair(cluster: str) -> SyncRequest:
    return SyncRequest(cluster=cluster, reason="daily repair", repair=True)


@dataclass(slots=True)
class House:
    """Everything that one invocation needs, made once per function and kept warm."""

    variables: HouseVariables
    fleet: PublishedFleet = field(init=False)
    leases: Leases = field(init=False)
    placements: TablePlacements = field(init=False)
    vault: Vault = field(init=False)
    _connections: dict[str, tuple[float, DeclaredCluster, Cluster]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = self.variables
        table = aws.table(given.table_name)
        self.fleet = PublishedFleet(given.fleet_application, given.fleet_environment, given.fleet_profile)
        self.leases, self.placements = Leases(table), TablePlacements(table)
        key = given.credential_key if isinstance(given, MintVariables) else None
        self.vault = Vault(given.credential_prefix, table, key)

    def mint(self, *, rotate: bool) -> Minted:
        """Renews what is due and asks for the clusters that hold it."""
        fleet = self.fleet.read()
        minted = mint_due(fleet, self.vault, mint, datetime.now(UTC), rotate=rotate)
        if minted.renewed:
            names = concerned_clusters(fleet, (declared.name for declared in expand(fleet)[0]), minted.renewed)
            send(
                self.variables.sync_queue_url,
                (SyncRequest(cluster=name, reason="credentials were renewed") for name in names),
            )
        return minted

    def sync(self, request: SyncRequest, seconds: float) -> Report:
        """Brings one cluster into line within `seconds`. Raises LeaseTakenError, ClusterUnknownError or what the
        fleet and the way to the cluster raise; what happens inside the cluster is in the report.
        """
        fleet = self.fleet.read()
        with self.leases.hold(request.cluster, int(seconds) + 15):
            cluster = self._connect(self._declared(fleet, request.cluster))
            desired = desired_pull_secrets(fleet, request.cluster, self.vault.records())
            return Sync(cluster, desired, self.placements).run(
                self._credentials(),
                deadline=in_seconds(seconds),
                namespaces=request.namespaces,
                repair=request.repair,
            )

    def observe(self, *, repair: bool) -> tuple[list[Sighting], list[str]]:
        """Looks at every cluster and asks for those that lag behind; with `repair`, for all of them in full.

        Answers the sightings, each with the request that was sent for it, and what regions could not be listed.
        """
        fleet = self.fleet.read()
        declared, errors = expand(fleet)
        if repair:
            return self._send(Sighting(one.name, _repair(one.name)) for one in declared), errors
        records = self.vault.records()
        sightings = look_at(
            (
                Watched(one.name, partial(self._connect, one), desired_pull_secrets(fleet, one.name, records))
                for one in declared
            ),
            self.placements,
        )
        return self._send(replace(seen, request=self._asks_for(seen)) for seen in sightings), errors

    def _send(self, sightings: Iterable[Sighting]) -> list[Sighting]:
        seen = list(sightings)
        send(self.variables.sync_queue_url, [one.request for one in seen if one.request])
        return seen

    def _asks_for(self, seen: Sighting) -> SyncRequest | None:
        if seen.request is not None:
            same = zlib.crc32(seen.request.model_dump_json().encode())
            return seen.request if self.leases.claim(seen.cluster, f"sync-{same:08x}", ASKED_SECONDS) else None
        if not seen.error and self.leases.claim(seen.cluster, "accounts", ACCOUNTS_SECONDS):
            return SyncRequest(cluster=seen.cluster, reason="a look at the service accounts")
        return None

    def _declared(self, fleet: Fleet, name: str) -> DeclaredCluster:
        for declared in fleet.clusters:
            if declared.name == name:
                return declared
        for declared in expand(fleet)[0]:
            if declared.name == name:
                return declared
        raise ClusterUnknownError(f"cluster {name} is not in the fleet (any more); nothing was done")

    def _connect(self, declared: DeclaredCluster) -> Cluster:
        known = self._connections.get(declared.name)
        if known and known[1] == declared and time.monotonic() - known[0] < CONNECTION_SECONDS:
            return known[2]
        cluster = connect(declared, read_bearer_token)
        self._connections[declared.name] = (time.monotonic(), declared, cluster)
        return cluster

    def _credentials(self) -> Callable[[str], Credential]:
        return cache(self.vault.read)
