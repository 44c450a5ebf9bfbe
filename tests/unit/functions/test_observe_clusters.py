"""observe_clusters: what lags behind is asked for, and the freshness of the fleet is measured."""

from collections.abc import Callable

import pytest

from functions.observe_clusters.handler import handle
from functions.sync_pull_secrets.handler import handle as sync
from steward import aws
from steward.state.published import FleetUnpublishedError
from testbed.embedded_api import RESET
from tests.unit.functions.conftest import Stack
from tests.unit.functions.invocation import Context, Told, message, sample

BOTH = ["production", "staging"]
ACCOUNTS = "a look at the service accounts"


def carry_out(stack: Stack) -> None:
    """What SQS does: every message to sync_pull_secrets."""
    for number, body in enumerate(stack.messages()):
        assert sync({"Records": [message(body, number)]}, Context()) == {"batchItemFailures": []}


def test_every_minute_asks_for_namespaces_that_lag_behind(stack: Stack) -> None:
    stack.store()
    answer = handle(sample("observe_clusters", "every_minute"), Context())
    assert answer == {"asked": BOTH, "unreachable": {}, "errors": []}
    asked = stack.messages()
    assert [body["cluster"] for body in asked] == BOTH
    assert all(body["namespaces"] == ["team-a", "team-b"] and not body["repair"] for body in asked)


def test_the_daily_repair_asks_for_every_cluster_in_full(stack: Stack) -> None:
    answer = handle(sample("observe_clusters", "daily_repair"), Context())
    assert answer == {"asked": BOTH, "unreachable": {}, "errors": []}
    asked = stack.messages()
    assert [body["cluster"] for body in asked] == BOTH
    assert all(body["repair"] and body["namespaces"] == [] for body in asked)


def test_what_is_under_way_is_not_asked_for_again(stack: Stack) -> None:
    stack.store()
    handle({}, Context())
    stack.messages()
    assert handle({}, Context())["asked"] == []
    assert stack.messages() == []


def test_a_new_namespace_is_asked_for_by_name_and_then_holds_the_secret(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steward.pullsecrets.house.ASKED_SECONDS", 0)
    stack.store()
    handle({}, Context())
    carry_out(stack)
    handle({}, Context())
    assert [body["reason"] for body in stack.messages()] == [ACCOUNTS, ACCOUNTS]
    stack.clusters["staging"].create_namespace("team-new")
    assert handle({}, Context())["asked"] == ["staging"]
    carry_out(stack)
    assert stack.password("staging", "team-new")
    assert handle({}, Context())["asked"] == []


def test_a_cluster_that_is_down_is_told_and_the_other_goes_on(stack: Stack, told: Callable[[], Told]) -> None:
    stack.store()
    stack.clusters["production"].fault(RESET, times=None)
    answer = handle({}, Context())
    assert answer["asked"] == ["staging"]
    assert answer["unreachable"]["production"].startswith("cluster production: GET /api/v1/namespaces: no answer")
    heard = told()
    assert heard.metrics() == {"ClustersUnreachable": 1}
    assert heard.messages("WARNING") == [answer["unreachable"]["production"]]


def test_a_cluster_without_a_token_is_told_and_the_other_goes_on(stack: Stack) -> None:
    stack.store()
    aws.client("secretsmanager").delete_secret(SecretId="token-production", ForceDeleteWithoutRecovery=True)
    answer = handle({}, Context())
    assert answer["asked"] == ["staging"]
    assert "token-production" in answer["unreachable"]["production"]


def test_the_oldest_remaining_lifetime_is_that_of_what_lies_in_the_clusters(
    stack: Stack, told: Callable[[], Told]
) -> None:
    stack.store()
    handle({}, Context())
    assert "OldestRemainingLifetime" not in told().metrics()
    carry_out(stack)
    told()
    handle({}, Context())
    first = told().metrics()["OldestRemainingLifetime"]
    assert 11.9 * 3600 < first <= 12 * 3600 + 1
    stack.store(revision=3600)
    sync({"Records": [message({"cluster": "production"})]}, Context())
    told()
    handle({}, Context())
    assert told().metrics()["OldestRemainingLifetime"] <= first


def test_a_stack_without_a_fleet_waits_for_one_and_says_what_to_do(stack: Stack, told: Callable[[], Told]) -> None:
    hint = "no fleet is published yet: run `steward publish`"
    stack.published.fleet = FleetUnpublishedError(hint)
    assert handle({}, Context()) == {"unpublished": hint}
    assert told().messages("WARNING") == [hint]


def test_without_a_credential_nothing_is_asked_for_but_the_accounts(stack: Stack) -> None:
    handle({}, Context())
    assert {body["reason"] for body in stack.messages()} == {ACCOUNTS}


def test_a_further_namespace_is_not_kept_waiting_by_what_is_under_way(stack: Stack) -> None:
    stack.store()
    handle({}, Context())
    carry_out(stack)
    for name in ("team-new", "team-newer"):
        stack.clusters["staging"].create_namespace(name)
        assert "staging" in handle({}, Context())["asked"]
        carry_out(stack)
        assert stack.password("staging", name)
