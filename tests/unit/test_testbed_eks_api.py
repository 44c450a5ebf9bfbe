import base64
from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from botocore.exceptions import ClientError

from testbed.aws.eks_api import EksApi, EksCluster

ONE = EksCluster("one", "https://127.0.0.1:6443", "PEM of one", tags={"team": "a"})
FAR = EksCluster("far", "https://127.0.0.1:6444", "PEM of far", region="eu-north-1")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[EksApi]:
    with EksApi([ONE, FAR], page_size=2) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EKS", running.environment["AWS_ENDPOINT_URL_EKS"])
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield running


def test_a_cluster_is_described_with_endpoint_authority_and_tags(api: EksApi) -> None:
    cluster = boto3.Session().client("eks").describe_cluster(name="one")["cluster"]
    assert cluster["endpoint"] == "https://127.0.0.1:6443"
    assert base64.b64decode(cluster["certificateAuthority"]["data"]) == b"PEM of one"
    assert cluster["tags"] == {"team": "a"}
    assert cluster["status"] == "ACTIVE"
    assert cluster["arn"] == "arn:aws:eks:us-east-1:000000000000:cluster/one"
    assert api.calls == ["DescribeCluster"]


@pytest.mark.usefixtures("api")
def test_a_cluster_of_another_region_is_not_found() -> None:
    with pytest.raises(ClientError) as caught:
        boto3.Session().client("eks").describe_cluster(name="far")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert boto3.Session().client("eks", region_name="eu-north-1").list_clusters()["clusters"] == ["far"]


def test_clusters_come_in_pages(api: EksApi) -> None:
    for name in ("two", "three", "four", "five"):
        api.put(replace(ONE, name=name))
    pages = [page["clusters"] for page in boto3.Session().client("eks").get_paginator("list_clusters").paginate()]
    assert pages == [["five", "four"], ["one", "three"], ["two"]]


def test_a_cluster_that_is_being_made_has_no_endpoint(api: EksApi) -> None:
    api.put(replace(ONE, status="CREATING"))
    cluster = boto3.Session().client("eks").describe_cluster(name="one")["cluster"]
    assert cluster["status"] == "CREATING"
    assert "endpoint" not in cluster


def test_a_deleted_cluster_is_gone(api: EksApi) -> None:
    api.remove("one")
    assert boto3.Session().client("eks").list_clusters()["clusters"] == []
