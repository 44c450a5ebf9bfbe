"""The pure parts of bench/: what would make a figure wrong without anybody noticing."""

import json
from collections import Counter
from pathlib import Path

import pytest

from bench.audit import count_requests, writes
from bench.fleet_cluster import names_of
from bench.memory_table import MemoryTable
from bench.quiet import foreign_share
from bench.result import Bar, Figure, Result, as_json, keep
from bench.workload import PASSWORD_CHARACTERS, Credentials, new_credential, one_registry_fleet
from steward.state.placements import Placement, TablePlacements


def event(user: str = "steward", verb: str = "patch", audit_id: str = "1", **more: object) -> str:
    """One line of an audit log."""
    return json.dumps(
        {
            "auditID": audit_id,
            "verb": verb,
            "requestURI": "/version",
            "user": {"username": user},
            "objectRef": {"resource": "secrets"},
            **more,
        }
    )


@pytest.mark.parametrize(
    ("kind", "limit", "value", "met"),
    [
        ("at least", 0.9, 0.9, True),
        ("at least", 0.9, 0.8999, False),
        ("at most", 5, 5, True),
        ("at most", 5, 6, False),
        ("under", 150, 149.9, True),
        ("under", 150, 150, False),
        ("exactly", 1000, 1000, True),
        ("exactly", 1000, 999, False),
        ("exactly", 1000, 1001, False),
    ],
)
def test_a_bar_is_met_at_its_limit_and_missed_beyond_it(kind: str, limit: float, value: float, *, met: bool) -> None:
    bar = Bar(kind, limit)  # type: ignore[arg-type]
    assert bar.is_met_by(value) is met


def test_one_missed_bar_makes_the_result_missed() -> None:
    met, missed = Figure("a", 1, bar=Bar("at most", 1)), Figure("b", 0.899, bar=Bar("at least", 0.9))
    assert Result("bench", [met, Figure("c", 7)]).met
    assert not Result("bench", [met, missed]).met


def test_a_kept_result_tells_figure_bar_and_verdict(tmp_path: Path) -> None:
    figure = Figure("throughput", 0.89996, bar=Bar("at least", 0.9))
    path = keep(
        Result("sync", [figure], {"seconds": [1.5]}, ["quiet"]), "a machine", "2026-01-01", tmp_path / "results"
    )
    assert path.name == "sync.json"
    assert json.loads(path.read_text()) == {
        "bench": "sync",
        "date": "2026-01-01",
        "machine": "a machine",
        "met": False,
        "figures": [{"name": "throughput", "value": 0.9, "unit": "", "bar": "at least 0.9", "met": False}],
        "samples": {"seconds": [1.5]},
        "notes": ["quiet"],
    }


def test_a_figure_without_a_bar_has_no_verdict() -> None:
    assert as_json(Result("sync", [Figure("memory", 61.5, "MB")]), "", "")["figures"] == [
        {"name": "memory", "value": 61.5, "unit": "MB"}
    ]


def test_a_request_logged_in_two_stages_counts_once() -> None:
    lines = [event(stage="ResponseStarted"), event(stage="ResponseComplete"), event(audit_id="2")]
    assert count_requests(lines, "steward") == Counter({("patch", "secrets"): 2})


def test_requests_of_others_do_not_count() -> None:
    assert not count_requests([event(user="floor")], "steward")


def test_a_request_for_no_resource_is_named_by_its_path() -> None:
    line = {key: value for key, value in json.loads(event(verb="get")).items() if key != "objectRef"}
    assert count_requests([json.dumps(line)], "steward") == Counter({("get", "/version"): 1})


def test_only_what_changes_something_is_a_write() -> None:
    verbs = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
    assert writes(Counter({(verb, "secrets"): 1 for verb in verbs})) == 5


def test_the_api_servers_own_namespaces_are_among_those_asked_for() -> None:
    names = names_of(1000)
    assert len(set(names)) == 1000
    assert {"default", "kube-system"} <= set(names)


@pytest.mark.parametrize(("busy", "own", "share"), [(5, 5, 0), (6, 4, 0.2), (4, 4.1, 0), (10, 0, 1)])
def test_the_share_of_others_is_what_was_busy_and_not_ours(busy: float, own: float, share: float) -> None:
    assert foreign_share(10, busy, own) == pytest.approx(share)


def test_no_time_passed_means_no_others() -> None:
    assert foreign_share(0, 1, 0) == 0.0


def test_a_credential_is_as_large_as_ecrs_and_never_the_same() -> None:
    one, other = new_credential("a"), new_credential("a")
    assert len(one.password) == len(other.password) == PASSWORD_CHARACTERS
    assert one.password != other.password
    assert one.revision != other.revision


def test_a_rotation_changes_what_is_desired_and_no_change_does_not() -> None:
    credentials = Credentials(one_registry_fleet("bench"))
    credentials.rotate()
    first, again = credentials.desired("bench")[0].content, credentials.desired("bench")[0].content
    credentials.rotate()
    assert first is not None
    assert first == again
    assert credentials.desired("bench")[0].content != first


def test_the_table_in_memory_gives_back_and_forgets_placements_as_dynamodb_does() -> None:
    book = TablePlacements(MemoryTable())
    placements = {
        ("shop", "pull"): Placement("u1", "a-b", 7, "12", ("default",)),
        ("till", "pull"): Placement("u2", "a-b", 7),
    }
    book.save("one", placements, {"shop", "till"})
    assert book.load("one") == placements
    assert book.load("other") == {}
    book.save("one", {}, {"shop"})
    assert book.load("one") == {("till", "pull"): placements["till", "pull"]}
