"""Histories of random writes, sent to the embedded and the real API server alike: every answer must be the same.

This finds what nobody thought of when the other tests of this folder were written. A failure names its seed.
"""

import base64
import json
from collections.abc import Callable
from random import Random

import pytest

from tests.contract.server import PULL_SECRET, Answer, Client, Json, Room, Server, new_room

SEEDS = range(30)
STEPS = 12
PLURALS = {"Secret": "secrets", "ServiceAccount": "serviceaccounts"}
SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")

type Step = Callable[[Room], Answer]


@pytest.mark.parametrize("seed", SEEDS)
def test_both_servers_answer_the_same(embedded: Server, kube_apiserver: Server, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - no secret depends on it
    kind = random.choice(["Secret", "Secret", "ServiceAccount"])
    rooms = [new_room(Client(server, server.token)) for server in (embedded, kube_apiserver)]

    for number in range(STEPS):
        name, step = _step(random, kind)
        ours, real = (_comparable(step(room), room) for room in rooms)
        assert ours == real, f"seed {seed}, step {number}: {name}"


def _step(random: Random, kind: str) -> tuple[str, Step]:
    """One random write of an object `r`, with a name for people."""
    who, force, obj = random.choice("uvw"), random.random() < 0.3, _object(random, kind)
    patch = _object(random, kind)
    patch = {key: value for key, value in patch.items() if key not in {"kind", "apiVersion"}}
    patch["metadata"].pop("name")
    collection = PLURALS[kind]

    def path(room: Room) -> str:
        return f"{room.path}/{collection}/r"

    steps: dict[str, Step] = {
        "post": lambda room: room.client.post(f"{room.path}/{collection}", obj, user_agent=who),
        "put": lambda room: room.client.put(path(room), obj, user_agent=who),
        "apply": lambda room: room.client.apply(path(room), obj, manager=who, force=force),
        "edit": lambda room: _edit(room, path(room), obj, who),
        "delete": lambda room: room.client.delete(path(room)),
        "merge": lambda room: room.client.ask(
            "PATCH", path(room), patch, Content_Type="application/merge-patch+json", User_Agent=who
        ),
    }
    verb = random.choice([*steps, "apply", "apply"])
    return f"{verb} by {who}, force {force}: {json.dumps(patch if verb == 'merge' else obj)}", steps[verb]


def _edit(room: Room, path: str, wanted: Json, who: str) -> Answer:
    """Read, change, PUT: as people and controllers do."""
    read = room.client.get(path)
    if read.code != 200:
        return read
    changed = {key: wanted[key] for key in ("data", "imagePullSecrets") if key in wanted}
    metadata = read.object["metadata"] | {key: wanted["metadata"].get(key) for key in ("labels", "annotations")}
    return room.client.put(path, read.object | changed | {"metadata": metadata}, user_agent=who)


def _object(random: Random, kind: str) -> Json:
    metadata: Json = {"name": "r"}
    for field in ("labels", "annotations"):
        if random.random() < 0.5:
            metadata[field] = {key: random.choice("12") for key in random.sample("xyz", random.randint(0, 3))}
    if random.random() < 0.15:
        metadata["finalizers"] = random.sample(["e.com/a", "e.com/b"], random.randint(0, 2))
    body: Json = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    return body | (_secret_fields(random) if kind == "Secret" else _account_fields(random))


def _secret_fields(random: Random) -> Json:
    fields: Json = {}
    if random.random() < 0.8:
        keys = random.sample(["a", "b", ".dockerconfigjson"], random.randint(0, 3))
        fields["data"] = {key: base64.b64encode(random.choice([b"1", b"2", b"{}"])).decode() for key in keys}
    if random.random() < 0.7:
        fields["type"] = random.choice(["Opaque", "Opaque", PULL_SECRET])
    # Go tells empty data from none where a Secret is immutable; the embedded API does not.
    if random.random() < 0.06 and fields.get("data"):
        fields["immutable"] = random.choice([True, False])
    return fields


def _account_fields(random: Random) -> Json:
    fields: Json = {}
    for field, chance in (("imagePullSecrets", 0.7), ("secrets", 0.3)):
        if random.random() < chance:
            fields[field] = [{"name": name} for name in random.sample("pqr", random.randint(0, 3))]
    if random.random() < 0.3:
        fields["automountServiceAccountToken"] = random.choice([True, False])
    return fields


def _comparable(answer: Answer, room: Room) -> tuple[int, Json]:
    """The answer without what differs between any two servers: uids, revisions, times, the namespace's name."""
    body: Json = json.loads(json.dumps(answer.object).replace(room.name, "NAMESPACE"))
    metadata = body.get("metadata", {})
    for field in SERVERS_OWN:
        metadata.pop(field, None)
    (body.get("details") or {}).pop("uid", None)
    (body.get("details") or {}).get("causes", []).sort(key=str)
    for entry in metadata.get("managedFields", []):
        entry.pop("time", None)
    # Sorted by time, which has whole seconds, before anything else.
    metadata.get("managedFields", []).sort(key=lambda entry: (entry["operation"], entry["manager"]))
    return answer.code, body
