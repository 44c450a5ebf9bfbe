"""What lies in which namespace: remembered by us, because our role may not list Secrets.

One item holds the placements of a 64th of a cluster's namespaces (by a hash of their names), so that a cluster of
10,000 namespaces is read with a few paged queries and stays far below DynamoDB's 400 KB an item.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

BUCKETS = 64

Key = tuple[str, str]
"""(namespace, name of the Secret)"""


@dataclass(frozen=True, slots=True)
class Placement:
    """One Secret in one namespace, as we left it."""

    namespace_uid: str
    """A namespace made again under the same name counts as new."""
    content: str
    """`images.docker_config.Content.name` of what was written; empty while a first write is under way."""
    expires_at: int
    """Unix time at which the credential in it ends."""
    resource_version: str = ""
    service_accounts: tuple[str, ...] = ()
    """Service accounts whose imagePullSecrets we gave our entry to."""
    refused: str = ""
    """Why it could not be written (a foreign object of our name); the next content or the daily repair tries again."""


class PlacementBook(Protocol):
    """Where placements are kept."""

    def load(self, cluster: str) -> dict[Key, Placement]:
        """Everything known of a cluster."""
        ...

    def save(self, cluster: str, placements: Mapping[Key, Placement], touched: Iterable[str]) -> None:
        """Stores the placements of the `touched` namespaces; those no longer in `placements` are forgotten."""
        ...


@dataclass(frozen=True, slots=True)
class TablePlacements:
    """Placements in the DynamoDB table."""

    table: Any

    def load(self, cluster: str) -> dict[Key, Placement]:
        return {
            (namespace, secret): _placement(*fields)
            for item in _query(self.table, f"cluster#{cluster}")
            for namespace, secret, *fields in json.loads(item["placements"])
        }

    def save(self, cluster: str, placements: Mapping[Key, Placement], touched: Iterable[str]) -> None:
        buckets = {bucket_of(namespace) for namespace in touched}
        contents: dict[int, list[list[Any]]] = {bucket: [] for bucket in buckets}
        for (namespace, secret), placement in placements.items():
            if (bucket := bucket_of(namespace)) in buckets:
                contents[bucket].append([namespace, secret, *_fields(placement)])
        with self.table.batch_writer() as batch:
            for bucket, rows in contents.items():
                key = {"pk": f"cluster#{cluster}", "sk": f"placements#{bucket:02d}"}
                if rows:
                    batch.put_item(Item={**key, "placements": json.dumps(rows, separators=(",", ":"))})
                else:
                    batch.delete_item(Key=key)


def bucket_of(namespace: str) -> int:
    return zlib.crc32(namespace.encode()) % BUCKETS


def _placement(uid: str, content: str, expires_at: int, version: str, accounts: list[str], refused: str) -> Placement:
    return Placement(uid, content, expires_at, version, tuple(accounts), refused)


def _fields(placement: Placement) -> list[Any]:
    return [
        placement.namespace_uid,
        placement.content,
        placement.expires_at,
        placement.resource_version,
        list(placement.service_accounts),
        placement.refused,
    ]


def _query(table: Any, pk: str) -> Iterator[dict[str, Any]]:
    request: dict[str, Any] = {
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
        "ExpressionAttributeValues": {":pk": pk, ":sk": "placements#"},
        "ConsistentRead": True,
    }
    while True:
        page = table.query(**request)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
