"""Placements as the cluster itself shows them, for runs without the stack's table.

Needs `list` on Secrets (metadata only, never their data), which the person at the laptop has and the stack's own
role deliberately has not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from steward.cluster import Cluster, Namespace
from steward.cluster.errors import ForbiddenError
from steward.errors import PermanentError
from steward.fleet.selection import chooses_namespace
from steward.images.docker_config import CONTENT_ANNOTATION, EXPIRES_ANNOTATION, MANAGED_BY
from steward.pullsecrets.desired import Desired
from steward.pullsecrets.ownership import foreign_because
from steward.pullsecrets.sync import accept_fresh
from steward.state.placements import Key, Placement


class SecretsUnlistableError(PermanentError):
    """The kubeconfig's user may not list Secrets, so nobody can say what lies in the cluster."""


@dataclass(slots=True)
class ClusterBook:
    """A PlacementBook that reads one cluster and keeps nothing: what was written is found there next time."""

    cluster: Cluster
    desired: Sequence[Desired]
    now: float
    """Unix time."""
    least: float
    """Seconds that a credential must still live to be left where it lies; infinity renews everything."""
    concerned: int = field(default=0, init=False)
    """Namespaces that are chosen or hold something, as of the last `load`."""

    def load(self, cluster: str) -> dict[Key, Placement]:
        """What lies in the cluster: ours by label and field manager, and foreign Secrets of a wanted name as refused.

        Raises SecretsUnlistableError and the errors of steward.cluster.errors.
        """
        namespaces = {namespace.name: namespace for namespace in self.cluster.namespaces()}
        placements = dict(_read(self.desired, namespaces, self._secrets(cluster)))
        chosen = {name for name, namespace in namespaces.items() if _chosen(self.desired, namespace)}
        self.concerned = len(chosen | {namespace for namespace, _ in placements})
        self._add_accounts(placements, namespaces)
        contents = {wish.name: wish.content for wish in self.desired if wish.content is not None}
        return accept_fresh(placements, contents, self.now, self.least)

    def save(self, cluster: str, placements: Mapping[Key, Placement], touched: Iterable[str]) -> None:
        """Nothing to do: the Secrets carry label and annotations."""

    def _secrets(self, cluster: str) -> list[dict[str, Any]]:
        (label, value), *_ = MANAGED_BY.items()
        try:
            found = list(self.cluster.secrets_labelled(f"{label}={value}"))
            for wish in self.desired:
                found += self.cluster.secrets_named(wish.name)
        except ForbiddenError as error:
            raise SecretsUnlistableError(
                f"cluster {cluster}: this user may not list Secrets ({error.status}), which the command line needs to "
                "see what lies there. Use a kubeconfig whose user may list them; kubesteward's own role may not",
            ) from None
        return found

    def _add_accounts(self, placements: dict[Key, Placement], namespaces: Mapping[str, Namespace]) -> None:
        """Entries that name a Secret which goes are of no use to anybody, so they count as ours and go with it.

        Who wrote an entry is recorded nowhere (an account without fields has no managedFields), so all other entries
        may be somebody else's and stay.
        """
        leaving = {
            (namespace, secret)
            for namespace, secret in placements
            if secret not in _chosen(self.desired, namespaces[namespace])
        }
        for account in self.cluster.service_accounts() if leaving else ():
            metadata = account["metadata"]
            named = {entry.get("name") for entry in account.get("imagePullSecrets") or []}
            for key in leaving & {(metadata["namespace"], name) for name in named}:
                names = {*placements[key].service_accounts, metadata["name"]}
                placements[key] = replace(placements[key], service_accounts=tuple(sorted(names)))


def _chosen(desired: Sequence[Desired], namespace: Namespace) -> set[str]:
    """Names of the pull secrets that choose this namespace."""
    return {
        wish.name for wish in desired if chooses_namespace(wish.declared.namespaces, namespace.name, namespace.labels)
    }


def _read(
    desired: Sequence[Desired],
    namespaces: Mapping[str, Namespace],
    secrets: Iterable[dict[str, Any]],
) -> Iterator[tuple[Key, Placement]]:
    for metadata in secrets:
        namespace, name = namespaces.get(metadata["namespace"]), metadata["name"]
        if namespace is None:
            continue
        foreign = foreign_because(metadata)
        if not foreign:
            yield (namespace.name, name), _placement(namespace, metadata)
        elif name in _chosen(desired, namespace):
            yield (namespace.name, name), _refused(namespace, foreign)


def _refused(namespace: Namespace, foreign: str) -> Placement:
    reason = f"left alone: {foreign}. Rename the pull secret, or delete that Secret"
    return Placement(namespace.uid, "", 0, refused=reason)


def _placement(namespace: Namespace, metadata: Mapping[str, Any]) -> Placement:
    annotations = metadata.get("annotations") or {}
    return Placement(
        namespace.uid,
        annotations.get(CONTENT_ANNOTATION, ""),
        _unix_time(annotations.get(EXPIRES_ANNOTATION, "")),
        str(metadata.get("resourceVersion", "")),
    )


def _unix_time(text: str) -> int:
    """Of an annotation that anybody may have edited: what cannot be read counts as expired."""
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return 0
