"""Whatever happens, no line of any function shows a password or a bearer token."""

import base64
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from functions.mint_credentials import handler as mint_credentials
from functions.observe_clusters import handler as observe_clusters
from functions.sync_pull_secrets import handler as sync_pull_secrets
from steward.credential import Credential
from steward.registries.principals import Principal
from testbed.embedded_api import HANG, RESET, html, refusal, server_error, too_many_requests
from testbed.embedded_api.faults import Answer
from tests.unit.functions.conftest import Stack
from tests.unit.functions.invocation import Context, Told, message
from tests.unit.pullsecrets.samples import HOST

PASSWORD = "planted-registry-password"
BASIC = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
ECHO = f'{{"auths":{{"{HOST}":{{"username":"AWS","password":"{PASSWORD}","auth":"{BASIC}"}}}}}}'.encode()
FAULTS = [
    None,
    RESET,
    HANG,
    html(200),
    server_error(),
    too_many_requests(1),
    Answer(400, ECHO),
    Answer(200, ECHO),
    *(refusal(code, "", "no") for code in (401, 403, 404, 409, 422)),
]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steward.cluster.transport.READ_SECONDS", 0.2)
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *_: None)
    monkeypatch.setattr("steward.pullsecrets.house.mint", mint)


def mint(principal: Principal, now: datetime) -> Credential:
    return Credential(principal.id, "AWS", PASSWORD, now, now + timedelta(hours=12), str(uuid.uuid4()))


@pytest.mark.parametrize("path", ["*", "*/secrets/*", "*/serviceaccounts/*"])
def test_no_line_shows_a_secret_whatever_the_api_server_does(
    stack: Stack, told: Callable[[], Told], caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level("DEBUG", logger="kubesteward")
    api = stack.clusters["production"]
    secrets = (PASSWORD, BASIC, *(each.token for each in stack.clusters.values()))
    for fault in FAULTS:
        mint_credentials.handle({"rotate": True}, Context())
        if fault is not None:
            api.fault(fault, path=path, times=None)
        everything = f"{run_everything()}{told().text}{caplog.text}{stack.messages()}"
        assert "minted" in everything
        assert [secret for secret in secrets if secret in everything] == [], fault
        api.clear_faults()
        caplog.clear()


def run_everything() -> str:
    """The answers of the functions that talk to clusters."""
    answers = [
        observe_clusters.handle({}, Context()),
        sync_pull_secrets.handle({"Records": [message({"cluster": "production"})]}, Context()),
        sync_pull_secrets.handle({"Records": [message({"cluster": "production", "repair": True})]}, Context()),
    ]
    return str(answers)


def test_neither_the_table_nor_the_queue_hold_a_secret(stack: Stack) -> None:
    mint_credentials.handle({}, Context())
    sync_pull_secrets.handle({"Records": [message({"cluster": "production"})]}, Context())
    table = sync_pull_secrets.house().placements.table
    kept = f"{table.scan()['Items']}{stack.messages()}"
    assert "placements#" in kept
    assert [secret for secret in (PASSWORD, BASIC) if secret in kept] == []


def test_a_defect_is_logged_without_a_secret(
    stack: Stack, told: Callable[[], Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trace of an unforeseen error names lines of code and never the values in them."""
    mint_credentials.handle({}, Context())
    nothing: dict[str, object] = {}
    monkeypatch.setattr("steward.cluster.client.Cluster.apply_secret", lambda *_, **__: nothing["defect"])
    answer = sync_pull_secrets.handle({"Records": [message({"cluster": "production"})]}, Context())
    assert answer["batchItemFailures"] == [{"itemIdentifier": "message-1"}]
    text = told().text
    assert "KeyError" in text
    assert PASSWORD not in text
    assert BASIC not in text
