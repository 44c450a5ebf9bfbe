"""The clusters of a fleet: declared, discovered over every page, and how each is reached."""

import json
from collections.abc import Iterator
from os import environ
from typing import Any
from unittest.mock import patch

import pytest

from steward import aws
from steward.aws import Identity
from steward.cluster.eks import EksUnavailableError, discover
from steward.cluster.fleet_access import connect, expand
from steward.fleet import Fleet, read_fleet
from testbed.aws.eks_api import EksApi, EksCluster
from tests.unit.role_server import Role, RoleServer

ROLES = ["arn:aws:iam::111122223333:role/a", "arn:aws:iam::444455556666:role/b"]
WEST, NORTH = "eu-west-1", "eu-north-1"
OWN = Identity()


def served(name: str, region: str = WEST, **tags: str) -> EksCluster:
    return EksCluster(name, f"https://{name}.eks.example", "CA", region=region, tags=tags)


@pytest.fixture
def api() -> Iterator[EksApi]:
    with EksApi(page_size=3) as eks, patch.dict(environ, eks.environment):
        yield eks


@pytest.fixture
def sts() -> Iterator[RoleServer]:
    with RoleServer(map(Role, ROLES)) as keys, patch.dict(environ, keys.environment):
        yield keys


def fleet(*discover: dict[str, Any], clusters: tuple[dict[str, Any], ...] = ()) -> Fleet:
    registries = [{"name": "p", "ecrPublic": {}}]
    secrets = [{"name": "s", "registries": ["p"]}]
    whole = {"clusters": clusters, "discover": discover, "registries": registries, "pullSecrets": secrets}
    return read_fleet(json.dumps(whole))


def test_every_page_is_read_and_nobody_described_without_need(api: EksApi) -> None:
    for index in range(10):
        api.put(served(f"c{index}"))

    assert list(discover(WEST, OWN, {})) == [f"c{index}" for index in range(10)]
    assert api.calls == ["ListClusters"] * 4


def test_only_clusters_with_all_the_tags_are_found(api: EksApi) -> None:
    api.put(served("both", team="a", env="prod", more="x"))
    api.put(served("one", team="a"))
    api.put(served("other", team="a", env="test"))
    api.put(served("none"))

    assert list(discover(WEST, OWN, {"team": "a", "env": "prod"})) == ["both"]
    assert list(discover(WEST, OWN, {"team": "a"})) == ["both", "one", "other"]


def test_a_cluster_deleted_while_it_is_looked_at_hides_no_other(api: EksApi, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        api.put(served(name, team="x"))
    client = aws.client("eks", WEST, OWN)
    describe = client.describe_cluster

    def delete_first(name: str) -> Any:
        if name == "b":
            api.remove("b", WEST)
        return describe(name=name)

    monkeypatch.setattr(client, "describe_cluster", delete_first)

    assert list(discover(WEST, OWN, {"team": "x"})) == ["a", "c"]


def test_discovered_clusters_are_named_after_their_region_and_keep_their_role(api: EksApi, sts: RoleServer) -> None:
    api.put(served("Prod_1"))
    api.put(served("prod", NORTH))

    found, errors = expand(fleet({"regions": [WEST, NORTH], "role": ROLES[0]}))

    assert [(one.name, one.eks and one.eks.name, one.eks and one.eks.region) for one in found] == [
        ("eu-west-1-Prod_1", "Prod_1", WEST),
        ("eu-north-1-prod", "prod", NORTH),
    ]
    assert {one.eks and one.eks.role for one in found} == {ROLES[0]}
    assert errors == []


def test_what_is_declared_wins_over_what_is_discovered(api: EksApi) -> None:
    api.put(served("prod"))
    declared = {"name": "eu-west-1-prod", "eks": {"name": "prod", "region": WEST, "externalId": "k-1"}}

    found, errors = expand(fleet({"regions": [WEST]}, clusters=(declared,)))

    assert [one.eks and one.eks.external_id for one in found] == ["k-1"]
    assert errors == []


def test_two_accounts_with_a_cluster_of_one_name_are_not_mixed_up_in_silence(api: EksApi, sts: RoleServer) -> None:
    api.put(served("prod"))
    rules = [{"regions": [WEST], "role": role} for role in ROLES]

    found, errors = expand(fleet(*rules))

    assert [one.eks and one.eks.role for one in found] == [ROLES[0]]
    assert len(errors) == 1
    assert "eu-west-1-prod" in errors[0]
    assert all(role in errors[0] for role in ROLES)


def test_a_cluster_that_two_rules_of_one_role_find_is_one_cluster(api: EksApi) -> None:
    api.put(served("prod", team="a"))

    found, errors = expand(fleet({"regions": [WEST]}, {"regions": [WEST], "tags": {"team": "a"}}))

    assert (len(found), errors) == (1, [])


def test_a_region_that_cannot_be_listed_hides_only_its_own_clusters(api: EksApi, sts: RoleServer) -> None:
    api.put(served("prod"))

    found, errors = expand(fleet({"regions": [NORTH], "role": ROLES[0] + "-gone"}, {"regions": [WEST]}))

    assert [one.name for one in found] == ["eu-west-1-prod"]
    assert len(errors) == 1
    assert errors[0].startswith("EKS clusters of eu-north-1: AssumeRole: AccessDenied")


def test_a_listing_that_fails_is_temporary(sts: RoleServer) -> None:
    with pytest.raises(EksUnavailableError, match="EKS clusters of eu-west-1"):
        list(discover(WEST, Identity(ROLES[0] + "-gone"), {}))


def test_a_cluster_by_address_reads_its_token_when_it_is_asked() -> None:
    server = {"url": "https://edge.example:6443", "ca": "PEM", "tokenSecret": "edge-token"}
    (declared,) = fleet(clusters=({"name": "edge", "server": server},)).clusters
    asked: list[str] = []

    cluster = connect(declared, lambda name: asked.append(name) or "tok")  # type: ignore[func-returns-value]

    assert asked == []
    assert (cluster.name, cluster._access.server, cluster._access.ca) == ("edge", "https://edge.example:6443", "PEM")
    assert cluster._access.token is not None
    assert (cluster._access.token(), asked) == ("tok", ["edge-token"])


def test_an_eks_cluster_is_described_when_it_is_connected(api: EksApi) -> None:
    api.put(served("prod"))
    (declared,) = fleet(clusters=({"name": "a", "eks": {"name": "prod", "region": WEST}},)).clusters

    cluster = connect(declared, lambda name: pytest.fail(f"read {name}"))

    assert cluster._access.server == "https://prod.eks.example"
