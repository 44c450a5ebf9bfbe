"""Namespaces and clusters that refuse, vanish or stop answering: the rest goes on, and what is left is named."""

from collections.abc import Callable, Iterable, Iterator

import pytest

from steward.cluster import Access, Cluster
from steward.errors import TemporaryError
from steward.pullsecrets.sync import in_seconds
from testbed.embedded_api import HANG, RESET, refusal
from tests.unit.pullsecrets.rig import CLUSTER, Rig, verdicts
from tests.unit.pullsecrets.samples import NAME


def test_one_namespace_that_refuses_does_not_stop_the_others(rig: Rig) -> None:
    rig.api.deny(verb="patch", namespace="team-a")
    report = rig.run()
    assert verdicts(report) == {"team-a": "failed", "team-b": "updated"}
    assert "Apply the role in cluster/ of this repository" in report.failures()[0].reason
    assert rig.entries("team-a") == []
    assert rig.password("team-b")
    report.raise_for_leftovers()
    rig.api.allow_everything()
    assert verdicts(rig.run(), "Secret/") == {"team-a": "created", "team-b": "unchanged"}


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        (403, "Forbidden", "exceeded quota: few-secrets"),
        (413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728"),
        (422, "Invalid", "Secret is invalid: data: Too long: may not be more than 1048576 bytes"),
        (400, "BadRequest", "admission webhook says no"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words_and_not_asked_for_again(
    rig: Rig, code: int, reason: str, message: str
) -> None:
    rig.api.fault(refusal(code, reason, message), path="*/team-a/secrets/*")
    report = rig.run()
    assert verdicts(report, "Secret/") == {"team-a": "failed", "team-b": "created"}
    assert message in report.failures()[0].reason
    report.raise_for_leftovers()
    assert verdicts(rig.run(), "Secret/") == {"team-a": "created", "team-b": "unchanged"}


def test_accounts_that_may_not_be_written_leave_the_secret_in_place(rig: Rig) -> None:
    rig.api.deny(verb="update", resource="serviceaccounts")
    report = rig.run()
    assert verdicts(report, "Secret/") == {"team-a": "created", "team-b": "created"}
    assert verdicts(report, "ServiceAccount/") == {"team-a": "failed", "team-b": "failed"}
    rig.api.allow_everything()
    assert rig.run().counts() == {"unchanged": 2, "updated": 2}
    assert rig.entries("team-b") == [NAME]


def test_a_terminating_namespace_is_skipped(rig: Rig) -> None:
    rig.api.terminate_namespace("team-a")
    assert verdicts(rig.run()) == {"team-a": "skipped", "team-b": "updated"}
    assert rig.password("team-a") is None


def test_a_namespace_that_goes_while_we_write_is_skipped_and_forgotten(rig: Rig) -> None:
    sync = rig.sync()
    plans = sync.look()
    assert len(plans) == 2
    end: Callable[[str], object] = rig.api.terminate_namespace
    remove: Callable[[str], object] = rig.api.delete_namespace
    real = rig.cluster.service_accounts
    rig.cluster.service_accounts = lambda namespace=None: _then(  # type: ignore[method-assign]
        real(namespace), lambda: [end("team-a"), remove("team-b")]
    )
    report = sync.run(rig.read, deadline=in_seconds(60))
    assert {row.namespace: (row.verdict, row.reason) for row in report.rows} == {
        "team-a": ("skipped", "the namespace is terminating"),
        "team-b": ("skipped", "the namespace is gone"),
    }
    report.raise_for_leftovers()
    rig.cluster.service_accounts = real  # type: ignore[method-assign]
    rig.api.delete_namespace("team-a")
    rig.run()
    assert rig.book.kept[CLUSTER] == {}


def _then[T](items: Iterable[T], act: Callable[[], object]) -> Iterator[T]:
    yield from items
    act()


def test_a_namespace_made_again_under_the_same_name_gets_a_new_secret(rig: Rig) -> None:
    rig.run()
    rig.api.delete_namespace("team-a")
    rig.api.create_namespace("team-a")
    assert verdicts(rig.run(), "Secret/") == {"team-a": "created", "team-b": "unchanged"}
    assert rig.entries("team-a") == [NAME]


def test_when_time_is_over_nothing_is_begun(rig: Rig) -> None:
    report = rig.run(seconds=-1)
    assert rig.api.writes == ()
    assert {(row.verdict, row.reason, row.temporary) for row in report.rows} == {
        ("failed", "not tried: out of time", True)
    }
    assert rig.run().failures() == []


def test_what_needs_no_time_is_told_even_when_time_is_over(rig: Rig) -> None:
    rig.run()
    assert rig.run(seconds=-1).counts() == {"unchanged": 2}


@pytest.mark.parametrize(("effect", "temporary"), [(RESET, True), (refusal(500, "InternalError", "etcd"), True)])
def test_a_cluster_that_cannot_be_listed_gives_a_report_all_the_same(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, effect: object, temporary: bool
) -> None:
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *_: None)
    rig.api.fault(effect, times=None)  # type: ignore[arg-type]
    report = rig.run()
    assert [(row.verdict, row.temporary) for row in report.rows] == [("failed", temporary)]


def test_a_cluster_that_refuses_to_be_listed_is_not_asked_again_and_again(rig: Rig) -> None:
    rig.api.deny(verb="list", resource="namespaces")
    report = rig.run()
    assert [row.verdict for row in report.rows] == ["failed"]
    report.raise_for_leftovers()


@pytest.mark.parametrize("mid_run", [False, True])
def test_a_lost_token_is_told_and_the_report_is_whole(rig: Rig, mid_run: bool) -> None:
    lost = [] if mid_run else [True]

    def token() -> str:
        if lost:
            raise TokenLostError("the bearer token cannot be read")
        return rig.api.token

    rig.cluster = Cluster(CLUSTER, Access(rig.api.url, token))
    sync = rig.sync()
    if mid_run:
        sync.look()
        lost.append(True)
        rig.api.fault(refusal(401, "Unauthorized", "Unauthorized"), path="*/team-a/*")
    report = sync.run(rig.read, deadline=in_seconds(60))
    assert {row.reason for row in report.failures()} == {"the bearer token cannot be read"}
    assert verdicts(report).get("team-b", "") == ("updated" if mid_run else "")


class TokenLostError(TemporaryError):
    """What a token source may raise."""


def test_a_hanging_namespace_costs_only_itself(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steward.cluster.transport.READ_SECONDS", 0.3)
    rig.api.fault(HANG, path="*/team-a/secrets/*", times=None)
    assert verdicts(rig.run()) == {"team-a": "failed", "team-b": "updated"}
