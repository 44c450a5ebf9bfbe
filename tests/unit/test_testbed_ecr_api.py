import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from testbed.aws.ecr_api import EcrAnswer, EcrApi, EcrCall

ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[EcrApi]:
    with EcrApi() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def test_a_token_is_fresh_right_and_lives_for_twelve_hours(api: EcrApi) -> None:
    ecr = boto3.Session().client("ecr", region_name="eu-central-1")
    first, second = (ecr.get_authorization_token()["authorizationData"] for _ in range(2))

    assert len(first) == 1
    assert base64.b64decode(first[0]["authorizationToken"]).startswith(b"AWS:")
    assert first[0]["authorizationToken"] != second[0]["authorizationToken"]
    assert first[0]["proxyEndpoint"] == "https://000000000000.dkr.ecr.eu-central-1.amazonaws.com"
    left = first[0]["expiresAt"] - datetime.now(UTC)
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)


def test_calls_are_counted_with_who_signed_them_for_where(api: EcrApi) -> None:
    boto3.Session().client("ecr", region_name="eu-central-1").get_authorization_token()
    boto3.Session().client("ecr-public", region_name="us-east-1").get_authorization_token()

    key = "AKIAIOSFODNN7EXAMPLE"
    assert api.calls == [EcrCall("ecr", key, "eu-central-1"), EcrCall("ecr-public", key, "us-east-1")]


def test_ecr_public_answers_one_object_without_proxy_endpoint(api: EcrApi) -> None:
    data = boto3.Session().client("ecr-public", region_name="us-east-1").get_authorization_token()["authorizationData"]
    assert data.keys() == {"authorizationToken", "expiresAt"}


@pytest.mark.parametrize("count", [0, 2])
def test_there_may_be_none_or_two_authorization_data(api: EcrApi, count: int) -> None:
    api.answer_with = EcrAnswer(entries=count)
    assert len(boto3.Session().client("ecr").get_authorization_token()["authorizationData"]) == count


def test_any_text_can_be_the_token(api: EcrApi) -> None:
    api.answer_with = EcrAnswer(token="not base64!", expires_at=datetime(2015, 1, 1, tzinfo=UTC))
    data = boto3.Session().client("ecr").get_authorization_token()["authorizationData"][0]
    assert data["authorizationToken"] == "not base64!"
    assert data["expiresAt"] == datetime(2015, 1, 1, tzinfo=UTC)


def test_throttling_passes_after_so_many_calls(api: EcrApi) -> None:
    api.first_answer(EcrAnswer(error="ThrottlingException"), times=2)
    ecr = boto3.Session().client("ecr", config=ONCE)
    for _ in range(2):
        with pytest.raises(ClientError, match=r"ThrottlingException.*Rate exceeded"):
            ecr.get_authorization_token()
    assert len(ecr.get_authorization_token()["authorizationData"]) == 1
    assert len(api.calls) == 3


def test_botocore_itself_tries_again_when_throttled(api: EcrApi) -> None:
    api.first_answer(EcrAnswer(error="ThrottlingException"))
    boto3.Session().client("ecr", config=Config(retries={"mode": "standard"})).get_authorization_token()
    assert len(api.calls) == 2


def test_an_expired_token_exception_reaches_the_caller(api: EcrApi) -> None:
    api.answer_with = EcrAnswer(error="ExpiredTokenException")
    with pytest.raises(ClientError) as caught:
        boto3.Session().client("ecr", config=ONCE).get_authorization_token()
    assert caught.value.response["Error"]["Code"] == "ExpiredTokenException"


def test_the_date_header_is_the_servers_clock(api: EcrApi) -> None:
    then = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    api.answer_with = EcrAnswer(date=then)
    answer = boto3.Session().client("ecr").get_authorization_token()
    assert parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]) == then
    assert answer["authorizationData"][0]["expiresAt"] == then + timedelta(hours=12)


def test_another_operation_is_refused(api: EcrApi) -> None:
    with pytest.raises(ClientError, match="UnknownOperationException"):
        boto3.Session().client("ecr", config=ONCE).describe_registry()
    assert api.calls == []
