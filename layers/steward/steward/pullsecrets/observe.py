"""The use case: look at every cluster each minute, find what lags behind, and measure how fresh the fleet is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from steward.cluster import Cluster, Namespace
from steward.errors import StewardError
from steward.pullsecrets.desired import Desired
from steward.pullsecrets.plan import Observed, plan
from steward.state.messages import SyncRequest
from steward.state.placements import Key, Placement, PlacementBook

AT_ONCE = 16
"""Clusters looked at at the same time: one that is down holds a place for its connect time-out only."""
NAMED = 100
"""More namespaces than this in one message: then the whole cluster is asked for."""


@dataclass(slots=True)
class Sighting:
    """What one look at one cluster found."""

    cluster: str
    request: SyncRequest | None = None
    oldest_expiry: int | None = None
    error: str = ""


@dataclass(slots=True)
class Watched:
    """One cluster by its name in the fleet, the way to it (which may fail), and what it should hold."""

    name: str
    connect: Callable[[], Cluster]
    desired: Sequence[Desired] = field(default_factory=list)


def look_at(watched: Iterable[Watched], book: PlacementBook) -> list[Sighting]:
    """One sighting per cluster; one that cannot be read says so and stops no other."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda one: _look(one, book), watched))


def _look(watched: Watched, book: PlacementBook) -> Sighting:
    name, placements = watched.name, book.load(watched.name)
    sighting = Sighting(name, oldest_expiry=oldest_placed(placements))
    try:
        namespaces = list(watched.connect().namespaces())
    except StewardError as error:
        sighting.error = str(error)
        return sighting
    sighting.oldest_expiry = oldest_placed(placements_in_use(namespaces, placements))
    behind = namespaces_behind(namespaces, watched.desired, placements)
    if behind:
        named = tuple(behind) if len(behind) <= NAMED else ()
        sighting.request = SyncRequest(cluster=name, reason=f"{len(behind)} namespaces lag behind", namespaces=named)
    return sighting


def namespaces_behind(
    namespaces: Sequence[Namespace],
    desired: Sequence[Desired],
    placements: Mapping[Key, Placement],
) -> list[str]:
    """Namespaces where something of ours is to be written or removed, as far as names and placements tell. Pure."""
    behind = []
    for made in plan(desired, Observed(namespaces, placements, {})):
        secrets = any(step.action in {"apply", "delete"} for step in made.secrets)
        if secrets or _awaits_default_account(
            made.namespace.name, desired, placements, {step.name for step in made.secrets}
        ):
            behind.append(made.namespace.name)
    return behind


def _awaits_default_account(
    namespace: str,
    desired: Sequence[Desired],
    placements: Mapping[Key, Placement],
    present: set[str],
) -> bool:
    """The default service account appears a moment after its namespace; until it names our Secret, come back."""
    return any(
        wish.declared.service_accounts == "default"
        and wish.name in present
        and (placed := placements.get((namespace, wish.name))) is not None
        and not placed.refused
        and "default" not in placed.service_accounts
        for wish in desired
    )


def placements_in_use(namespaces: Iterable[Namespace], placements: Mapping[Key, Placement]) -> dict[Key, Placement]:
    """Those of namespaces that still live: one stuck in termination gets no new credential and needs none. Pure."""
    living = {(namespace.name, namespace.uid) for namespace in namespaces if not namespace.terminating}
    return {key: placed for key, placed in placements.items() if (key[0], placed.namespace_uid) in living}


def oldest_placed(placements: Mapping[Key, Placement]) -> int | None:
    """When the first of the credentials that lie in a cluster ends. Pure."""
    return min(
        (placed.expires_at for placed in placements.values() if placed.content and not placed.refused),
        default=None,
    )
