from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError

from testbed.aws.sts_api import AccessKey, AssumeRoleCall, Role, StsApi

OURS = "AKIAIOSFODNN7EXAMPLE"
READER = Role("arn:aws:iam::111122223333:role/reader", external_id="agreed")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[StsApi]:
    keys = {OURS: AccessKey("test", "arn:aws:iam::000000000000:user/steward")}
    with StsApi(roles=[READER], keys=keys) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", running.environment["AWS_ENDPOINT_URL_STS"])
        yield running


def test_an_assumed_role_is_known_by_its_new_key(api: StsApi) -> None:
    request = {"RoleArn": READER.arn, "RoleSessionName": "steward", "ExternalId": "agreed"}
    found = boto3.Session().client("sts").assume_role(**request)["Credentials"]
    known = api.keys[found["AccessKeyId"]]

    assert (known.secret, known.session_token) == (found["SecretAccessKey"], found["SessionToken"])
    assumed = boto3.Session(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]).client("sts")
    assert assumed.get_caller_identity()["Arn"] == "arn:aws:sts::111122223333:assumed-role/reader/steward"
    assert api.calls == [AssumeRoleCall(READER.arn, "steward", "agreed", OURS)]


@pytest.mark.parametrize("named", [{"ExternalId": "guessed"}, {}])
def test_another_external_id_is_refused(api: StsApi, named: dict[str, str]) -> None:
    request = {"RoleArn": READER.arn, "RoleSessionName": "steward", **named}
    with pytest.raises(ClientError, match=r"AccessDenied.*not authorized to perform: sts:AssumeRole"):
        boto3.Session().client("sts").assume_role(**request)
    assert api.keys.keys() == {OURS}


@pytest.mark.usefixtures("api")
def test_an_unknown_role_is_refused() -> None:
    other = "arn:aws:iam::111122223333:role/other"
    with pytest.raises(ClientError, match="AccessDenied"):
        boto3.Session().client("sts").assume_role(RoleArn=other, RoleSessionName="steward")


@pytest.mark.usefixtures("api")
def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        boto3.Session("AKIASTRANGER", "x").client("sts").get_caller_identity()
