"""Somebody else's edits and deletions of what is ours, and edits of service accounts while we write."""

import base64
from typing import Any

import pytest

from steward.pullsecrets.namespace_work import ACCOUNT_TRIES
from tests.unit.pullsecrets.rig import Rig, verdicts
from tests.unit.pullsecrets.samples import NAME

OURS = f"/api/v1/namespaces/team-a/secrets/{NAME}"
MERGE = {"Content-Type": "application/merge-patch+json"}
BROKEN = {"data": {".dockerconfigjson": base64.b64encode(b'{"auths":{}}').decode()}}


def edited_object(rig: Rig) -> dict[str, Any]:
    """What `kubectl edit` sends: the object that it read, changed, without a word about who wrote what."""
    secret = rig.api.get("secrets", "team-a", NAME)
    assert secret is not None
    metadata = {key: value for key, value in secret["metadata"].items() if key != "managedFields"}
    return secret | BROKEN | {"metadata": metadata}


def test_an_edit_by_hand_is_mended_by_the_next_renewal(rig: Rig) -> None:
    rig.run()
    uid = rig.api.objects("secrets", "team-a")[0]["metadata"]["uid"]
    rig.ask("PUT", OURS, edited_object(rig))
    rig.rotate()
    report = rig.run()
    (row,) = [row for row in report.rows if row.namespace == "team-a"]
    assert (row.verdict, row.reason) == ("updated", "mended what kubectl-edit had changed")
    assert rig.password("team-a") == rig.password("team-b")
    assert rig.api.objects("secrets", "team-a")[0]["metadata"]["uid"] == uid
    applies = [request.query["force"] for request in rig.api.writes if request.path == OURS and request.verb == "patch"]
    assert applies == ["false", "false", "true"]


@pytest.mark.parametrize("edit", ["PUT", "PATCH"])
def test_an_edit_by_hand_is_mended_by_the_repair(rig: Rig, edit: str) -> None:
    rig.run()
    rig.ask(edit, OURS, edited_object(rig) if edit == "PUT" else BROKEN, **(MERGE if edit == "PATCH" else {}))
    assert rig.run().counts() == {"unchanged": 2}
    assert verdicts(rig.run(repair=True), "Secret/") == {"team-a": "updated", "team-b": "unchanged"}
    assert rig.password("team-a") == rig.password("team-b")


def test_a_deleted_secret_is_made_again_by_the_repair(rig: Rig) -> None:
    rig.run()
    rig.ask("DELETE", OURS, {})
    assert verdicts(rig.run(repair=True), "Secret/") == {"team-a": "created", "team-b": "unchanged"}
    assert rig.password("team-a")


def test_a_repair_of_what_is_right_changes_no_object(rig: Rig) -> None:
    rig.run()
    before = rig.api.objects("secrets"), rig.api.objects("serviceaccounts")
    assert rig.run(repair=True).counts() == {"unchanged": 2}
    assert (rig.api.objects("secrets"), rig.api.objects("serviceaccounts")) == before


def test_an_entry_that_others_removed_comes_back(rig: Rig) -> None:
    rig.run()
    rig.ask(
        "PATCH", "/api/v1/namespaces/team-a/serviceaccounts/default", {"imagePullSecrets": [{"name": "x"}]}, **MERGE
    )
    assert verdicts(rig.run(), "ServiceAccount/") == {"team-a": "updated"}
    assert rig.entries("team-a") == ["x", NAME]


class Rival:
    """Somebody who writes to a service account right before each of our first `times` writes to it."""

    def __init__(self, rig: Rig, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.rig, self.left, self.written = rig, times, 0
        self.replace = rig.cluster.replace_service_account
        monkeypatch.setattr(rig.cluster, "replace_service_account", self.interfere)

    def interfere(self, account: dict[str, Any]) -> dict[str, Any]:
        if self.left and account["metadata"]["namespace"] == "team-a":
            self.left, self.written = self.left - 1, self.written + 1
            entries = [{"name": name} for name in self.rig.entries("team-a")] + [{"name": f"rival-{self.written}"}]
            path = "/api/v1/namespaces/team-a/serviceaccounts/default"
            self.rig.ask("PATCH", path, {"imagePullSecrets": entries}, **MERGE)
        return self.replace(account)


@pytest.mark.parametrize("times", [1, ACCOUNT_TRIES - 1])
def test_an_edit_between_our_read_and_our_write_loses_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    rival = Rival(rig, monkeypatch, times)
    assert verdicts(rig.run(), "ServiceAccount/") == {"team-a": "updated", "team-b": "updated"}
    assert rival.written == times
    assert rig.entries("team-a") == [f"rival-{number + 1}" for number in range(times)] + [NAME]


def test_a_rival_without_end_is_reported_and_the_next_run_finishes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = Rival(rig, monkeypatch, ACCOUNT_TRIES)
    report = rig.run()
    assert verdicts(report, "ServiceAccount/") == {"team-a": "failed", "team-b": "updated"}
    assert [row.temporary for row in report.failures()] == [True]
    rival.left = 0
    assert verdicts(rig.run(), "ServiceAccount/") == {"team-a": "updated"}
    assert rig.entries("team-a")[-1] == NAME
    assert len(rig.entries("team-a")) == ACCOUNT_TRIES + 1


def test_a_rival_who_does_our_work_spares_us_the_write(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = rig.cluster.replace_service_account

    def preempted(account: dict[str, Any]) -> dict[str, Any]:
        path = f"/api/v1/namespaces/{account['metadata']['namespace']}/serviceaccounts/default"
        rig.ask("PATCH", path, {"imagePullSecrets": [{"name": NAME}]}, **MERGE)
        return replace(account)

    monkeypatch.setattr(rig.cluster, "replace_service_account", preempted)
    report = rig.run(["team-a"])
    (row,) = [row for row in report.rows if row.object.startswith("ServiceAccount/")]
    assert (row.verdict, row.reason) == ("unchanged", "somebody else did it meanwhile")
    assert rig.entries("team-a") == [NAME]
