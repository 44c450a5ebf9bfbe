"""Reading, replacing and deleting single objects; who may; namespaces from their first moment to their last."""

import pytest

from tests.contract.server import (
    METADATA,
    Client,
    Json,
    Room,
    eventually,
    fresh_name,
    held_secret,
    new_room,
    pull_secret,
    release,
    revision,
    terminate,
)


def test_an_unknown_token_is_refused(room: Room) -> None:
    answer = Client(room.client.server, "nobody's").get(room.path)

    assert answer.refusal == (401, "Unauthorized", "Unauthorized")


def test_without_a_token_nothing_may_be_read(room: Room) -> None:
    answer = Client(room.client.server, "").get(room.secret())

    message = (
        f'secrets "r" is forbidden: User "system:anonymous" cannot get resource "secrets" in API group "" '
        f'in the namespace "{room.name}"'
    )
    assert answer.refusal == (403, "Forbidden", message)


@pytest.mark.parametrize(
    ("method", "verb"), [("GET", "get"), ("PUT", "update"), ("PATCH", "patch"), ("DELETE", "delete")]
)
def test_rbac_tells_who_may_not_do_what(room: Room, outsider: Client, method: str, verb: str) -> None:
    answer = outsider.ask(method, room.secret(), pull_secret(), Content_Type="application/merge-patch+json")

    message = (
        f'secrets "r" is forbidden: User "outsider" cannot {verb} resource "secrets" in API group "" '
        f'in the namespace "{room.name}"'
    )
    assert answer.refusal == (403, "Forbidden", message)
    assert answer.causes == []
    assert answer.object["details"] == {"name": "r", "kind": "secrets"}


def test_rbac_covers_lists_and_cluster_scope(outsider: Client) -> None:
    answer = outsider.get("/api/v1/namespaces")

    message = (
        'namespaces is forbidden: User "outsider" cannot list resource "namespaces" in API group "" '
        "at the cluster scope"
    )
    assert answer.refusal == (403, "Forbidden", message)
    assert answer.object["details"] == {"kind": "namespaces"}


def test_a_missing_secret_is_not_found(room: Room) -> None:
    for answer in (room.client.get(room.secret()), room.client.delete(room.secret())):
        assert answer.refusal == (404, "NotFound", 'secrets "r" not found')
        assert answer.object["details"] == {"name": "r", "kind": "secrets"}


def test_putting_does_not_create(room: Room) -> None:
    assert room.client.put(room.secret(), pull_secret()).refusal == (404, "NotFound", 'secrets "r" not found')


def test_a_secret_is_created_once(room: Room) -> None:
    room.client.post(room.secrets, pull_secret())

    answer = room.client.post(room.secrets, pull_secret())

    assert answer.refusal == (409, "AlreadyExists", 'secrets "r" already exists')
    assert answer.object["details"] == {"name": "r", "kind": "secrets"}


def test_the_server_gives_uid_time_and_revision(room: Room) -> None:
    body = pull_secret()
    body["metadata"] |= {"uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z", "selfLink": "/x"}

    metadata = room.client.post(room.secrets, body).object["metadata"]

    assert metadata["uid"] != "mine"
    assert metadata["creationTimestamp"] > "2026"
    assert int(metadata["resourceVersion"]) > 0


def test_an_object_must_match_its_url(room: Room) -> None:
    room.client.post(room.secrets, pull_secret())

    answer = room.client.put(room.secret(), pull_secret(name="other"))

    message = "the name of the object (other) does not match the name on the URL (r)"
    assert answer.refusal == (400, "BadRequest", message)


def test_an_object_must_match_its_namespace(room: Room) -> None:
    body = pull_secret()
    body["metadata"]["namespace"] = "elsewhere"

    answer = room.client.post(room.secrets, body)

    message = "the namespace of the provided object does not match the namespace sent on the request"
    assert answer.refusal == (400, "BadRequest", message)


def test_one_object_as_metadata_only(room: Room) -> None:
    created = room.client.apply(room.secret(), pull_secret(labels={"a": "b"})).object

    answer = room.client.get(room.secret(), accept=METADATA)

    assert answer.object == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": created["metadata"],
    }


def test_an_unknown_representation_is_refused(room: Room) -> None:
    answer = room.client.get(room.path, accept="text/html")

    assert (answer.code, answer.object["reason"]) == (406, "NotAcceptable")


@pytest.mark.parametrize("kind", ["secrets", "serviceaccounts"])
def test_a_stale_put_is_a_conflict(room: Room, kind: str) -> None:
    path = f"{room.path}/{kind}/r"
    core: Json = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "r"}}
    read = room.client.post(f"{room.path}/{kind}", pull_secret() if kind == "secrets" else core).object
    faster = read | {"metadata": read["metadata"] | {"labels": {"faster": "yes"}}}
    assert room.client.put(path, faster).code == 200

    answer = room.client.put(path, read)

    message = (
        f'Operation cannot be fulfilled on {kind} "r": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    assert answer.refusal == (409, "Conflict", message)
    assert answer.causes == []
    assert answer.object["details"] == {"name": "r", "kind": kind}
    assert room.client.get(path).object["metadata"]["labels"] == {"faster": "yes"}


def test_a_service_account_is_replaced_without_loss(room: Room) -> None:
    account = room.client.get(room.account()).object
    account["imagePullSecrets"] = [{"name": "theirs"}, {"name": "ours"}]
    account["secrets"] = [{"name": "token"}]
    first = room.client.put(room.account(), account)
    assert first.code == 200

    smaller = first.object | {"imagePullSecrets": [{"name": "ours"}]}
    second = room.client.put(room.account(), smaller)

    assert second.object["imagePullSecrets"] == [{"name": "ours"}]
    assert second.object["secrets"] == [{"name": "token"}]
    assert second.object["metadata"]["uid"] == account["metadata"]["uid"]
    assert "imagePullSecrets" not in room.client.put(room.account(), second.object | {"imagePullSecrets": []}).object


def test_the_same_service_account_keeps_its_revision(room: Room) -> None:
    account = room.client.get(room.account())

    assert revision(room.client.put(room.account(), account.object)) == revision(account)


def test_a_deletion_says_what_is_gone(room: Room) -> None:
    created = room.client.apply(room.secret(), pull_secret()).object["metadata"]

    answer = room.client.delete(room.secret(), {"preconditions": {"uid": created["uid"]}})

    assert (answer.code, answer.object["status"]) == (200, "Success")
    assert answer.object["details"] == {"name": "r", "kind": "secrets", "uid": created["uid"]}
    assert room.client.get(room.secret()).code == 404


def test_a_deletion_of_a_service_account_answers_the_account(room: Room) -> None:
    body: Json = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    created = room.client.post(f"{room.path}/serviceaccounts", body).object

    answer = room.client.delete(room.account("robot"))

    assert answer.object["kind"] == "ServiceAccount"
    assert answer.object["metadata"]["uid"] == created["metadata"]["uid"]


def test_another_object_of_the_name_is_not_deleted(room: Room) -> None:
    uid = room.client.apply(room.secret(), pull_secret()).object["metadata"]["uid"]

    answer = room.client.delete(room.secret(), {"preconditions": {"uid": "earlier"}})

    message = (
        f'Operation cannot be fulfilled on Secret "r": the UID in the precondition (earlier) does not match the UID '
        f"in record ({uid}). The object might have been deleted and then recreated"
    )
    assert answer.refusal == (409, "Conflict", message)
    assert room.client.get(room.secret()).code == 200


def test_putting_an_earlier_object_of_the_name_is_a_conflict(room: Room) -> None:
    old = room.client.post(room.secrets, pull_secret()).object
    room.client.delete(room.secret())
    uid = room.client.post(room.secrets, pull_secret()).object["metadata"]["uid"]
    earlier = old | {"metadata": {key: old["metadata"][key] for key in ("name", "uid")}}

    answer = room.client.put(room.secret(), earlier)

    message = (
        'Operation cannot be fulfilled on secrets "r": StorageError: invalid object, Code: 4, Key: '
        f"/registry/secrets/{room.name}/r, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: "
        f"UID in precondition: {old['metadata']['uid']}, UID in object meta: {uid}"
    )
    assert answer.refusal == (409, "Conflict", message)


def test_a_finalizer_keeps_an_object_until_it_is_released(room: Room) -> None:
    room.client.post(room.secrets, held_secret())

    assert "deletionTimestamp" in room.client.delete(room.secret("held")).object["metadata"]
    assert room.client.get(room.secret("held")).code == 200
    again = room.client.post(room.secrets, pull_secret(name="held"))
    assert again.refusal == (409, "AlreadyExists", 'object is being deleted: secrets "held" already exists')
    release(room)
    assert room.client.get(room.secret("held")).code == 404


def test_a_namespace_carries_its_name_as_a_label(client: Client) -> None:
    room = new_room(client, {"team": "a"})

    namespace = client.get(room.path).object

    assert namespace["metadata"]["labels"] == {"team": "a", "kubernetes.io/metadata.name": room.name}
    assert namespace["status"] == {"phase": "Active"}
    assert namespace["spec"] == {"finalizers": ["kubernetes"]}


def test_a_namespace_is_created_once(room: Room) -> None:
    answer = room.client.post("/api/v1/namespaces", {"metadata": {"name": room.name}})

    assert answer.refusal == (409, "AlreadyExists", f'namespaces "{room.name}" already exists')


def test_nothing_is_made_in_a_missing_namespace(client: Client) -> None:
    room = Room(client, fresh_name("nope"))
    missing = (404, "NotFound", f'namespaces "{room.name}" not found')

    applied, created = client.apply(room.secret(), pull_secret()), client.post(room.secrets, pull_secret())

    assert (applied.refusal, created.refusal) == (missing, missing)
    assert applied.object["details"] == {"name": room.name, "kind": "namespaces"}
    assert client.get(room.secret()).refusal == (404, "NotFound", 'secrets "r" not found')


def test_nothing_new_is_made_in_a_terminating_namespace(room: Room) -> None:
    why = f"unable to create new content in namespace {room.name} because it is being terminated"
    with terminate(room):
        answers = room.client.apply(room.secret(), pull_secret()), room.client.post(room.secrets, pull_secret())

    for answer in answers:
        assert answer.refusal == (403, "Forbidden", f'secrets "r" is forbidden: {why}')
        assert answer.causes == [
            ("NamespaceTerminating", f"namespace {room.name} is being terminated", "metadata.namespace")
        ]


def test_what_is_left_in_a_terminating_namespace_may_still_change(room: Room) -> None:
    with terminate(room):
        answer = room.client.apply(room.secret("held"), pull_secret(name="held", labels={"a": "b"}))

    assert answer.code == 200


def test_a_terminating_namespace_says_so_until_it_is_gone(room: Room) -> None:
    with terminate(room):
        assert room.client.get(room.path).object["status"]["phase"] == "Terminating"

    eventually(lambda: room.client.get(room.path).code == 404)


def test_a_namespace_made_again_is_another(room: Room) -> None:
    before = room.client.get(room.path).object["metadata"]["uid"]
    room.client.apply(room.secret(), pull_secret())
    assert room.client.delete(room.path).code == 200
    eventually(lambda: room.client.get(room.path).code == 404)

    again = new_room(room.client, name=room.name)

    assert again.client.get(again.path).object["metadata"]["uid"] != before
    assert again.client.get(again.secret()).code == 404


def test_a_deleted_default_service_account_comes_back(room: Room) -> None:
    uid = room.client.get(room.account()).object["metadata"]["uid"]

    room.client.delete(room.account())

    def is_back() -> bool:
        answer = room.client.get(room.account())
        return answer.code == 200 and answer.object["metadata"]["uid"] != uid

    eventually(is_back)
    assert room.client.get(room.account()).object["metadata"]["name"] == "default"


@pytest.mark.parametrize("path", ["/api/v1/nonsense", "/apis/nonsense/v1/things"])
def test_an_unknown_resource_is_a_status_or_plain_text(client: Client, path: str) -> None:
    answer = client.get(path)

    assert answer.code == 404
    if answer.body:
        assert answer.refusal == (404, "NotFound", "the server could not find the requested resource")
