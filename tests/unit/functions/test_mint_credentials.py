"""mint_credentials: what is due is renewed, and the clusters concerned are asked for."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from functions.mint_credentials.handler import handle, house
from steward import aws
from steward.credential import Credential
from steward.errors import TemporaryError
from steward.registries.principals import Principal
from steward.state.published import FleetUnpublishedError, FleetUnreadableError
from tests.unit.functions.conftest import PREFIX, Stack
from tests.unit.functions.invocation import Context, Told, sample
from tests.unit.pullsecrets.samples import PRINCIPAL

PLANTED = "planted-registry-password"


class RegistryDownError(TemporaryError):
    """The registry said no."""


@pytest.fixture
def minted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Principals that a working registry was asked for."""
    asked: list[str] = []

    def mint(principal: Principal, now: datetime) -> Credential:
        asked.append(principal.id)
        return Credential(principal.id, "AWS", PLANTED, now, now + timedelta(hours=12), f"{len(asked):032}")

    monkeypatch.setattr("steward.pullsecrets.house.mint", mint)
    return asked


def break_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    def mint(principal: Principal, now: datetime) -> Credential:
        raise RegistryDownError(f"{principal.id}: throttled at {now:%Y}")

    monkeypatch.setattr("steward.pullsecrets.house.mint", mint)


@pytest.mark.usefixtures("minted")
@pytest.mark.parametrize("name", ["schedule", "rotate_by_hand"])
def test_every_sample_event_mints_what_was_never_minted(stack: Stack, name: str) -> None:
    answer = handle(sample("mint_credentials", name), Context())
    assert answer == {"renewed": [PRINCIPAL], "fresh": [], "failed": {}}
    assert house().vault.read(PRINCIPAL).password == PLANTED
    assert sorted(message["cluster"] for message in stack.messages()) == ["production", "staging"]


def test_the_schedule_leaves_alone_what_is_fresh_and_the_hand_does_not(stack: Stack, minted: list[str]) -> None:
    handle({}, Context())
    stack.messages()
    assert handle({}, Context()) == {"renewed": [], "fresh": [PRINCIPAL], "failed": {}}
    assert stack.messages() == []
    assert handle({"rotate": True}, Context())["renewed"] == [PRINCIPAL]
    assert len(stack.messages()) == len(minted) == 2


def test_a_failure_keeps_the_old_credential_and_is_told_and_counted(
    stack: Stack, told: Callable[[], Told], minted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handle({}, Context())
    stack.messages()
    old = house().vault.read(PRINCIPAL)
    break_registry(monkeypatch)
    told()
    answer = handle({"rotate": True}, Context())
    assert set(answer["failed"]) == {PRINCIPAL}
    assert house().vault.read(PRINCIPAL) == old
    assert stack.messages() == []
    heard = told()
    assert heard.metrics() == {"CredentialsMinted": 0, "MintFailures": 1}
    assert "throttled" in heard.messages("ERROR")[0]


def test_an_expired_answer_of_the_registry_is_refused(stack: Stack) -> None:
    """Moto's ECR hands out a token that expired in 2015."""
    answer = handle({}, Context())
    assert answer["renewed"] == []
    assert "already expired at 2015-01-01" in answer["failed"][PRINCIPAL]
    found = aws.client("secretsmanager").list_secrets()["SecretList"]
    assert [secret["Name"] for secret in found if secret["Name"].startswith(PREFIX)] == []


@pytest.mark.usefixtures("minted")
def test_a_run_is_counted_under_the_names_that_the_alarms_read(stack: Stack, told: Callable[[], Told]) -> None:
    handle({}, Context())
    assert told().metrics() == {"CredentialsMinted": 1, "MintFailures": 0}


def test_a_stack_without_a_fleet_says_what_to_do_and_sets_off_no_alarm(stack: Stack, told: Callable[[], Told]) -> None:
    words = "no fleet is published yet: run `steward publish`"
    stack.published.fleet = FleetUnpublishedError(words)
    assert handle({}, Context()) == {"unpublished": words}
    heard = told()
    assert heard.metrics() == {"CredentialsMinted": 0}
    assert heard.messages("WARNING") == [words]


def test_a_fleet_that_cannot_be_read_is_a_failure_that_is_counted(stack: Stack, told: Callable[[], Told]) -> None:
    stack.published.fleet = FleetUnreadableError("AppConfig: throttled")
    with pytest.raises(FleetUnreadableError):
        handle({}, Context())
    heard = told()
    assert (heard.metrics()["MintFailures"], heard.messages("ERROR")) == (1, ["AppConfig: throttled"])


def test_an_event_that_is_none_of_ours_is_refused(stack: Stack, minted: list[str]) -> None:
    with pytest.warns(UserWarning, match="No application metrics"), pytest.raises(ValidationError, match="rotate"):
        handle({"rotate": "perhaps"}, Context())
    assert minted == []
