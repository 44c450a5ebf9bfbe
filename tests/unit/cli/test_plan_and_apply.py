"""`steward plan` and `steward apply` on a cluster: what a person and a program read, and what is written."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import Result

from testbed.aws.ecr_api import EcrAnswer, EcrApi
from testbed.embedded_api import RESET, EmbeddedApi
from testbed.embedded_api.faults import Answer
from tests.unit.cli.conftest import Rows as RowsOfResult
from tests.unit.cli.conftest import Steward

Rows = Callable[[Result], RowsOfResult]


def in_process_of_its_own(steward: Steward, command: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from steward_cli.main import run; run()", command]
    words = ["--fleet", str(steward.fleet), "--kubeconfig", str(steward.kubeconfig)]
    return subprocess.run([*program, *words], capture_output=True, text=True, check=False, env=dict(os.environ))


def living(hours: float) -> EcrAnswer:
    return EcrAnswer(password="short-lived", expires_at=datetime.now(UTC) + timedelta(hours=hours))


def hold_by_hand(api: EmbeddedApi, namespace: str, name: str = "pull") -> None:
    """A Secret that somebody made with kubectl."""
    metadata = {"name": name, "managedFields": [{"manager": "kubectl-create", "operation": "Update"}]}
    api.create("secrets", namespace, {"metadata": metadata, "type": "Opaque"})


def pull_secrets_of(api: EmbeddedApi, namespace: str, account: str = "default") -> list[str]:
    found = api.get("serviceaccounts", namespace, account) or {}
    return [entry["name"] for entry in found.get("imagePullSecrets", [])]


def hosts_in(api: EmbeddedApi, namespace: str) -> list[str]:
    data = api.secret(namespace, "pull")
    assert data is not None
    return list(json.loads(data[".dockerconfigjson"])["auths"])


def test_a_plan_names_every_object_and_why(steward: Steward) -> None:
    result = steward.plan()
    assert result.exit_code == 0
    cells = [re.split(r"\s*│\s*", line.strip("│ ")) for line in result.stdout.splitlines() if "team-a" in line]
    assert [cell[:4] for cell in cells] == [
        ["team-a", "Secret/pull", "created", "not there yet"],
        ["team-a", "ServiceAccount/default", "updated", "add pull"],
    ]
    assert "shop: what apply would do" in result.stdout
    assert result.stdout.splitlines()[-1] == "1 cluster: 3 created, 3 updated"


def test_a_plan_writes_nothing_and_mints_nothing(steward: Steward, api: EmbeddedApi, ecr: EcrApi) -> None:
    assert steward.plan().exit_code == 0
    assert (api.writes, ecr.calls) == ((), [])


def test_a_plan_needs_no_aws_credentials(steward: Steward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert steward.plan().exit_code == 0


def test_an_apply_does_what_the_plan_said(steward: Steward, api: EmbeddedApi, rows: Rows) -> None:
    foreseen = {key: row["verdict"] for key, row in rows(steward.plan("--json")).items()}
    result = steward.apply("--json")
    assert result.exit_code == 0
    assert {key: row["verdict"] for key, row in rows(result).items()} == foreseen
    assert hosts_in(api, "team-b") == ["111122223333.dkr.ecr.eu-west-1.amazonaws.com"]
    assert pull_secrets_of(api, "team-b") == ["pull"]


def test_one_token_serves_every_namespace(steward: Steward, ecr: EcrApi) -> None:
    steward.apply()
    assert len(ecr.calls) == 1


def test_a_second_apply_writes_nothing_and_mints_nothing(steward: Steward, api: EmbeddedApi, ecr: EcrApi) -> None:
    steward.apply()
    api.forget_requests()
    result = steward.apply()
    assert result.exit_code == 0
    assert (api.writes, len(ecr.calls)) == ((), 1)
    assert result.stdout.splitlines()[-1] == "1 cluster: 3 unchanged"
    assert "11 h 59 min" in result.stdout


def test_plan_and_apply_answer_json_of_the_same_shape(steward: Steward) -> None:
    answers = [json.loads(result.stdout) for result in (steward.plan("--json"), steward.apply("--json"))]
    assert [answer["command"] for answer in answers] == ["plan", "apply"]
    for answer in answers:
        assert set(answer) == {"command", "clusters", "errors"}
        (cluster,) = answer["clusters"]
        assert (cluster["cluster"], cluster["counts"]) == ("shop", {"created": 3, "updated": 3})
        assert {frozenset(row) for row in cluster["rows"]} == {
            frozenset(("cluster", "namespace", "object", "verdict", "reason", "expires_at", "temporary"))
        }


def test_json_tells_when_each_credential_ends(steward: Steward, rows: Rows) -> None:
    ends = rows(steward.apply("--json"))["team-a", "Secret/pull"]["expires_at"]
    lives = datetime.fromisoformat(ends) - datetime.now(UTC)
    assert timedelta(hours=11) < lives <= timedelta(hours=12)


@pytest.mark.parametrize("words", [[], ["--json"], ["--rotate"]])
def test_no_secret_is_printed(words: list[str], steward: Steward, ecr: EcrApi) -> None:
    results = [steward.apply(*words), steward.plan(*words), steward.apply(*words)]
    assert ecr.calls
    for text in [result.stdout + result.stderr for result in results]:
        assert "first-password" not in text
        assert "QVdTO" not in text  # base64 of "AWS:"


@pytest.mark.parametrize("flag", ["--rotate", "--repair"])
def test_rotate_and_repair_write_every_secret_anew(
    flag: str, steward: Steward, api: EmbeddedApi, ecr: EcrApi, rows: Rows
) -> None:
    steward.apply()
    uid = (api.get("secrets", "team-a", "pull") or {})["metadata"]["uid"]
    ecr.answer_with = EcrAnswer(password="second-password")
    assert rows(steward.plan("--json", flag))["team-a", "Secret/pull"]["verdict"] == "updated"
    result = steward.apply("--json", flag)
    assert rows(result)["team-a", "Secret/pull"]["verdict"] == "updated"
    assert len(ecr.calls) == 2
    assert b"second-password" in (api.secret("team-a", "pull") or {})[".dockerconfigjson"]
    assert (api.get("secrets", "team-a", "pull") or {})["metadata"]["uid"] == uid


def test_a_credential_with_less_than_a_third_of_its_life_is_renewed(steward: Steward, ecr: EcrApi, rows: Rows) -> None:
    ecr.answer_with = living(hours=3.98)
    steward.apply()
    ecr.answer_with = living(hours=4.02)
    assert rows(steward.apply("--json"))["team-a", "Secret/pull"]["verdict"] == "updated"
    assert rows(steward.apply("--json"))["team-a", "Secret/pull"]["verdict"] == "unchanged"


@pytest.mark.parametrize("flags", [[], ["--rotate"], ["--repair"]])
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_foreign_secret_is_named_and_left_alone(
    command: str, flags: list[str], steward: Steward, api: EmbeddedApi, rows: Rows
) -> None:
    hold_by_hand(api, "team-b")
    before = api.get("secrets", "team-b", "pull")
    result = getattr(steward, command)("--json", *flags)
    row = rows(result)["team-b", "Secret/pull"]
    assert (result.exit_code, row["verdict"]) == (1, "conflict")
    assert "written by kubectl-create" in row["reason"]
    assert ("team-b", "ServiceAccount/default") not in rows(result)
    assert api.get("secrets", "team-b", "pull") == before


def test_the_entry_of_a_foreign_secret_stays_in_service_accounts(steward: Steward, api: EmbeddedApi) -> None:
    hold_by_hand(api, "team-b")
    api.create("serviceaccounts", "team-b", {"metadata": {"name": "ci"}, "imagePullSecrets": [{"name": "pull"}]})
    steward.apply()
    assert pull_secrets_of(api, "team-b", "ci") == ["pull"]


def test_a_foreign_secret_outside_the_selection_is_not_mentioned(
    steward: Steward, api: EmbeddedApi, rows: Rows
) -> None:
    hold_by_hand(api, "kube-system")
    for result in (steward.plan("--json"), steward.apply("--json")):
        assert not [key for key in rows(result) if key[0] == "kube-system"]


def test_a_pull_secret_that_left_the_file_is_cleaned_up(steward: Steward, api: EmbeddedApi, rows: Rows) -> None:
    steward.apply()
    steward.fleet.write_text(steward.fleet.read_text().replace("name: pull", "name: other"))
    assert rows(steward.plan("--json"))["team-a", "Secret/pull"]["verdict"] == "deleted"
    assert rows(steward.apply("--json"))["team-a", "Secret/pull"]["verdict"] == "deleted"
    assert api.secret("team-a", "pull") is None
    assert pull_secrets_of(api, "team-a") == ["other"]


def test_an_entry_that_a_person_gave_a_service_account_stays(steward: Steward, api: EmbeddedApi) -> None:
    """`serviceAccounts: none` means that we give none; it does not take away what others gave."""
    steward.fleet.write_text(steward.fleet.read_text() + "    serviceAccounts: none\n")
    steward.apply()
    api.create("serviceaccounts", "team-a", {"metadata": {"name": "ci"}, "imagePullSecrets": [{"name": "pull"}]})
    steward.apply()
    assert pull_secrets_of(api, "team-a", "ci") == ["pull"]


def test_a_namespace_that_left_the_selection_is_cleaned_up(steward: Steward, api: EmbeddedApi, rows: Rows) -> None:
    steward.apply()
    steward.fleet.write_text(steward.fleet.read_text() + "    namespaces: {exclude: [team-a]}\n")
    foreseen, done = rows(steward.plan("--json")), rows(steward.apply("--json"))
    for found in (foreseen, done):
        assert found["team-a", "Secret/pull"]["verdict"] == "deleted"
        assert found["team-a", "ServiceAccount/default"]["verdict"] == "updated"
    assert (api.secret("team-a", "pull"), pull_secrets_of(api, "team-a")) == (None, [])
    assert api.secret("team-b", "pull") is not None


def test_a_refused_token_fails_and_leaves_what_is_there(
    steward: Steward, api: EmbeddedApi, ecr: EcrApi, rows: Rows
) -> None:
    steward.apply()
    before = api.secret("team-a", "pull")
    ecr.answer_with = EcrAnswer(error="AccessDeniedException")
    result = steward.apply("--json", "--rotate")
    row = rows(result)["team-a", "Secret/pull"]
    assert (result.exit_code, row["verdict"]) == (1, "failed")
    assert "AccessDeniedException" in row["reason"]
    assert row["expires_at"] is not None
    assert api.secret("team-a", "pull") == before
    assert pull_secrets_of(api, "team-a") == ["pull"]


def test_a_token_that_has_expired_already_replaces_nothing(
    steward: Steward, api: EmbeddedApi, ecr: EcrApi, rows: Rows
) -> None:
    steward.apply()
    before = api.secret("team-a", "pull")
    ecr.answer_with = living(hours=-1)
    row = rows(steward.apply("--json", "--rotate"))["team-a", "Secret/pull"]
    assert row["verdict"] == "failed"
    assert "already expired" in row["reason"]
    assert api.secret("team-a", "pull") == before


def test_a_real_api_server_says_null_where_nothing_is_found(steward: Steward, api: EmbeddedApi) -> None:
    """kube-apiserver 1.34.4 writes an empty PartialObjectMetadataList so."""
    empty: dict[str, object] = {
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "items": None,
    }
    api.fault(Answer(200, empty), path="/api/v1/secrets", times=None)
    assert steward.plan().stdout.splitlines()[-1] == "1 cluster: 3 created, 3 updated"


def test_a_cluster_that_does_not_answer_is_a_row_and_exit_code_1(steward: Steward, api: EmbeddedApi) -> None:
    api.revoke(api.token)
    for result in (steward.plan(), steward.apply()):
        assert result.exit_code == 1
        assert "401" in result.stdout or "Unauthorized" in result.stdout
        assert result.stdout.splitlines()[-1] == "1 cluster: 1 failed"


def test_a_user_who_may_not_list_secrets_is_told_so(steward: Steward, api: EmbeddedApi, rows: Rows) -> None:
    api.deny(verb="list", resource="secrets")
    row = rows(steward.plan("--json"))["", ""]
    assert row["verdict"] == "failed"
    assert "may not list Secrets" in row["reason"]


def test_a_cluster_that_resets_connections_is_told_in_one_row(steward: Steward, api: EmbeddedApi) -> None:
    api.fault(RESET, path="/api/v1/namespaces", times=None)
    done = in_process_of_its_own(steward, "plan")
    assert (done.returncode, done.stderr) == (1, "")
    assert "no answer" in done.stdout


def test_the_real_command_ends_with_its_exit_code(steward: Steward, api: EmbeddedApi) -> None:
    hold_by_hand(api, "team-b")
    done = in_process_of_its_own(steward, "plan")
    assert (done.returncode, done.stderr) == (1, "")
    assert "left alone: it was written by kubectl-create" in done.stdout
