"""Lists: pages of one moment, selectors, and metadata only."""

import base64
import json
from typing import Any

import pytest

from tests.contract.server import METADATA_LIST, Answer, Room, eventually, names, pull_secret

COUNT = 7


@pytest.fixture
def full(room: Room) -> Room:
    """A namespace with Secrets s-0 to s-6, the even ones labelled even=yes."""
    for number in range(COUNT):
        labels = {"even": "yes", "n": str(number)} if number % 2 == 0 else {"n": str(number)}
        assert room.client.post(room.secrets, pull_secret(name=f"s-{number}", labels=labels)).code == 201
    return room


def _page(room: Room, limit: int, token: str = "", **query: str) -> Answer:
    asked = {"limit": str(limit), **query} | ({"continue": token} if token else {})
    return room.client.get(room.secrets, asked)


def _token(answer: Answer) -> str:
    return str(answer.object["metadata"].get("continue") or "")


def test_pages_hold_every_item_once_and_in_order(full: Room) -> None:
    found, token, pages = [], "", 0
    while token or not pages:
        answer = _page(full, 3, token)
        found += names(answer.object["items"])
        token, pages = _token(answer), pages + 1

    assert (found, pages) == ([f"s-{number}" for number in range(COUNT)], 3)


def test_a_page_says_how_many_remain(full: Room) -> None:
    first = _page(full, 3)
    second = _page(full, 3, _token(first))
    third = _page(full, 3, _token(second))

    remaining = [answer.object["metadata"].get("remainingItemCount") for answer in (first, second, third)]
    assert remaining == [4, 1, None]
    assert "continue" not in third.object["metadata"]


def test_all_pages_are_of_the_moment_of_the_first(full: Room) -> None:
    first = _page(full, 3)
    full.client.delete(full.secret("s-5"))
    full.client.post(full.secrets, pull_secret(name="s-4-new"))

    second = _page(full, COUNT, _token(first))

    assert names(second.object["items"]) == ["s-3", "s-4", "s-5", "s-6"]
    assert second.object["metadata"]["resourceVersion"] == first.object["metadata"]["resourceVersion"]


def test_a_list_without_limit_is_whole(full: Room) -> None:
    answer = full.client.get(full.secrets)

    assert (answer.object["kind"], answer.object["apiVersion"]) == ("SecretList", "v1")
    assert len(answer.object["items"]) == COUNT
    assert {"kind", "apiVersion"}.isdisjoint(answer.object["items"][0])


def test_an_empty_list_has_items(room: Room) -> None:
    assert room.client.get(room.secrets).object["items"] == []


def test_a_list_in_a_missing_namespace_is_empty(room: Room) -> None:
    assert room.client.get("/api/v1/namespaces/no-such-namespace/secrets").object["items"] == []


def test_a_senseless_continue_token_is_a_bad_request(full: Room) -> None:
    answer = _page(full, 3, "senseless")

    assert (answer.code, answer.object["reason"]) == (400, "BadRequest")
    assert answer.message.startswith("invalid continue token: continue key is not valid")


def test_the_latest_state_continues_by_a_token_without_a_moment(full: Room) -> None:
    """The token that comes with 410 Expired; its revision is -1."""
    full.client.delete(full.secret("s-5"))

    answer = _page(full, 3, _write({"v": "meta.k8s.io/v1", "rv": -1, "start": "s-4"}))

    assert answer.code == 200
    assert names(answer.object["items"]) == ["s-4", "s-6"]


def _write(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def test_an_expired_continue_token_comes_with_one_for_the_latest_state(full: Room) -> None:
    token = _token(_page(full, 3))
    full.client.server.expire_continue_tokens()

    eventually(lambda: _page(full, 3, token).code == 410)

    answer = _page(full, 3, token)
    assert answer.refusal[:2] == (410, "Expired")
    assert answer.message.startswith(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list"
    )
    rest = _page(full, COUNT, _token(answer))
    assert names(rest.object["items"]) == ["s-3", "s-4", "s-5", "s-6"]


SELECTORS = {
    "even=yes": [0, 2, 4, 6],
    "even==yes,n!=2": [0, 4, 6],
    "even!=yes": [1, 3, 5],
    "n in (1, 2)": [1, 2],
    "n notin (1,2),even": [0, 4, 6],
    "!even": [1, 3, 5],
    "even": [0, 2, 4, 6],
    "": [0, 1, 2, 3, 4, 5, 6],
}


@pytest.mark.parametrize(("selector", "expected"), SELECTORS.items())
def test_labels_select(full: Room, selector: str, expected: list[int]) -> None:
    answer = full.client.get(full.secrets, {"labelSelector": selector})

    assert names(answer.object["items"]) == [f"s-{number}" for number in expected]


def test_selected_items_are_paged_too(full: Room) -> None:
    first = _page(full, 2, labelSelector="even")
    second = _page(full, 2, _token(first), labelSelector="even")

    assert names(first.object["items"]) + names(second.object["items"]) == ["s-0", "s-2", "s-4", "s-6"]
    assert "remainingItemCount" not in first.object["metadata"]


def test_a_senseless_selector_is_a_bad_request(full: Room) -> None:
    answer = full.client.get(full.secrets, {"labelSelector": "a in b"})

    assert (answer.code, answer.object["reason"]) == (400, "BadRequest")


def test_one_name_is_selected_across_namespaces(full: Room) -> None:
    query = {"fieldSelector": "metadata.name=s-3", "limit": "500"}

    answer = full.client.get("/api/v1/secrets", query, accept=METADATA_LIST)

    found = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in answer.object["items"]]
    assert (full.name, "s-3") in found
    assert {name for _, name in found} == {"s-3"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [("metadata.name!=s-3,metadata.name!=s-4", 5), ("type=kubernetes.io/dockerconfigjson", 7), ("type=Opaque", 0)],
)
def test_fields_select(full: Room, selector: str, expected: int) -> None:
    assert len(full.client.get(full.secrets, {"fieldSelector": selector}).object["items"]) == expected


def test_an_unknown_field_cannot_be_selected(full: Room) -> None:
    answer = full.client.get(full.secrets, {"fieldSelector": "data=x"})

    assert answer.refusal == (400, "BadRequest", "field label not supported: data")


def test_a_list_of_metadata_only(full: Room) -> None:
    whole = full.client.get(full.secrets).object["items"]

    answer = full.client.get(full.secrets, {"limit": "500"}, accept=METADATA_LIST)

    assert (answer.object["kind"], answer.object["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert [item["metadata"] for item in answer.object["items"]] == [item["metadata"] for item in whole]
    assert set(answer.object["items"][0]) <= {"kind", "apiVersion", "metadata"}


def test_namespaces_are_listed_with_labels_and_uids(full: Room) -> None:
    query = {"labelSelector": f"kubernetes.io/metadata.name={full.name}"}

    answer = full.client.get("/api/v1/namespaces", query, accept=METADATA_LIST)

    assert names(answer.object["items"]) == [full.name]
    assert answer.object["items"][0]["metadata"]["uid"] == full.client.get(full.path).object["metadata"]["uid"]


def test_service_accounts_are_listed_across_namespaces(full: Room) -> None:
    answer = full.client.get("/api/v1/serviceaccounts", {"fieldSelector": f"metadata.namespace={full.name}"})

    assert [item["metadata"]["namespace"] for item in answer.object["items"]] == [full.name]
    assert names(answer.object["items"]) == ["default"]
