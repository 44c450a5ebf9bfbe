"""What lies in which namespace: all of it comes back, and what is over is forgotten."""

from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steward.state.placements import BUCKETS, Key, Placement, TablePlacements, bucket_of

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
PLACEMENTS = st.builds(
    Placement,
    namespace_uid=st.uuids().map(str),
    content=st.text(max_size=25),
    expires_at=st.integers(0, 2**40),
    resource_version=st.text("0123456789", max_size=12),
    service_accounts=st.lists(NAMES, max_size=3).map(tuple),
    refused=st.text(max_size=30),
)
BOOKS = st.dictionaries(st.tuples(NAMES, NAMES), PLACEMENTS, max_size=60)


def namespaces_of(placements: dict[Key, Placement]) -> set[str]:
    return {namespace for namespace, _ in placements}


def a_book_of(count: int, refused: str = "") -> dict[Key, Placement]:
    return {
        (f"team-{index}", "registry"): Placement(f"uid-{index}", "c", 7, "1", (), refused) for index in range(count)
    }


@given(BOOKS, BOOKS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_saved_is_loaded_and_what_is_not_saved_again_is_forgotten(
    table: Any, first: dict[Key, Placement], second: dict[Key, Placement]
) -> None:
    book = TablePlacements(table)

    book.save("prod", first, namespaces_of(first) | namespaces_of(book.load("prod")))
    assert book.load("prod") == first

    book.save("prod", second, namespaces_of(first) | namespaces_of(second))
    assert book.load("prod") == second


def test_namespaces_that_were_not_touched_keep_what_they_had(table: Any) -> None:
    book, before = TablePlacements(table), a_book_of(200)
    book.save("prod", before, namespaces_of(before))
    after = {key: placement for key, placement in before.items() if key[0] != "team-7"}

    book.save("prod", after, {"team-7"})

    assert book.load("prod") == after


def test_only_the_buckets_of_touched_namespaces_are_written(table: Any) -> None:
    book, everything = TablePlacements(table), a_book_of(200)

    book.save("prod", everything, {"team-7"})

    assert {bucket_of(namespace) for namespace in namespaces_of(book.load("prod"))} == {bucket_of("team-7")}
    assert ("team-7", "registry") in book.load("prod")


def test_clusters_whose_names_begin_alike_are_kept_apart(table: Any) -> None:
    book = TablePlacements(table)
    one, other = a_book_of(3), a_book_of(5)

    book.save("prod", one, namespaces_of(one))
    book.save("prod-2", other, namespaces_of(other))

    assert book.load("prod") == one
    assert book.load("prod-2") == other
    assert book.load("pro") == {}


def test_a_large_cluster_is_read_over_several_pages(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    book, everything = TablePlacements(table), a_book_of(3000, refused="x" * 1000)
    pages: list[Any] = []
    query = table.query

    def count(**request: Any) -> Any:
        pages.append(query(**request))
        return pages[-1]

    monkeypatch.setattr(table, "query", count)

    book.save("prod", everything, namespaces_of(everything))

    assert book.load("prod") == everything
    assert len(pages) >= 3


def test_ten_thousand_namespaces_stay_far_below_what_an_item_may_hold(table: Any) -> None:
    everything = a_book_of(10_000, refused="x" * 256)

    TablePlacements(table).save("prod", everything, namespaces_of(everything))

    items = boto3.client("dynamodb").scan(TableName="steward", ConsistentRead=True)["Items"]
    assert max(len(item["placements"]["S"]) for item in items) < 200_000
    assert len({bucket_of(namespace) for namespace in namespaces_of(everything)}) == BUCKETS


def test_leases_and_records_in_the_same_table_are_not_taken_for_placements(table: Any) -> None:
    table.put_item(Item={"pk": "cluster#prod", "sk": "lease", "holder": "a", "expires": 5})

    assert TablePlacements(table).load("prod") == {}
