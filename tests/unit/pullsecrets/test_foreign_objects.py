"""Objects of our name that are not ours: left alone, named in the report, pointed at by nobody because of us."""

import base64
from typing import Any

import pytest

from tests.unit.pullsecrets.rig import Rig, make_fleet, verdicts
from tests.unit.pullsecrets.samples import NAME

SECRETS = "/api/v1/namespaces/team-a/secrets"
THEIRS = base64.b64encode(b'{"auths":{"their.example":{"auth":"dTpw"}}}').decode()
JSON_TYPE = "kubernetes.io/dockerconfigjson"


def their_secret(**more: Any) -> dict[str, Any]:
    usual = {"type": JSON_TYPE, "data": {".dockerconfigjson": THEIRS}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME}, **usual, **more}


OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "boss", "uid": "1", "controller": True}
CASES = [
    pytest.param(their_secret(), "kubectl-create/v1", "it was written by kubectl-create", id="made by kubectl"),
    pytest.param(
        their_secret(type="Opaque", data={"a": "Yg=="}), "sealed/1", "it was written by sealed", id="other type"
    ),
    pytest.param(their_secret(immutable=True), "helm/v3", "it was written by helm", id="immutable"),
    pytest.param(
        their_secret(metadata={"name": NAME, "ownerReferences": [OWNER]}),
        "external-secrets/v1",
        "it is owned by ConfigMap/boss",
        id="owned by another object",
    ),
    pytest.param(
        their_secret(metadata={"name": NAME, "labels": {"app.kubernetes.io/managed-by": "kubesteward"}}),
        "argocd-controller/v3",
        "it was written by argocd-controller",
        id="with our label copied",
    ),
    pytest.param(
        their_secret(metadata={"name": NAME, "labels": {"app.kubernetes.io/managed-by": "kubesteward"}}),
        "kubesteward/v1",
        "it was written by kubesteward",
        id="under our name, but not applied",
    ),
]


@pytest.mark.parametrize(("secret", "agent", "why"), CASES)
def test_a_foreign_secret_is_left_alone_and_its_writer_named(
    rig: Rig, secret: dict[str, Any], agent: str, why: str
) -> None:
    rig.ask("POST", SECRETS, secret, user_agent=agent)
    before = rig.api.get("secrets", "team-a", NAME)
    report = rig.run()
    (row,) = [row for row in report.rows if row.namespace == "team-a"]
    assert (row.object, row.verdict) == (f"Secret/{NAME}", "conflict")
    assert why in row.reason
    assert "Rename the pull secret, or delete that Secret" in row.reason
    assert rig.api.get("secrets", "team-a", NAME) == before
    assert rig.entries("team-a") == []
    assert verdicts(report, "Secret/")["team-b"] == "created"


@pytest.mark.parametrize(("secret", "agent", "why"), CASES)
def test_a_foreign_secret_is_neither_asked_for_again_nor_cleaned_up(
    rig: Rig, secret: dict[str, Any], agent: str, why: str
) -> None:
    rig.ask("POST", SECRETS, secret, user_agent=agent)
    rig.run()
    rig.api.forget_requests()
    assert verdicts(rig.run(), "Secret/")["team-a"] == "conflict"
    assert rig.api.writes == ()
    rig.fleet = make_fleet({"namespaces": {"names": ["team-b"]}})
    assert "team-a" not in verdicts(rig.run())
    assert rig.api.get("secrets", "team-a", NAME)
    assert rig.placement("team-a") is None


def test_a_foreign_secret_that_is_gone_is_followed_by_ours_at_the_next_repair(rig: Rig) -> None:
    rig.ask("POST", SECRETS, their_secret())
    rig.run()
    rig.ask("DELETE", f"{SECRETS}/{NAME}", {})
    assert verdicts(rig.run(repair=True), "Secret/")["team-a"] == "created"
    assert rig.run().counts() == {"unchanged": 2}
    assert rig.entries("team-a") == [NAME]


def replace_by_theirs(rig: Rig) -> None:
    rig.ask("DELETE", f"{SECRETS}/{NAME}", {})
    rig.ask("POST", SECRETS, their_secret(), user_agent="helm/v3")


def test_ours_replaced_by_theirs_is_theirs_and_the_entries_we_gave_are_taken_back(rig: Rig) -> None:
    rig.run()
    replace_by_theirs(rig)
    rig.rotate()
    assert verdicts(rig.run(), "Secret/") == {"team-a": "conflict", "team-b": "updated"}
    rig.run()
    assert rig.api.secret("team-a", NAME) == {".dockerconfigjson": base64.b64decode(THEIRS)}
    assert (rig.entries("team-a"), rig.entries("team-b")) == ([], [NAME])


def test_ours_replaced_by_theirs_survives_the_clean_up(rig: Rig) -> None:
    rig.run()
    replace_by_theirs(rig)
    rig.fleet = make_fleet({"namespaces": {"names": ["nowhere-*"]}})
    report = rig.run()
    assert verdicts(report, "Secret/") == {"team-a": "conflict", "team-b": "deleted"}
    assert rig.api.get("secrets", "team-a", NAME)
    assert rig.entries("team-a") == []
    assert rig.run().rows == []


@pytest.mark.parametrize("manager", ["argocd-controller", "kustomize-controller", "helm", "flux-client", "Terraform"])
def test_a_secret_of_ours_that_a_controller_writes_too_is_left_to_it(rig: Rig, manager: str) -> None:
    """Two that correct each other would write for ever."""
    rig.run()
    rig.ask(
        "PATCH",
        f"{SECRETS}/{NAME}",
        {"data": {".dockerconfigjson": THEIRS}},
        user_agent=f"{manager}/v1",
        **{"Content-Type": "application/merge-patch+json"},
    )
    rig.rotate()
    report = rig.run()
    assert verdicts(report, "Secret/")["team-a"] == "conflict"
    assert any(f"it is kept by {manager}" in row.reason for row in report.rows)
    assert rig.api.secret("team-a", NAME) == {".dockerconfigjson": base64.b64decode(THEIRS)}


def test_a_secret_of_ours_that_was_made_immutable_is_reported(rig: Rig) -> None:
    rig.run()
    patch = {"Content-Type": "application/merge-patch+json"}
    rig.ask("PATCH", f"{SECRETS}/{NAME}", {"immutable": True}, **patch)
    before = rig.password("team-a")
    rig.rotate()
    report = rig.run()
    (row,) = [row for row in report.rows if row.namespace == "team-a" and row.object.startswith("Secret/")]
    assert row.verdict == "conflict"
    assert "immutable" in row.reason
    assert rig.password("team-a") == before
