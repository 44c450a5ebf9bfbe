import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from steward.aws import Identity
from steward.cluster.eks import eks_token
from testbed.aws.sts_api import AccessKey
from testbed.aws.token_webhook import (
    TokenRefusedError,
    TokenVerifier,
    TokenWebhook,
    User,
    by_known_keys,
    principal,
)

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "test"
ARN = "arn:aws:iam::000000000000:user/steward"
HOST = "https://sts.eu-west-1.amazonaws.com"
QUERY = "Action=GetCallerIdentity&Version=2011-06-15"
SESSION = AccessKey("of-the-session", "arn:aws:sts::111122223333:assumed-role/team/reader/s1", "session-token")


def presign(  # noqa: PLR0913 - each part may be wrong
    *,
    cluster: str = "prod",
    host: str = HOST,
    query: str = QUERY,
    expires: int = 60,
    key: Credentials | None = None,
    headers: dict[str, str] | None = None,
    region: str = "eu-west-1",
    path: str = "/",
) -> str:
    """A presigned GetCallerIdentity, as a client would make it that is right in all but what is given."""
    request = AWSRequest(
        "GET", f"{host}{path}?{query}", headers={"x-k8s-aws-id": cluster} if headers is None else headers
    )
    SigV4QueryAuth(key or Credentials(KEY, SECRET), "sts", region, expires=expires).add_auth(request)
    return str(request.url)


def encode(url: str) -> str:
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).rstrip(b"=").decode()


def verifier(cluster: str = "prod", now: Callable[[], datetime] | None = None, **options: Any) -> TokenVerifier:
    keys = {KEY: AccessKey(SECRET, ARN), "ASIASESSION": SESSION}
    entries = {ARN: ["kubesteward"], "arn:aws:iam::111122223333:role/team/reader": ["readers"]}
    return TokenVerifier(
        cluster, identify=by_known_keys(keys), access_entries=entries, now=now or (lambda: datetime.now(UTC)), **options
    )


def refusal(token: str, **options: Any) -> str:
    with pytest.raises(TokenRefusedError) as caught:
        verifier(**options).verify(token)
    return str(caught.value)


def test_the_stewards_own_token_is_accepted() -> None:
    token = eks_token("prod", "eu-west-1", Identity())
    assert verifier().verify(token) == User(ARN, ["kubesteward"])


def test_a_right_token_is_accepted() -> None:
    assert verifier().verify(encode(presign())) == User(ARN, ["kubesteward"])


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("https://sts.amazonaws.com", "us-east-1"),
        ("https://sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("https://sts-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
    ],
)
def test_every_sts_host_is_accepted(host: str, region: str) -> None:
    assert verifier().verify(encode(presign(host=host, region=region))).name == ARN


def test_an_assumed_role_gets_its_access_entrys_groups() -> None:
    key = Credentials("ASIASESSION", SESSION.secret, SESSION.session_token)
    assert verifier().verify(encode(presign(key=key))) == User(SESSION.arn, ["readers"])


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:sts::1:assumed-role/reader/s1", "arn:aws:iam::1:role/reader"),
        ("arn:aws:sts::1:assumed-role/a/path/reader/s1", "arn:aws:iam::1:role/a/path/reader"),
        ("arn:aws:iam::1:root", "arn:aws:iam::1:root"),
    ],
)
def test_an_access_entry_names_the_role_not_its_session(arn: str, expected: str) -> None:
    assert principal(arn) == expected


def test_a_token_for_another_cluster_is_refused() -> None:
    token = encode(presign(cluster="staging"))
    assert refusal(token) == "the signature is not one for cluster prod by this key's secret"
    assert verifier("staging").verify(token).name == ARN


def test_another_secret_is_refused() -> None:
    assert "signature" in refusal(encode(presign(key=Credentials(KEY, "guessed"))))


def test_an_unknown_access_key_is_refused() -> None:
    assert refusal(encode(presign(key=Credentials("AKIAOTHER", SECRET)))) == "access key AKIAOTHER is not known"


def test_a_session_without_its_session_token_is_refused() -> None:
    assert "X-Amz-Security-Token" in refusal(encode(presign(key=Credentials("ASIASESSION", SESSION.secret))))


def test_padding_is_refused() -> None:
    url = presign()
    url += "&" * (-(len(url) + 1) % 3 + 1) if len(url) % 3 == 0 else ""
    padded = "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode()
    assert padded.endswith("=")
    assert refusal(padded) == "the token is not base64url without padding"


def test_the_standard_base64_alphabet_is_refused() -> None:
    assert refusal("k8s-aws-v1.aGk+aGk/") == "the token is not base64url without padding"


@pytest.mark.parametrize("token", ["k8s-aws-v1.A", "k8s-aws-v1." + "_" * 8])
def test_what_is_no_url_is_refused(token: str) -> None:
    assert refusal(token) == "the token is not base64url of a URL"


def test_another_prefix_is_refused() -> None:
    assert "does not begin with k8s-aws-v1." in refusal(encode(presign()).replace("v1", "v2", 1))


def test_a_token_of_more_than_4096_characters_is_refused() -> None:
    assert "more than 4096" in refusal("k8s-aws-v1." + "a" * 4096)


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (timedelta(minutes=15, seconds=2), "older than 15 minutes"),
        (timedelta(hours=17), "older than 15 minutes"),
        (timedelta(seconds=-30), "in the future"),
        (timedelta(hours=-17), "in the future"),
    ],
)
def test_a_date_that_is_not_of_the_last_15_minutes_is_refused(age: timedelta, reason: str) -> None:
    token = encode(presign())
    assert reason in refusal(token, now=lambda: datetime.now(UTC) + age)


def test_a_token_lives_for_15_minutes_whatever_it_says() -> None:
    token = encode(presign())
    assert verifier(now=lambda: datetime.now(UTC) + timedelta(minutes=14)).verify(token).name == ARN


@pytest.mark.parametrize("expires", [61, 900])
def test_more_than_60_seconds_are_refused(expires: int) -> None:
    assert refusal(encode(presign(expires=expires))) == f"X-Amz-Expires is {expires}, not 0 to 60"


@pytest.mark.parametrize("headers", [{}, {"x-k8s-aws-id": "prod", "accept": "application/json"}])
def test_other_signed_headers_are_refused(headers: dict[str, str]) -> None:
    assert "not host;x-k8s-aws-id" in refusal(encode(presign(headers=headers)))


@pytest.mark.parametrize(
    "host", ["https://sts.evil.example", "https://evil.sts.eu-west-1.amazonaws.com", "http://sts.amazonaws.com"]
)
def test_another_host_is_refused(host: str) -> None:
    assert "not an STS host" in refusal(encode(presign(host=host)))


def test_another_region_than_the_hosts_is_refused() -> None:
    assert refusal(encode(presign(region="us-east-1"))) == "the host is of eu-west-1, the signature for us-east-1"


def test_the_emulated_sts_is_accepted_where_it_is_named() -> None:
    token = encode(presign(host="http://127.0.0.1:4566"))
    assert verifier(hosts=["127.0.0.1:4566"]).verify(token).name == ARN
    assert "not an STS host" in refusal(token)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("Action=AssumeRole&Version=2011-06-15", "Action is AssumeRole"),
        (QUERY + "&RoleArn=x", "unexpected query parameters: RoleArn"),
    ],
)
def test_another_question_is_refused(query: str, reason: str) -> None:
    assert reason in refusal(encode(presign(query=query)))


def test_a_parameter_that_comes_twice_is_refused() -> None:
    assert refusal(encode(presign() + "&Action=GetCallerIdentity")) == "a query parameter comes twice"


def test_another_path_is_refused() -> None:
    assert refusal(encode(presign(path="/other"))) == "the path is /other, not /"


@pytest.mark.parametrize("name", ["Action", "Version", "X-Amz-Date", "X-Amz-Credential", "X-Amz-Signature"])
def test_a_token_that_was_changed_after_signing_is_refused(name: str) -> None:
    parts = presign().partition("?")
    changed = [part if not part.startswith(f"{name}=") else f"{part}0" for part in parts[2].split("&")]
    assert refusal(encode(f"{parts[0]}?{'&'.join(changed)}"))


@pytest.mark.parametrize(
    "name", ["X-Amz-Date", "X-Amz-Expires", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature"]
)
def test_a_token_that_lacks_a_parameter_is_refused(name: str) -> None:
    parts = presign().partition("?")
    kept = [part for part in parts[2].split("&") if not part.startswith(f"{name}=")]
    assert refusal(encode(f"{parts[0]}?{'&'.join(kept)}"))


def test_who_has_no_access_entry_is_refused() -> None:
    nobody = TokenVerifier("prod", identify=by_known_keys({KEY: AccessKey(SECRET, ARN)}), access_entries={})
    with pytest.raises(TokenRefusedError, match="has no access entry in cluster prod"):
        nobody.verify(encode(presign()))


def review(webhook: TokenWebhook, token: str) -> dict[str, Any]:
    document = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    answered: dict[str, Any] = urllib3.request("POST", webhook.endpoint_url, json=document, timeout=5).json()
    return answered


def test_the_webhook_answers_a_token_review() -> None:
    with TokenWebhook(verifier()) as webhook:
        accepted, refused = review(webhook, encode(presign())), review(webhook, encode(presign(expires=900)))

    assert (accepted["apiVersion"], accepted["kind"]) == ("authentication.k8s.io/v1", "TokenReview")
    assert accepted["status"] == {"authenticated": True, "user": {"username": ARN, "groups": ["kubesteward"]}}
    assert refused["status"] == {"authenticated": False, "error": "X-Amz-Expires is 900, not 0 to 60"}
    assert webhook.refusals == ["X-Amz-Expires is 900, not 0 to 60"]


def test_the_webhook_configuration_names_the_running_webhook(tmp_path: Path) -> None:
    with TokenWebhook(verifier()) as webhook:
        written = json.loads(webhook.config_file(tmp_path / "webhook.json").read_text())
        assert written["clusters"][0]["cluster"]["server"].startswith(webhook.endpoint_url)
    assert written["current-context"] == written["contexts"][0]["name"]
