"""steward.cluster.Cluster against real answers: every method, and every error that a server can be made to give."""

import json
from collections.abc import Callable

import pytest

from steward.cluster import Access, Cluster
from steward.cluster.errors import (
    ConflictError,
    FieldConflictError,
    ForbiddenError,
    ImmutableError,
    InvalidError,
    NamespaceTerminatingError,
    NotFoundError,
    UnauthorizedError,
)
from tests.contract.server import (
    GOOD_CONFIG,
    OTHER_CONFIG,
    Client,
    Json,
    Room,
    Server,
    fresh_name,
    new_room,
    pull_secret,
    secret,
    terminate,
)

NAME = "r"


def connect(server: Server, token: str) -> Cluster:
    """A Cluster that talks to the server under test with a token."""
    ca = server.ca.read_text() if server.ca else None
    return Cluster("under-test", Access(server.url, token=lambda: token, ca=ca))


@pytest.fixture(scope="session")
def cluster(server: Server) -> Cluster:
    return connect(server, server.token)


def manifest(config: bytes = GOOD_CONFIG, labels: dict[str, str] | None = None) -> bytes:
    return json.dumps(pull_secret(config, labels=labels)).encode()


def test_namespaces_tell_name_uid_and_labels(cluster: Cluster, client: Client) -> None:
    room = new_room(client, {"team": "a"})

    found = {namespace.name: namespace for namespace in cluster.namespaces()}

    assert found[room.name].uid == client.get(room.path).object["metadata"]["uid"]
    assert found[room.name].labels == {"team": "a", "kubernetes.io/metadata.name": room.name}
    assert not found[room.name].terminating
    assert cluster.namespace(room.name) == found[room.name]


def test_a_terminating_namespace_is_told_as_such(cluster: Cluster, room: Room) -> None:
    with terminate(room):
        assert cluster.namespace(room.name).terminating
        assert {namespace.name: namespace.terminating for namespace in cluster.namespaces()}[room.name]


def test_a_missing_namespace_is_not_found(cluster: Cluster) -> None:
    with pytest.raises(NotFoundError, match="under-test"):
        cluster.namespace(fresh_name("nope"))


def test_lists_are_read_page_by_page(cluster: Cluster, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steward.cluster.client.PAGE", 2)
    for number in range(4):
        body: Json = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": f"a-{number}"}}
        assert room.client.post(f"{room.path}/serviceaccounts", body).code == 201

    found = [account["metadata"]["name"] for account in cluster.service_accounts(room.name)]

    assert found == ["a-0", "a-1", "a-2", "a-3", "default"]


def test_service_accounts_of_all_namespaces(cluster: Cluster, client: Client) -> None:
    rooms = {new_room(client).name, new_room(client).name}

    found = {account["metadata"]["namespace"] for account in cluster.service_accounts()}

    assert rooms <= found


def test_a_service_account_is_edited_without_loss(cluster: Cluster, room: Room) -> None:
    account = cluster.service_account(room.name, "default")
    account["imagePullSecrets"] = [{"name": "theirs"}, {"name": "ours"}]

    replaced = cluster.replace_service_account(account)

    assert replaced["imagePullSecrets"] == [{"name": "theirs"}, {"name": "ours"}]
    assert cluster.service_account(room.name, "default") == replaced


def test_an_edit_in_between_is_a_conflict(cluster: Cluster, room: Room) -> None:
    read = cluster.service_account(room.name, "default")
    cluster.replace_service_account(read | {"imagePullSecrets": [{"name": "theirs"}]})

    with pytest.raises(ConflictError) as refused:
        cluster.replace_service_account(read | {"imagePullSecrets": [{"name": "ours"}]})

    assert not isinstance(refused.value, FieldConflictError)
    assert cluster.service_account(room.name, "default")["imagePullSecrets"] == [{"name": "theirs"}]


def test_a_missing_service_account_is_not_found(cluster: Cluster, room: Room) -> None:
    with pytest.raises(NotFoundError):
        cluster.service_account(room.name, "nobody")


def test_applying_creates_updates_and_leaves_alone(cluster: Cluster, room: Room) -> None:
    created = cluster.apply_secret(room.name, NAME, manifest())
    same = cluster.apply_secret(room.name, NAME, manifest())
    changed = cluster.apply_secret(room.name, NAME, manifest(OTHER_CONFIG))

    assert [created.created, same.created, changed.created] == [True, False, False]
    assert same.resource_version == created.resource_version
    assert int(changed.resource_version) > int(same.resource_version)


def test_a_foreign_owner_of_one_field_is_named(cluster: Cluster, room: Room) -> None:
    room.client.post(room.secrets, pull_secret(), user_agent="flux")

    with pytest.raises(FieldConflictError) as refused:
        cluster.apply_secret(room.name, NAME, manifest(OTHER_CONFIG))

    assert refused.value.managers == ("flux",)
    assert room.client.get(room.secret()).object["data"] == pull_secret()["data"]


def test_foreign_owners_of_several_fields_are_named(cluster: Cluster, room: Room) -> None:
    room.client.post(room.secrets, pull_secret(labels={"l": "theirs"}), user_agent="flux")

    with pytest.raises(FieldConflictError) as refused:
        cluster.apply_secret(room.name, NAME, manifest(OTHER_CONFIG, labels={"l": "ours"}))

    assert refused.value.managers == ("flux",)


def test_forcing_takes_over_what_others_own(cluster: Cluster, room: Room) -> None:
    room.client.post(room.secrets, pull_secret(), user_agent="flux")

    cluster.apply_secret(room.name, NAME, manifest(OTHER_CONFIG), force=True)

    assert room.client.get(room.secret()).object["data"] == pull_secret(OTHER_CONFIG)["data"]


def test_metadata_of_a_secret_never_brings_its_data(cluster: Cluster, room: Room) -> None:
    cluster.apply_secret(room.name, NAME, manifest(labels={"a": "b"}))

    metadata = cluster.secret_metadata(room.name, NAME)

    assert metadata is not None
    assert (metadata["name"], metadata["labels"]) == (NAME, {"a": "b"})
    assert pull_secret()["data"][".dockerconfigjson"] not in json.dumps(metadata)


def test_there_is_no_metadata_of_a_missing_secret(cluster: Cluster, room: Room) -> None:
    assert cluster.secret_metadata(room.name, NAME) is None


def test_secrets_are_found_by_name_in_all_namespaces(cluster: Cluster, client: Client) -> None:
    rooms, name = [new_room(client), new_room(client)], fresh_name("secret")
    for room in rooms:
        client.post(room.secrets, pull_secret(name=name))
        client.post(room.secrets, pull_secret(name="other"))

    found = list(cluster.secrets_named(name))

    assert {(secret["namespace"], secret["name"]) for secret in found} == {(room.name, name) for room in rooms}


def test_a_secret_is_deleted_by_uid(cluster: Cluster, room: Room) -> None:
    uid = room.client.post(room.secrets, pull_secret()).object["metadata"]["uid"]

    cluster.delete_secret(room.name, NAME, uid)

    assert cluster.secret_metadata(room.name, NAME) is None
    with pytest.raises(NotFoundError):
        cluster.delete_secret(room.name, NAME, uid)


def test_another_secret_of_the_name_is_not_deleted(cluster: Cluster, room: Room) -> None:
    room.client.post(room.secrets, pull_secret())

    with pytest.raises(ConflictError):
        cluster.delete_secret(room.name, NAME, "earlier")

    assert cluster.secret_metadata(room.name, NAME) is not None


def test_an_unknown_token_is_unauthorized(server: Server) -> None:
    with pytest.raises(UnauthorizedError):
        list(connect(server, "nobody's").namespaces())


CALLS: dict[str, Callable[[Cluster, str], object]] = {
    "namespaces": lambda cluster, _: list(cluster.namespaces()),
    "service_accounts": lambda cluster, _: list(cluster.service_accounts()),
    "service_account": lambda cluster, namespace: cluster.service_account(namespace, "default"),
    "apply_secret": lambda cluster, namespace: cluster.apply_secret(namespace, NAME, manifest()),
    "secret_metadata": lambda cluster, namespace: cluster.secret_metadata(namespace, NAME),
    "secrets_named": lambda cluster, _: list(cluster.secrets_named(NAME)),
    "delete_secret": lambda cluster, namespace: cluster.delete_secret(namespace, NAME, "uid"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_what_rbac_denies_is_forbidden(server: Server, room: Room, call: Callable[[Cluster, str], object]) -> None:
    with pytest.raises(ForbiddenError, match='User "outsider" cannot'):
        call(connect(server, server.outsider), room.name)


def test_nothing_is_applied_in_a_missing_namespace(cluster: Cluster) -> None:
    with pytest.raises(NotFoundError, match="namespaces"):
        cluster.apply_secret(fresh_name("nope"), NAME, manifest())


def test_nothing_new_is_applied_in_a_terminating_namespace(cluster: Cluster, room: Room) -> None:
    with terminate(room), pytest.raises(NamespaceTerminatingError):
        cluster.apply_secret(room.name, NAME, manifest())


def test_a_broken_document_is_invalid(cluster: Cluster, room: Room) -> None:
    with pytest.raises(InvalidError) as refused:
        cluster.apply_secret(room.name, NAME, manifest(b"not json"))

    assert not isinstance(refused.value, ImmutableError)
    assert "bm90IGpzb24" not in str(refused.value)


def test_a_body_that_is_too_large_is_invalid(cluster: Cluster, room: Room) -> None:
    with pytest.raises(InvalidError, match="limit is 3145728"):
        cluster.apply_secret(room.name, NAME, manifest().ljust(3 * 1024 * 1024 + 1))


def test_an_immutable_secret_is_told_as_such(cluster: Cluster, room: Room) -> None:
    room.client.post(room.secrets, pull_secret(immutable=True))

    with pytest.raises(ImmutableError):
        cluster.apply_secret(room.name, NAME, manifest(OTHER_CONFIG), force=True)


def test_another_type_is_told_as_immutable(cluster: Cluster, room: Room) -> None:
    room.client.post(room.secrets, secret({"a": b"x"}, kind="Opaque"))

    with pytest.raises(ImmutableError):
        cluster.apply_secret(room.name, NAME, manifest(), force=True)
