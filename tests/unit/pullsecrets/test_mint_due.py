"""Which credentials are minted when, and which clusters hear of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from steward.credential import Credential, CredentialRecord
from steward.errors import PermanentError, TemporaryError
from steward.fleet import Fleet, read_fleet
from steward.pullsecrets.mint import Mint, concerned_clusters, due_principals, mint_due
from steward.registries.principals import Principal
from steward.state.vault import Vault

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
EU, US = "ecr-eu-west-1-self", "ecr-us-east-1-self"


class MintingFailedError(TemporaryError):
    """The registry said no."""


class StoringFailedError(PermanentError):
    """The vault said no."""


class MemoryVault:
    """Credentials in memory; what `refuses` names cannot be stored."""

    def __init__(self, *held: Credential, refuses: str = "") -> None:
        self.held = {credential.principal: credential for credential in held}
        self.refuses = refuses

    def store(self, credential: Credential) -> None:
        if credential.principal == self.refuses:
            raise StoringFailedError("the key is disabled")
        self.held[credential.principal] = credential

    def records(self) -> dict[str, CredentialRecord]:
        return {name: CredentialRecord.of(held) for name, held in self.held.items()}


class FakeEcr:
    """Hands out credentials and counts; what `wrong` names gets those fields instead, or a refusal."""

    def __init__(self, **wrong: Any) -> None:
        self.wrong = {name.replace("_", "-"): fields for name, fields in wrong.items()}
        self.asked: list[str] = []

    def __call__(self, principal: Principal, now: datetime) -> Credential:
        self.asked.append(principal.id)
        fields = self.wrong.get(principal.id, {})
        if isinstance(fields, Exception):
            raise fields
        return credential(principal.id, now, **fields)


def credential(principal: str, issued: datetime, **fields: Any) -> Credential:
    usual: dict[str, Any] = {"username": "AWS", "password": "planted", "expires_at": issued + timedelta(hours=12)}
    given = usual | fields
    return Credential(principal, given["username"], given["password"], issued, given["expires_at"], f"minted {issued}")


def make_fleet(clusters: int = 1, every: str = "3h") -> Fleet:
    """`clusters` clusters and two principals; clusters of an even number hold the second pull secret too."""
    text = {
        "clusters": [
            {"name": f"{'even' if number % 2 == 0 else 'odd'}-{number}", "eks": {"name": "x", "region": "eu-west-1"}}
            for number in range(clusters)
        ],
        "registries": [
            {"name": "eu", "ecr": {"region": "eu-west-1", "accounts": ["111122223333", "444455556666"]}},
            {"name": "eu-too", "ecr": {"region": "eu-west-1", "accounts": ["777788889999"]}},
            {"name": "us", "ecr": {"region": "us-east-1", "accounts": ["111122223333"]}},
        ],
        "pullSecrets": [
            {"name": "all", "registries": ["eu", "eu-too"]},
            {"name": "american", "registries": ["us"], "clusters": ["even-*"]},
        ],
        "rotation": {"every": every},
    }
    return read_fleet(json.dumps(text))


def run(vault: MemoryVault, mint: FakeEcr, now: datetime = NOW, *, clusters: int = 1, rotate: bool = False) -> Any:
    return mint_due(make_fleet(clusters), cast("Vault", vault), cast("Mint", mint), now, rotate=rotate)


def test_two_principals_cost_two_calls_whatever_the_number_of_clusters() -> None:
    ecr = FakeEcr()
    minted = run(MemoryVault(), ecr, clusters=50)
    assert sorted(ecr.asked) == sorted(minted.renewed) == [EU, US]


@pytest.mark.parametrize(
    ("age", "lifetime", "due"),
    [
        (timedelta(hours=2, minutes=59), timedelta(hours=12), False),
        (timedelta(hours=3), timedelta(hours=12), True),
        (timedelta(minutes=59), timedelta(hours=3), False),
        (timedelta(hours=1), timedelta(hours=3), True),
    ],
)
def test_what_is_due_follows_from_the_real_expiry(age: timedelta, lifetime: timedelta, due: bool) -> None:
    record = CredentialRecord(EU, NOW, NOW + lifetime, "r")
    fresh = CredentialRecord(US, NOW + age, NOW + age + timedelta(hours=12), "r")
    found = due_principals(make_fleet(), {EU: record, US: fresh}, NOW + age)
    assert [principal.id for principal in found] == ([EU] if due else [])


def test_what_is_fresh_is_not_minted_unless_asked_for_by_hand() -> None:
    vault, ecr = MemoryVault(credential(EU, NOW), credential(US, NOW)), FakeEcr()
    assert sorted(run(vault, ecr).fresh) == [EU, US]
    assert ecr.asked == []
    assert sorted(run(vault, ecr, rotate=True).renewed) == [EU, US]


BAD = [
    pytest.param(MintingFailedError("AccessDenied"), "AccessDenied", id="refused"),
    pytest.param({"expires_at": NOW - timedelta(hours=1)}, "already expired", id="expired"),
    pytest.param({"expires_at": NOW + timedelta(minutes=4)}, "would live 240 s only", id="about to expire"),
    pytest.param({"expires_at": NOW + timedelta(hours=1)}, "before the one it should replace", id="shorter-lived"),
    pytest.param({"password": ""}, "empty user name or password", id="empty password"),
    pytest.param({"password": " \n"}, "empty user name or password", id="blank password"),
    pytest.param({"username": ""}, "empty user name or password", id="empty user name"),
]


@pytest.mark.parametrize(("answer", "why"), BAD)
def test_a_bad_mint_keeps_the_old_credential_says_so_and_stops_no_other(answer: Any, why: str) -> None:
    old = credential(EU, NOW - timedelta(hours=4))
    vault = MemoryVault(old)
    minted = run(vault, FakeEcr(ecr_eu_west_1_self=answer))
    assert minted.renewed == [US]
    assert set(minted.failed) == {EU}
    assert why in minted.failed[EU]
    assert "planted" not in minted.failed[EU]
    assert vault.held[EU] is old


def test_a_vault_that_refuses_one_takes_the_other() -> None:
    minted = run(MemoryVault(refuses=EU), FakeEcr())
    assert (minted.renewed, minted.failed) == ([US], {EU: "the key is disabled"})


def test_a_failed_mint_is_tried_again_at_the_next_run() -> None:
    vault = MemoryVault(credential(EU, NOW - timedelta(hours=4)), credential(US, NOW))
    run(vault, FakeEcr(ecr_eu_west_1_self=MintingFailedError("throttled")))
    assert run(vault, FakeEcr(), NOW + timedelta(minutes=5)).renewed == [EU]


@pytest.mark.parametrize(
    ("renewed", "expected"),
    [([EU], ["even-0", "odd-1", "even-2"]), ([US], ["even-0", "even-2"]), ([], []), (["unknown"], [])],
)
def test_only_clusters_that_hold_a_renewed_credential_are_asked_for(renewed: list[str], expected: list[str]) -> None:
    fleet = make_fleet(3)
    assert concerned_clusters(fleet, [each.name for each in fleet.clusters], renewed) == expected
