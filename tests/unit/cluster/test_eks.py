"""EKS: the token it takes, and where its clusters answer."""

import base64
from collections.abc import Iterator
from os import environ
from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest

from steward.aws import Identity
from steward.cluster import eks
from steward.cluster.eks import EksClusterMissingError, EksUnavailableError, eks_access, eks_token
from steward.errors import PermanentError, TemporaryError
from testbed.aws.eks_api import EksApi, EksCluster
from tests.unit.role_server import Role, RoleServer

ROLE = "arn:aws:iam::111122223333:role/cluster"
OWN = Identity()
REGION = "eu-west-1"
CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def cluster(name: str, **fields: str) -> EksCluster:
    return EksCluster(name, f"https://{name}.eks.example", CA, region=REGION, **fields)  # type: ignore[arg-type]


@pytest.fixture
def api() -> Iterator[EksApi]:
    with (
        EksApi([cluster("prod"), cluster("new", status="CREATING")]) as served,
        patch.dict(environ, served.environment),
    ):
        yield served


@pytest.fixture
def sts() -> Iterator[RoleServer]:
    with RoleServer([Role(ROLE, "k-1")]) as served, patch.dict(environ, served.environment):
        yield served


def decoded(token: str) -> tuple[str, dict[str, str]]:
    """As aws-iam-authenticator reads it: prefix, base64url without padding, a URL with its signature."""
    prefix, _, encoded = token.partition("k8s-aws-v1.")
    assert prefix == ""
    assert "=" not in encoded
    url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    return f"{url.scheme}://{url.netloc}{url.path}", {name: values[0] for name, values in parse_qs(url.query).items()}


def test_a_token_is_a_presigned_request_that_names_the_cluster_in_a_signed_header() -> None:
    where, query = decoded(eks_token("prod", REGION, OWN))

    assert where == "https://sts.eu-west-1.amazonaws.com/"
    assert (query["Action"], query["Version"]) == ("GetCallerIdentity", "2011-06-15")
    assert query["X-Amz-SignedHeaders"].split(";") == ["host", "x-k8s-aws-id"]
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert query["X-Amz-Credential"].startswith(f"{environ['AWS_ACCESS_KEY_ID']}/")
    assert query["X-Amz-Credential"].endswith("/eu-west-1/sts/aws4_request")
    assert query["X-Amz-Expires"] == "60"
    assert len(query["X-Amz-Signature"]) == 64
    assert set(query) <= {"Action", "Version"} | {name for name in query if name.startswith("X-Amz-")}


def test_the_clusters_name_is_part_of_what_is_signed() -> None:
    signatures = {decoded(eks_token(name, REGION, OWN))[1]["X-Amz-Signature"] for name in ("prod", "edge")}

    assert len(signatures) == 2


def test_an_assumed_role_signs_with_its_own_keys(sts: RoleServer) -> None:
    _, query = decoded(eks_token("prod", REGION, Identity(ROLE, "k-1")))

    assert query["X-Amz-Credential"].startswith("ASIA0000000000000001/")
    assert query["X-Amz-Security-Token"] == "token-1"
    assert sts.calls == [Role(ROLE, "k-1")]


def test_a_role_that_may_not_be_assumed_is_no_bare_boto_error(sts: RoleServer) -> None:
    with pytest.raises(EksUnavailableError, match="token for EKS cluster prod in eu-west-1: AssumeRole: AccessDenied"):
        eks_token("prod", REGION, Identity(ROLE))


def test_without_any_keys_the_token_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    with pytest.raises(EksUnavailableError, match="credentials"):
        eks_token("prod", REGION, OWN)


def test_endpoint_authority_and_token_come_from_aws(api: EksApi) -> None:
    access = eks_access("prod", REGION, OWN)

    assert (access.server, access.ca) == ("https://prod.eks.example", CA)
    assert access.token is not None
    assert access.token().startswith("k8s-aws-v1.")
    assert api.calls == ["DescribeCluster"]
    assert access.token() not in repr(access)


def test_a_missing_cluster_says_which_field_to_correct(api: EksApi) -> None:
    with pytest.raises(EksClusterMissingError, match=r"EKS cluster nope in eu-west-1: .*Correct eks\.name") as caught:
        eks_access("nope", REGION, OWN)

    assert isinstance(caught.value, PermanentError)


@pytest.mark.parametrize("status", ["CREATING", "DELETING", "FAILED"])
def test_a_cluster_that_is_not_ready_says_so(api: EksApi, status: str) -> None:
    api.put(cluster("prod", status=status))

    with pytest.raises(EksClusterMissingError, match=f"EKS cluster prod in eu-west-1 is {status}"):
        eks_access("prod", REGION, OWN)


def test_an_eks_that_refuses_is_told_in_its_own_words(api: EksApi, sts: RoleServer) -> None:
    with pytest.raises(EksUnavailableError, match="EKS cluster prod in eu-west-1: AssumeRole: AccessDenied") as caught:
        eks_access("prod", REGION, Identity(ROLE, "wrong"))

    assert isinstance(caught.value, TemporaryError)


def test_a_token_is_made_again_before_eks_stops_taking_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now, made = [1000.0], list[int]()
    monkeypatch.setattr("steward.cluster.eks.time", SimpleNamespace(monotonic=lambda: now[0]))

    def make() -> str:
        made.append(1)
        return f"token-{len(made)}"

    token = eks._cached(make)

    assert [token(), token()] == ["token-1", "token-1"]
    now[0] += 14 * 60
    assert token() == "token-1"
    now[0] += 1
    assert token() == "token-2"
