"""ECR's answer -> Credential, or why not."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.aws import Identity
from steward.credential import CredentialRefusedError
from steward.registries.ecr import read_answer
from steward.registries.principals import Principal

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PRINCIPAL = Principal("ecr", "eu-west-1", Identity())
HOST = "https://111122223333.dkr.ecr.eu-west-1.amazonaws.com"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def entry(**fields: Any) -> dict[str, Any]:
    whole = {"authorizationToken": encoded("AWS:pw"), "expiresAt": NOW + timedelta(hours=12), "proxyEndpoint": HOST}
    return whole | fields


def answer(*entries: dict[str, Any], date: str | None = None) -> dict[str, Any]:
    headers = {"date": date} if date else {}
    return {"authorizationData": list(entries), "ResponseMetadata": {"HTTPHeaders": headers}}


@given(st.text(min_size=1))
def test_the_password_is_everything_after_the_first_colon(password: str) -> None:
    credential = read_answer(PRINCIPAL, answer(entry(authorizationToken=encoded(f"AWS:{password}"))), NOW)

    assert (credential.username, credential.password) == ("AWS", password)
    assert (credential.issued_at, credential.lifetime) == (NOW, timedelta(hours=12))


@pytest.mark.parametrize(
    ("given_answer", "flaw"),
    [
        (answer(entry(authorizationToken=encoded("AWSpw"))), "holds no colon"),
        (answer(entry(authorizationToken="not base64!")), "is not base64 of text"),
        (answer(entry(authorizationToken="QVdT OnB3")), "is not base64 of text"),
        (answer(entry(authorizationToken="\u00e4\u00e4\u00e4\u00e4")), "is not base64 of text"),
        (answer(entry(authorizationToken=base64.b64encode(b"AWS:\xff\xfe").decode())), "is not base64 of text"),
        (answer(entry(authorizationToken=encoded("AWS:pw").rstrip("=") + "x")), "is not base64 of text"),
        (answer(entry(authorizationToken=None)), "without authorizationToken or expiresAt"),
        (answer(entry(expiresAt=None)), "without authorizationToken or expiresAt"),
        (answer(entry(), entry()), "2 authorizationData entries instead of one"),
        (answer(), "0 authorizationData entries instead of one"),
        ({}, "0 authorizationData entries instead of one"),
        ({"authorizationData": ["text"]}, "1 authorizationData entries"),
        (answer(entry(proxyEndpoint=HOST.replace("eu-west-1", "us-east-1"))), "a token for us-east-1, not eu-west-1"),
        (answer(entry(), date="Thu, 01 Jan 2026 10:04:05 GMT"), "AWS says 2026-01-01T10:04:05Z"),
        (answer(entry(), date="Fri, 02 Jan 2026 20:04:05 GMT"), "AWS says 2026-01-02T20:04:05Z"),
        (answer(entry(), date="Fri, 02 Jan 2026 20:04:05 -0000"), "AWS says 2026-01-02T20:04:05Z"),
    ],
)
def test_an_answer_that_is_no_good_is_refused_and_the_old_credential_stays(
    given_answer: dict[str, Any], flaw: str
) -> None:
    with pytest.raises(CredentialRefusedError, match=flaw) as caught:
        read_answer(PRINCIPAL, given_answer, NOW)

    assert "old" in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("date", [None, "Fri, 02 Jan 2026 03:08:05 GMT", "Fri, 02 Jan 2026 03:00:05 GMT", "yesterday"])
def test_a_clock_within_five_minutes_and_a_header_that_is_no_date_are_no_reason(date: str | None) -> None:
    assert read_answer(PRINCIPAL, answer(entry(), date=date), NOW).username == "AWS"


@pytest.mark.parametrize("endpoint", ["https://registry.example", "", None])
def test_an_endpoint_that_names_no_region_is_no_reason(endpoint: str | None) -> None:
    assert read_answer(PRINCIPAL, answer(entry(proxyEndpoint=endpoint)), NOW).username == "AWS"


def test_the_expiry_is_kept_in_utc() -> None:
    local = datetime(2026, 1, 2, 20, 0, tzinfo=timezone(timedelta(hours=5)))

    assert read_answer(PRINCIPAL, answer(entry(expiresAt=local)), NOW).expires_at.isoformat() == (
        "2026-01-02T15:00:00+00:00"
    )
