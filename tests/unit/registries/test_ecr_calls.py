"""GetAuthorizationToken over the wire: what is asked, how often, and what becomes of a refusal."""

from datetime import UTC, datetime, timedelta

import pytest

from steward.aws import Identity
from steward.credential import CredentialRefusedError
from steward.errors import PermanentError, TemporaryError
from steward.registries.ecr import MintFailedError, mint
from steward.registries.principals import Principal
from testbed.aws.ecr_api import EcrAnswer, EcrApi

OWN = Principal("ecr", "eu-west-1", Identity())
PUBLIC = Principal("ecr-public", "us-east-1", Identity())


def now() -> datetime:
    return datetime.now(UTC)


def test_a_credential_carries_the_password_and_the_expiry_that_aws_gave(ecr: EcrApi) -> None:
    expires = datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
    ecr.answer_with = EcrAnswer(password="a:b::c", expires_at=expires)

    credential = mint(OWN, now())

    assert (credential.username, credential.password) == ("AWS", "a:b::c")
    assert credential.expires_at == expires
    assert credential.principal == "ecr-eu-west-1-self"
    assert [(call.service, call.region) for call in ecr.calls] == [("ecr", "eu-west-1")]


def test_a_token_of_real_length_is_taken_whole_and_every_minting_has_its_revision(ecr: EcrApi) -> None:
    one, other = mint(OWN, now()), mint(OWN, now())

    assert len(one.password) > 2700
    assert one.password != other.password
    assert one.revision != other.revision
    assert len(ecr.calls) == 2


def test_ecr_public_is_asked_in_us_east_1_and_answers_one_object(ecr: EcrApi) -> None:
    ecr.answer_with = EcrAnswer(password="s3cret")

    assert mint(PUBLIC, now()).password == "s3cret"
    assert [(call.service, call.region) for call in ecr.calls] == [("ecr-public", "us-east-1")]


def test_throttling_is_waited_out(ecr: EcrApi, waits: list[float]) -> None:
    ecr.first_answer(EcrAnswer(error="ThrottlingException"), times=4)

    assert mint(OWN, now()).username == "AWS"
    assert len(ecr.calls) == 5
    assert len(waits) == 4


def test_throttling_that_does_not_end_is_left_to_the_next_run(ecr: EcrApi, waits: list[float]) -> None:
    ecr.answer_with = EcrAnswer(error="ThrottlingException")

    with pytest.raises(MintFailedError, match=r"Rate exceeded.*The old one stays; the next run tries again") as caught:
        mint(OWN, now())

    assert isinstance(caught.value, TemporaryError)
    assert len(ecr.calls) == len(waits) + 1 == 7


@pytest.mark.parametrize(
    ("principal", "advice"),
    [
        (OWN, "allow ecr:GetAuthorizationToken for the function's own role"),
        (PUBLIC, "allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken for the function's own role"),
    ],
)
def test_access_denied_names_what_to_allow(ecr: EcrApi, principal: Principal, advice: str) -> None:
    ecr.answer_with = EcrAnswer(error="AccessDeniedException")

    with pytest.raises(MintFailedError, match="AccessDeniedException") as caught:
        mint(principal, now())

    assert str(caught.value).endswith(advice)
    assert len(ecr.calls) == 1


@pytest.mark.parametrize("hours", [17, -17])
def test_a_clock_that_is_off_is_told_by_the_date_header(ecr: EcrApi, hours: int) -> None:
    ecr.answer_with = EcrAnswer(date=now() + timedelta(hours=hours))

    with pytest.raises(CredentialRefusedError, match=r"this clock says .* AWS says .*Set the clock"):
        mint(OWN, now())


def test_a_signature_that_is_refused_for_its_age_is_a_matter_of_the_clock_too(ecr: EcrApi) -> None:
    ecr.answer_with = EcrAnswer(error="InvalidSignatureException")

    with pytest.raises(MintFailedError, match="set this machine's clock"):
        mint(OWN, now())


def test_an_unreachable_endpoint_is_a_failure_of_this_time_only(
    monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:9")

    with pytest.raises(MintFailedError, match="check the network, the region's endpoint"):
        mint(OWN, now())


@pytest.mark.parametrize(
    "answer",
    [
        EcrAnswer(token="QVdTOnMzY3JldA==", entries=2),
        EcrAnswer(token="czNjcmV0"),
        EcrAnswer(token="%s3cret%"),
        EcrAnswer(password="s3cret", proxy_endpoint="https://111122223333.dkr.ecr.us-east-1.amazonaws.com"),
    ],
)
def test_a_refused_answer_is_permanent_and_shows_nothing_of_the_token(ecr: EcrApi, answer: EcrAnswer) -> None:
    ecr.answer_with = answer

    with pytest.raises(CredentialRefusedError) as caught:
        mint(OWN, now())

    assert isinstance(caught.value, PermanentError)
    assert "ecr-eu-west-1-self" in str(caught.value)
    for shown in ("s3cret", "QVdTOnMzY3JldA", "czNjcmV0"):
        assert shown not in str(caught.value)
