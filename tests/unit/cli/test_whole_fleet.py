"""Without a kubeconfig: every cluster of the fleet by its own access, at the same time, each with its own fate."""

import json
from collections.abc import Iterator

import pytest
from moto import mock_aws

from steward import aws
from steward.fleet import read_fleet
from steward.registries.ecr import mint
from steward_cli.minting import Minting, MintUnsuccessfulError, least_remaining
from testbed.aws.ecr_api import EcrAnswer, EcrApi
from testbed.embedded_api import EmbeddedApi
from tests.unit.cli.conftest import FLEET, Steward

REST = FLEET[FLEET.index("registries:") :]


@pytest.fixture
def till() -> Iterator[EmbeddedApi]:
    with EmbeddedApi() as till:
        yield till


@pytest.fixture
def fleet_of_two(steward: Steward, api: EmbeddedApi, till: EmbeddedApi) -> Iterator[Steward]:
    clusters = [
        {"name": name, "server": {"url": one.url, "tokenSecret": f"kubesteward/kubesteward/clusters/{name}"}}
        for name, one in {"shop": api, "till": till}.items()
    ]
    steward.fleet.write_text(f"clusters: {json.dumps(clusters)}\n{REST}")
    with mock_aws():
        for name, one in {"shop": api, "till": till}.items():
            aws.client("secretsmanager").create_secret(
                Name=f"kubesteward/kubesteward/clusters/{name}", SecretString=one.token
            )
        yield steward


def test_all_clusters_share_one_token(fleet_of_two: Steward, api: EmbeddedApi, till: EmbeddedApi, ecr: EcrApi) -> None:
    result = fleet_of_two.run("apply", "--fleet", fleet_of_two.fleet)
    assert (result.exit_code, len(ecr.calls)) == (0, 1)
    assert result.stdout.splitlines()[-1] == "2 clusters: 4 created, 4 updated"
    assert api.secret("default", "pull") == till.secret("default", "pull")


def test_only_the_named_cluster_is_touched(fleet_of_two: Steward, api: EmbeddedApi, till: EmbeddedApi) -> None:
    assert fleet_of_two.run("apply", "--fleet", fleet_of_two.fleet, "--cluster", "till").exit_code == 0
    assert (api.requests, till.secret("default", "pull") is not None) == ((), True)


def test_a_dead_cluster_stops_no_other(fleet_of_two: Steward, api: EmbeddedApi, till: EmbeddedApi) -> None:
    api.revoke(api.token)
    result = fleet_of_two.run("apply", "--fleet", fleet_of_two.fleet, "--json")
    first, second = json.loads(result.stdout)["clusters"]
    assert result.exit_code == 1
    assert (first["cluster"], first["counts"]) == ("shop", {"failed": 1})
    assert (second["cluster"], second["counts"]) == ("till", {"created": 1, "updated": 1})
    assert till.secret("default", "pull") is not None


def test_a_missing_bearer_token_is_named(fleet_of_two: Steward) -> None:
    aws.client("secretsmanager").delete_secret(SecretId="kubesteward/kubesteward/clusters/shop")
    result = fleet_of_two.run("plan", "--fleet", fleet_of_two.fleet)
    assert result.exit_code == 1
    assert "kubesteward/kubesteward/clusters/shop" in result.stdout
    assert result.stdout.splitlines()[-1] == "2 clusters: 1 created, 1 failed, 1 updated"


def test_a_refused_principal_is_asked_once(ecr: EcrApi) -> None:
    ecr.answer_with = EcrAnswer(error="AccessDeniedException")
    minting = Minting(read_fleet(FLEET), mint)
    for _ in range(3):
        with pytest.raises(MintUnsuccessfulError, match="AccessDeniedException"):
            minting.read("ecr-eu-west-1-self")
    assert len(ecr.calls) == 1


@pytest.mark.parametrize(("every", "hours"), [("30m", 4), ("3h", 4), ("5h", 5)])
def test_what_lies_there_must_last_a_third_and_until_the_next_rotation(every: str, hours: int) -> None:
    fleet = read_fleet(f"{FLEET}\nrotation: {{every: {every}}}")
    assert least_remaining(fleet) == hours * 3600
