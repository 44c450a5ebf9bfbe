"""The objects, kept in kmock's array, with what etcd adds: revisions, order, and snapshots for paging."""

import base64
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import kmock

from testbed.embedded_api.resources import Resource
from testbed.embedded_api.status import Json, bad_request, continue_expired

KEPT_SNAPSHOTS = 64


@dataclass(frozen=True)
class Page:
    """One page of a list: its items, the revision they are of, and the token and count of what remains."""

    items: list[Json]
    revision: int
    token: str = ""
    remaining: int | None = None


@dataclass(frozen=True)
class Scope:
    """Which list is asked for: continue tokens are good for the same list only."""

    resource: Resource
    namespace: str | None
    labels: str = ""
    fields: str = ""

    def key(self, obj: Json) -> str:
        """The key of an item below that of its list: `name`, or `namespace/name` across namespaces."""
        return str(obj["metadata"]["name"]) if self.namespace else _key(obj)


class Store:
    """Objects by kind, namespace and name. What it hands out is shared and must not be changed."""

    def __init__(self, objects: kmock.ObjectsArray) -> None:
        self._objects = objects
        self._snapshots: OrderedDict[tuple[int, Scope], list[Json]] = OrderedDict()
        self.revision = 1

    def get(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        key = (resource.key, namespace, name)
        return self._objects[key].raw if key in self._objects else None

    def put(self, resource: Resource, obj: Json) -> Json:
        """Store `obj` under a new revision and answer it as stored."""
        self.revision += 1
        stored = obj | {"metadata": obj["metadata"] | {"resourceVersion": str(self.revision)}}
        self._objects[resource.key, stored["metadata"].get("namespace"), stored["metadata"]["name"]] = stored
        return stored

    def remove(self, resource: Resource, obj: Json) -> Json:
        """Delete `obj`; the answer carries the revision of the deletion."""
        self.revision += 1
        del self._objects[resource.key, obj["metadata"].get("namespace"), obj["metadata"]["name"]]
        return obj | {"metadata": obj["metadata"] | {"resourceVersion": str(self.revision)}}

    def all_of(self, resource: Resource, namespace: str | None = None) -> list[Json]:
        """The objects of a kind, in one namespace or all, in the order of etcd's keys."""
        wanted = resource.key
        found = [
            obj.raw
            for (kind, within, _), obj in self._objects.items()
            if kind == wanted and namespace in (None, within)
        ]
        return sorted(found, key=_key)

    def contents(self, namespace: str) -> list[tuple[kmock.resource, Json]]:
        """Everything that lies in a namespace."""
        return [(kind, obj.raw) for (kind, within, _), obj in self._objects.items() if within == namespace]

    def forget_snapshots(self) -> None:
        """Do what etcd's compaction does: continue tokens given so far are answered 410."""
        self._snapshots.clear()

    def page(self, scope: Scope, matching: Callable[[], list[Json]], limit: int, token: str) -> Page:
        """One page of at most `limit` items (0: all) of the list that `matching` gives, from `token` on.

        All pages of a list are of the moment of the first.
        """
        if not token:
            return self._cut(scope, matching(), self.revision, limit)
        revision, start = _read_token(token)
        if revision < 0:
            return self._cut(scope, _from(matching(), scope, start), self.revision, limit)
        snapshot = self._snapshots.get((revision, scope))
        if snapshot is None:
            raise continue_expired(_write_token(-1, start))
        return self._cut(scope, _from(snapshot, scope, start), revision, limit)

    def _cut(self, scope: Scope, items: list[Json], revision: int, limit: int) -> Page:
        if not limit or len(items) <= limit:
            return Page(items, revision)
        self._snapshots[revision, scope] = items
        while len(self._snapshots) > KEPT_SNAPSHOTS:
            self._snapshots.popitem(last=False)
        token = _write_token(revision, scope.key(items[limit - 1]) + "\0")
        # A real server counts before it selects, so with a selector it says nothing.
        selected = scope.labels or scope.fields
        return Page(items[:limit], revision, token, None if selected else len(items) - limit)


def _key(obj: Json) -> str:
    meta = obj["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else str(meta["name"])


def _from(items: list[Json], scope: Scope, start: str) -> list[Json]:
    return [item for item in items if scope.key(item) >= start]


def _write_token(revision: int, start: str) -> str:
    document = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(document.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    try:
        document = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(document["rv"]), str(document["start"])
    except (ValueError, KeyError, TypeError):
        raise bad_request("invalid continue token: continue key is not valid") from None
