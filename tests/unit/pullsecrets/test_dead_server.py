"""An API server that dies in the middle of a run and comes back."""

import itertools

import pytest

from steward.cluster import Applied
from steward.pullsecrets.act import CONCURRENCY
from steward.pullsecrets.breaker import PATIENCE, Breaker
from steward.pullsecrets.report import SyncUnfinishedError
from steward.pullsecrets.sync import in_seconds
from testbed.embedded_api import RESET
from tests.unit.pullsecrets.rig import Rig, rig_of
from tests.unit.pullsecrets.samples import NAME

MANY = [f"team-{number:02}" for number in range(60)]


def die_after(rig: Rig, writes: int) -> None:
    """From the answer to that many applies on, every connection is reset."""
    apply, answered = rig.cluster.apply_secret, itertools.count(1)

    def counted(namespace: str, name: str, manifest: bytes, *, force: bool = False) -> Applied:
        applied = apply(namespace, name, manifest, force=force)
        if next(answered) == writes:
            rig.api.fault(RESET, times=None)
        return applied

    rig.cluster.apply_secret = counted  # type: ignore[method-assign]


def test_a_server_that_dies_in_the_middle_is_given_up_and_the_next_run_finishes() -> None:
    with rig_of(*MANY) as rig:
        die_after(rig, writes=10)
        report = rig.run()
        written = {row.namespace for row in report.rows if row.verdict == "created"}
        left = {row.namespace for row in report.failures()}
        assert 10 <= len(written) <= 10 + CONCURRENCY
        assert left >= set(MANY) - written
        assert "not tried: the cluster stopped answering" in {row.reason for row in report.failures()}
        with pytest.raises(SyncUnfinishedError, match=f"{len(left)} parts are left"):
            report.raise_for_leftovers()

        rig.api.clear_faults()
        rig.api.forget_requests()
        assert rig.run().failures() == []
        assert all(rig.password(name) and rig.entries(name) == [NAME] for name in MANY)
        again = [request.path.split("/")[4] for request in rig.api.writes if request.verb == "patch"]
        assert sorted(again) == sorted(set(MANY) - written)


def test_only_failures_in_a_row_mean_that_the_server_is_dead() -> None:
    breaker = Breaker(in_seconds(60))
    for answered in [*[False] * (PATIENCE - 1), True, *[False] * (PATIENCE - 1)]:
        breaker.heard(answered=answered)
    assert breaker.refusal() == ""
    breaker.heard(answered=False)
    assert breaker.refusal() == "not tried: the cluster stopped answering"


def test_namespaces_that_answer_in_between_keep_the_run_going(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steward.pullsecrets.act.CONCURRENCY", 1)
    with rig_of(*MANY) as rig:
        rig.api.fault(RESET, path="*/team-?[13579]/secrets/*", times=None)
        report = rig.run()
        assert report.counts() == {"created": 30, "failed": 30, "updated": 30}
        assert not any("not tried" in row.reason for row in report.failures())


def test_a_dead_server_is_asked_by_few_namespaces_only() -> None:
    with rig_of(*MANY) as rig:
        rig.api.fault(RESET, verb="patch", times=None)
        report = rig.run()
        tried = {request.path for request in rig.api.writes}
        assert PATIENCE <= len(tried) <= PATIENCE + CONCURRENCY
        assert len(report.failures()) == 60
        assert all(row.temporary for row in report.failures())


def test_namespaces_with_nothing_to_do_do_not_hide_that_the_server_is_dead() -> None:
    with rig_of(*MANY) as rig:
        rig.run(MANY[::2])
        rig.api.forget_requests()
        rig.api.fault(RESET, verb="patch", times=None)
        report = rig.run()
        assert len({request.path for request in rig.api.writes}) <= PATIENCE + CONCURRENCY
        assert report.counts() == {"failed": 30, "unchanged": 30}
