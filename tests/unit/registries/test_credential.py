"""When a credential is due, and which one must not replace another."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.credential import Credential, CredentialRecord, CredentialRefusedError, is_due, refuse_unfit

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LIFETIMES = st.timedeltas(min_value=timedelta(seconds=3), max_value=timedelta(days=400))
PERIODS = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=400))
GOOD = Credential("ecr-eu-west-1-self", "AWS", "s3cret", NOW, NOW + timedelta(hours=12), "r-1")


def record(lifetime: timedelta) -> CredentialRecord:
    return CredentialRecord("p", NOW, NOW + lifetime, "r-1")


@given(LIFETIMES, PERIODS)
def test_two_more_tries_are_left_before_any_expiry(lifetime: timedelta, every: timedelta) -> None:
    first = min(every, lifetime / 3)

    assert is_due(record(lifetime), every, NOW + first)
    assert first + 2 * min(every, lifetime / 3) <= lifetime + timedelta(microseconds=2)


@given(LIFETIMES, PERIODS, st.floats(0, 0.99))
def test_nothing_is_minted_before_its_time_nor_left_after_it(
    lifetime: timedelta, every: timedelta, part: float
) -> None:
    due = min(every, lifetime / 3)

    assert is_due(record(lifetime), every, NOW + due * part) is (due * part >= due)
    assert is_due(record(lifetime), every, NOW + due / 0.9)


def test_a_record_that_is_over_is_due() -> None:
    assert is_due(record(timedelta(hours=-1)), timedelta(days=1), NOW)


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"username": ""}, "empty user name or password"),
        ({"password": ""}, "empty user name or password"),
        ({"password": " \n"}, "empty user name or password"),
        ({"expires_at": NOW - timedelta(hours=17)}, r"already expired at 2026-01-01T10:04:05Z.*clock"),
        ({"expires_at": NOW}, "already expired"),
        ({"expires_at": NOW + timedelta(seconds=299)}, "it would live 299 s only, less than 300 s"),
        ({"expires_at": NOW + timedelta(hours=1)}, "before the one it should replace"),
    ],
)
def test_an_unfit_credential_is_refused_by_name_and_without_its_password(changes: dict[str, object], flaw: str) -> None:
    current = record(timedelta(hours=2))

    with pytest.raises(CredentialRefusedError, match=flaw) as caught:
        refuse_unfit(replace(GOOD, **changes), current, NOW)  # type: ignore[arg-type]

    assert "ecr-eu-west-1-self" in str(caught.value)
    assert "kept the old one" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("current", [None, record(timedelta(hours=12)), record(timedelta(hours=-3))])
def test_a_credential_at_least_as_good_is_let_through(current: CredentialRecord | None) -> None:
    refuse_unfit(GOOD, current, NOW)

    assert CredentialRecord.of(GOOD).revision == "r-1"


def test_a_record_holds_no_password() -> None:
    assert not hasattr(CredentialRecord.of(GOOD), "password")
    assert CredentialRecord.of(GOOD).expires_at == GOOD.expires_at
