"""One API server under test, and a small typed client that speaks plain HTTP to it."""

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlencode

import urllib3

type Json = dict[str, Any]

METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PULL_SECRET = "kubernetes.io/dockerconfigjson"
GOOD_CONFIG = b'{"auths":{"registry.example.com":{"auth":"dTpw"}}}'
OTHER_CONFIG = b'{"auths":{"registry.example.com":{"auth":"dTpx"}}}'
DEADLINE = 60.0


@dataclass(frozen=True)
class Server:
    """Where it is, and who may come: `token` is the administrator's, `outsider` belongs to a user without rights."""

    url: str
    token: str
    outsider: str
    ca: Path | None
    expire_continue_tokens: Callable[[], None]


@dataclass(frozen=True)
class Answer:
    """Status code, headers and decoded body (None if it is no JSON) of one answer."""

    code: int
    headers: Mapping[str, str]
    body: Json | None

    @property
    def object(self) -> Json:
        assert self.body is not None, f"HTTP {self.code} without a JSON body"
        return self.body

    @property
    def message(self) -> str:
        return str(self.object.get("message"))

    @property
    def refusal(self) -> tuple[int, str | None, str]:
        """(code, reason, message), the three that clients act on; the code is asserted to be the body's too."""
        assert self.object.get("kind") == "Status", self.object
        assert self.object["code"] == self.code
        return self.code, self.object.get("reason"), self.message

    @property
    def causes(self) -> list[tuple[str, str, str]]:
        """(reason, message, field) of each cause in the details."""
        causes = (self.object.get("details") or {}).get("causes") or []
        return [(cause.get("reason", ""), cause.get("message", ""), cause.get("field", "")) for cause in causes]


@dataclass
class Client:
    """Requests with one token. Every call answers whatever came back; nothing is retried."""

    server: Server
    token: str
    pool: urllib3.PoolManager = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ca = str(self.server.ca) if self.server.ca else None
        self.pool = urllib3.PoolManager(retries=False, ca_certs=ca, timeout=30)

    def ask(
        self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None, **headers: str
    ) -> Answer:
        """One request; `body` is bytes or anything JSON, header names have `_` for `-`."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.server.url}{path}" + (f"?{urlencode(query)}" if query else "")
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.pool.request(method, url, body=payload, headers=sent)
        return Answer(answer.status, answer.headers, _decoded(answer.data))

    def get(self, path: str, query: Mapping[str, str] | None = None, accept: str = "application/json") -> Answer:
        return self.ask("GET", path, query=query, Accept=accept)

    def post(self, path: str, body: object, user_agent: str = "creator") -> Answer:
        return self.ask("POST", path, body, Content_Type="application/json", User_Agent=user_agent)

    def put(self, path: str, body: object, user_agent: str = "editor") -> Answer:
        return self.ask("PUT", path, body, Content_Type="application/json", User_Agent=user_agent)

    def apply(self, path: str, body: object, manager: str = "steward", *, force: bool = False) -> Answer:
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        return self.ask("PATCH", path, body, query, Content_Type="application/apply-patch+yaml")

    def delete(self, path: str, options: Json | None = None) -> Answer:
        return self.ask("DELETE", path, options, Content_Type="application/json")


def _decoded(data: bytes) -> Json | None:
    try:
        decoded = json.loads(data)
    except ValueError:
        return None
    return decoded if isinstance(decoded, dict) else None


@dataclass(frozen=True)
class Room:
    """A namespace of a test's own."""

    client: Client
    name: str

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.name}"

    @property
    def secrets(self) -> str:
        return f"{self.path}/secrets"

    def secret(self, name: str = "r") -> str:
        return f"{self.secrets}/{name}"

    def account(self, name: str = "default") -> str:
        return f"{self.path}/serviceaccounts/{name}"


def fresh_name(prefix: str = "room") -> str:
    """A namespace name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def new_room(client: Client, labels: Mapping[str, str] | None = None, name: str = "") -> Room:
    """A new namespace; its default service account is waited for."""
    name = name or fresh_name()
    made = client.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": dict(labels or {})}})
    assert made.code == 201, made.body
    room = Room(client, name)
    eventually(lambda: client.get(room.account()).code == 200)
    return room


def eventually(holds: Callable[[], bool]) -> None:
    """Ask until it holds; controllers of a real cluster need a moment."""
    end = monotonic() + DEADLINE
    while not holds():
        assert monotonic() < end, f"not within {DEADLINE:.0f} s"
        sleep(0.02)


def secret(
    data: Mapping[str, bytes],
    kind: str = PULL_SECRET,
    name: str = "r",
    labels: Mapping[str, str] | None = None,
    *,
    immutable: bool | None = None,
) -> Json:
    """A Secret with encoded data."""
    metadata: Json = {"name": name} | ({"labels": dict(labels)} if labels else {})
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": encoded}
    return body if immutable is None else body | {"immutable": immutable}


def pull_secret(
    config: bytes = GOOD_CONFIG,
    kind: str = PULL_SECRET,
    name: str = "r",
    labels: Mapping[str, str] | None = None,
    *,
    immutable: bool | None = None,
) -> Json:
    """A Secret with `config` under the key of a pull secret."""
    return secret({".dockerconfigjson": config}, kind, name, labels, immutable=immutable)


def names(items: Iterable[Json]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def revision(answer: Answer) -> str:
    return str(answer.object["metadata"]["resourceVersion"])


def owners(obj: Json) -> dict[tuple[str, str], Json]:
    """FieldsV1 by (manager, operation)."""
    return {
        (entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in obj["metadata"].get("managedFields", [])
    }


def held_secret() -> Json:
    """A Secret `held` whose finalizer keeps it, and its namespace, from going."""
    body = pull_secret(name="held")
    return body | {"metadata": body["metadata"] | {"finalizers": ["example.com/hold"]}}


def release(room: Room) -> None:
    """Take the finalizer off again."""
    patch = {"metadata": {"finalizers": None}}
    room.client.ask("PATCH", room.secret("held"), patch, Content_Type="application/merge-patch+json")


@contextmanager
def terminate(room: Room) -> Iterator[None]:
    """The room as a terminating namespace; at the end it may go."""
    room.client.post(room.secrets, held_secret())
    room.client.delete(room.path)
    eventually(lambda: "deletionTimestamp" in room.client.get(room.path).object["metadata"])
    try:
        yield
    finally:
        release(room)
