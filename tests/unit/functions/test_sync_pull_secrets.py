"""sync_pull_secrets: messages in, clusters in line, what may succeed later handed back."""

import threading
from collections.abc import Callable

import pytest
import urllib3

from functions.sync_pull_secrets.handler import handle, house
from steward import aws
from steward.state.leases import LeaseTakenError
from steward.state.messages import SyncRequest
from steward.state.published import FleetUnreadableError
from testbed.embedded_api import RESET
from tests.unit.functions.conftest import Stack
from tests.unit.functions.invocation import Context, Told, handed_back, message, sample
from tests.unit.pullsecrets.samples import NAME

PRODUCTION: dict[str, object] = {"cluster": "production"}
DONE: dict[str, object] = {"batchItemFailures": []}


@pytest.fixture(autouse=True)
def _minted(stack: Stack) -> None:
    stack.store()


@pytest.mark.parametrize(
    ("name", "passwords"),
    [
        ("one_cluster", {"production": True, "staging": False}),
        ("repair", {"production": True, "staging": False}),
        ("several_clusters", {"production": True, "staging": True}),
    ],
)
def test_every_sample_event_is_carried_out(stack: Stack, name: str, passwords: dict[str, bool]) -> None:
    event = sample("sync_pull_secrets", name)
    for record in event["Records"]:
        SyncRequest.model_validate_json(record["body"])
    assert handle(event, Context()) == DONE
    assert {cluster: stack.password(cluster, "team-b") is not None for cluster in passwords} == passwords


def test_what_was_done_is_logged_and_counted(stack: Stack, told: Callable[[], Told]) -> None:
    handle({"Records": [message(PRODUCTION)]}, Context())
    heard = told()
    assert heard.metrics() == {"NamespacesWritten": 4, "NamespacesWaiting": 0, "SyncFailures": 0}
    (line,) = [line for line in heard.lines if line.get("message") == "synced"]
    assert (line["cluster"], line["counts"], line["message_id"]) == (
        "production",
        {"created": 2, "updated": 2},
        "message-1",
    )


def test_a_message_that_names_namespaces_is_about_those_only(stack: Stack) -> None:
    handle({"Records": [message(PRODUCTION | {"namespaces": ["team-b"]})]}, Context())
    assert stack.password("production", "team-b")
    assert stack.password("production", "team-a") is None


def test_a_repair_brings_back_what_others_deleted_and_a_usual_message_does_not(stack: Stack) -> None:
    api = stack.clusters["production"]
    handle({"Records": [message(PRODUCTION)]}, Context())
    path = f"{api.url}/api/v1/namespaces/team-a/secrets/{NAME}"
    gone = urllib3.request("DELETE", path, headers={"Authorization": f"Bearer {api.token}"}, retries=False)
    assert gone.status == 200
    handle({"Records": [message(PRODUCTION)]}, Context())
    assert stack.password("production", "team-a") is None
    handle({"Records": [message(PRODUCTION | {"repair": True})]}, Context())
    assert stack.password("production", "team-a")


def test_one_bad_message_does_not_spoil_the_good_one(stack: Stack, told: Callable[[], Told]) -> None:
    stack.clusters["staging"].fault(RESET, times=None)
    records = [message({"cluster": "staging"}), message(PRODUCTION, 2)]
    assert handle({"Records": records}, Context()) == handed_back(1)
    assert stack.password("production", "team-a")
    assert stack.password("staging", "team-a") is None
    assert told().metrics()["SyncFailures"] == 1


@pytest.mark.parametrize(
    "body", ["", "no json", "{}", "[]", "null", '{"cluster": ""}', '{"cluster": "production", "unknown": 1}']
)
def test_a_body_that_is_no_request_is_handed_back_and_told(stack: Stack, told: Callable[[], Told], body: str) -> None:
    assert handle({"Records": [message(body), message(PRODUCTION, 2)]}, Context()) == handed_back(1)
    heard = told()
    (line,) = [line for line in heard.lines if line.get("level") == "ERROR"]
    assert line["message_id"] == "message-1"
    assert line["exception_name"] == "ValidationError"
    assert heard.metrics()["SyncFailures"] == 1
    assert stack.password("production", "team-a")


def test_a_cluster_that_left_the_fleet_is_dropped_and_told(stack: Stack, told: Callable[[], Told]) -> None:
    assert handle({"Records": [message({"cluster": "gone"})]}, Context()) == DONE
    assert told().messages("ERROR") == ["cluster gone is not in the fleet (any more); nothing was done"]


def test_a_token_that_is_gone_is_told_and_not_asked_for_five_times(stack: Stack, told: Callable[[], Told]) -> None:
    aws.client("secretsmanager").delete_secret(SecretId="token-production", ForceDeleteWithoutRecovery=True)
    assert handle({"Records": [message(PRODUCTION)]}, Context()) == DONE
    assert any("token-production" in str(line.get("wrong")) for line in told().lines)


def test_a_fleet_that_cannot_be_read_hands_everything_back(stack: Stack) -> None:
    stack.published.fleet = FleetUnreadableError("AppConfig: throttled")
    assert handle({"Records": [message(PRODUCTION), message(PRODUCTION, 2)]}, Context()) == handed_back(1, 2)


def test_without_time_everything_is_handed_back_and_nothing_written(stack: Stack) -> None:
    assert handle({"Records": [message(PRODUCTION)]}, Context(seconds=3)) == handed_back(1)
    assert stack.clusters["production"].writes == ()


def test_a_message_handed_back_is_postponed_longer_each_time(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, int]] = []
    monkeypatch.setattr("functions.sync_pull_secrets.handler.postpone", lambda *given: asked.append(given))
    with house().leases.hold("production", 60):
        for receives in (1, 3):
            record = message(PRODUCTION, receipt=f"r-{receives}", receives=receives)
            assert handle({"Records": [record]}, Context()) == handed_back(1)
    assert asked == [(stack.queue_url, "r-1", 1), (stack.queue_url, "r-3", 3)]


def test_the_same_message_twice_at_once_is_carried_out_once(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    holds, go_on = threading.Event(), threading.Event()
    first, second = stack.another_house(), stack.another_house()
    load = first.placements.load

    def slow(cluster: str) -> object:
        holds.set()
        assert go_on.wait(30)
        return load(cluster)

    monkeypatch.setattr("steward.pullsecrets.house.TablePlacements.load", lambda _, cluster: slow(cluster))
    request, failures = SyncRequest.model_validate(PRODUCTION), []

    def run() -> None:
        try:
            failures.extend(first.sync(request, 60).failures())
        except BaseException as error:  # noqa: BLE001 - asserted on by the test's own thread
            failures.append(error)  # type: ignore[arg-type]

    thread = threading.Thread(target=run)
    thread.start()
    assert holds.wait(30)
    with pytest.raises(LeaseTakenError, match="cluster production is being synced by another invocation"):
        second.sync(request, 60)
    go_on.set()
    thread.join(30)
    assert failures == []
    after_one = stack.clusters["production"].objects("secrets"), stack.clusters["production"].objects("serviceaccounts")
    assert second.sync(request, 60).counts() == {"unchanged": 2}
    api = stack.clusters["production"]
    assert (api.objects("secrets"), api.objects("serviceaccounts")) == after_one


def test_a_lease_ends_with_the_run_even_if_it_fails(stack: Stack) -> None:
    stack.clusters["production"].fault(RESET, times=2)
    assert handle({"Records": [message(PRODUCTION)]}, Context()) == handed_back(1)
    assert handle({"Records": [message(PRODUCTION)]}, Context()) == DONE
    assert stack.password("production", "team-a")


def test_an_older_credential_never_follows_a_newer_one(stack: Stack) -> None:
    """A message from before the renewal, delivered after it."""
    late = {"Records": [message(PRODUCTION)]}
    stack.store(revision=2)
    handle({"Records": [message(PRODUCTION, 2)]}, Context())
    handle(late, Context())
    assert stack.password("production", "team-a") == "planted-ecr-eu-west-1-self-2"
