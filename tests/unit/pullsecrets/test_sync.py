"""One cluster brought into line, from nothing to the second run that has nothing to do."""

import json

import pytest

from steward.fleet.model import Fleet
from tests.unit.pullsecrets.rig import CLUSTER, Rig, make_credential, make_fleet, rig_of, verdicts
from tests.unit.pullsecrets.samples import HOST, NAME, OTHER_PRINCIPAL, PRINCIPAL

BOTH = {"team-a": "created", "team-b": "created"}


def test_every_chosen_namespace_gets_the_secret_and_its_default_account_names_it(rig: Rig) -> None:
    report = rig.run()
    assert verdicts(report, "Secret/") == BOTH
    assert rig.password("team-a") == rig.password("team-b") == "planted-ecr-eu-west-1-self-1"
    assert rig.entries("team-a") == rig.entries("team-b") == [NAME]
    assert rig.password("default") is None
    assert rig.entries("default") == []


def test_the_secret_is_what_a_kubelet_reads(rig: Rig) -> None:
    rig.run()
    secret = rig.api.get("secrets", "team-a", NAME)
    data = rig.api.secret("team-a", NAME)
    assert secret is not None
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    assert data is not None
    assert set(json.loads(data[".dockerconfigjson"])["auths"]) == {HOST}


def test_a_second_run_without_changes_writes_nothing_and_reads_no_credential(rig: Rig) -> None:
    rig.run()
    rig.api.forget_requests()
    rig.reads.clear()
    saves = rig.book.saves
    report = rig.run()
    assert verdicts(report, "Secret/") == {"team-a": "unchanged", "team-b": "unchanged"}
    assert rig.api.writes == ()
    assert rig.reads == []
    assert rig.book.saves == saves


def test_a_rotation_makes_one_write_per_namespace_and_keeps_the_uid(rig: Rig) -> None:
    rig.run()
    before = [secret["metadata"]["uid"] for secret in rig.api.objects("secrets")]
    rig.rotate()
    rig.api.forget_requests()
    report = rig.run()
    assert verdicts(report, "Secret/") == {"team-a": "updated", "team-b": "updated"}
    assert [request.verb for request in rig.api.writes] == ["patch", "patch"]
    assert rig.reads.count(PRINCIPAL) == 2
    assert [secret["metadata"]["uid"] for secret in rig.api.objects("secrets")] == before
    assert rig.password("team-b") == "planted-ecr-eu-west-1-self-2"


def test_a_credential_newer_than_its_record_is_written_once(rig: Rig) -> None:
    """The vault was renewed between the reading of the record and of the value."""
    sync = rig.sync()
    rig.rotate()
    sync.run(rig.read, deadline=float("inf"))
    rig.api.forget_requests()
    rig.run()
    assert rig.api.writes == ()


def test_five_thousand_namespaces_come_in_pages_of_five_hundred() -> None:
    with rig_of(*(f"team-{number:04}" for number in range(5000))) as rig:
        rig.fleet = make_fleet({"namespaces": {"names": ["team-0*7", "team-4999"]}})
        report = rig.run()
        lists = [request.path for request in rig.api.requests if request.verb == "list"]
        assert lists.count("/api/v1/namespaces") == lists.count("/api/v1/serviceaccounts") == 11
        assert report.counts() == {"created": 101, "updated": 101}
        assert rig.password("team-4999")


def test_a_service_account_that_comes_late_is_waited_for() -> None:
    with rig_of(hold_default_service_accounts=True) as rig:
        rig.api.create_namespace("team-a")
        assert verdicts(rig.run(), "ServiceAccount/") == {"team-a": "waiting"}
        rig.api.release_default_service_accounts()
        assert verdicts(rig.run(["team-a"]), "ServiceAccount/") == {"team-a": "updated"}
        assert rig.entries("team-a") == [NAME]


def test_only_the_named_namespaces_are_looked_at(rig: Rig) -> None:
    report = rig.run(["team-b", "team-gone"])
    assert verdicts(report, "Secret/") == {"team-b": "created"}
    assert rig.password("team-a") is None
    assert "/api/v1/namespaces" not in [request.path for request in rig.api.requests]


def test_many_named_namespaces_are_taken_from_whole_lists() -> None:
    named = [f"team-{number:02}" for number in range(30)]
    with rig_of(*named, "team-unasked") as rig:
        report = rig.run(named)
        assert sorted(verdicts(report, "Secret/")) == named
        assert rig.password("team-unasked") is None
        assert [request.path for request in rig.api.requests if request.verb == "list"] == [
            "/api/v1/namespaces",
            "/api/v1/serviceaccounts",
        ]


def test_service_accounts_are_not_listed_where_none_concern_us(rig: Rig) -> None:
    rig.fleet = make_fleet({"serviceAccounts": "none"})
    rig.run()
    assert "/api/v1/serviceaccounts" not in [request.path for request in rig.api.requests]
    assert rig.entries("team-a") == []


def test_a_credential_that_cannot_be_read_stops_no_other_pull_secret(rig: Rig) -> None:
    rig.fleet = make_fleet({}, {"name": "american", "registries": ["ecr-us"]})
    rig.credentials[OTHER_PRINCIPAL] = make_credential(OTHER_PRINCIPAL)
    sync = rig.sync()
    del rig.credentials[OTHER_PRINCIPAL]
    report = sync.run(rig.read, deadline=float("inf"))
    assert verdicts(report, f"Secret/{NAME}") == BOTH
    assert {row.reason for row in report.failures()} == {f"secret of {OTHER_PRINCIPAL} does not exist"}
    assert rig.placement("team-a", "american") is None
    assert rig.entries("team-a") == [NAME]


@pytest.mark.parametrize(
    "fleet",
    [
        make_fleet(),
        make_fleet({"serviceAccounts": "all"}, {"name": "second", "serviceAccounts": ["ci", "default"]}),
        make_fleet({}, {"name": "american", "registries": ["ecr-us"]}),
        make_fleet({"namespaces": {"names": ["nowhere"]}}),
    ],
)
@pytest.mark.parametrize("rotated", [False, True])
def test_the_dry_run_foretells_every_verdict_and_writes_nothing(rig: Rig, fleet: Fleet, rotated: bool) -> None:
    rig.api.create("serviceaccounts", "team-b", {"metadata": {"name": "ci"}})
    rig.run()
    rig.fleet = fleet
    if rotated:
        rig.rotate()
    rig.api.forget_requests()
    foretold = rig.sync().foresee()
    assert rig.api.writes == ()
    done = rig.run()
    assert done.cluster == foretold.cluster == CLUSTER
    expected = sorted((row.namespace, row.object, row.verdict) for row in foretold.rows)
    assert sorted((row.namespace, row.object, row.verdict) for row in done.rows) == expected
