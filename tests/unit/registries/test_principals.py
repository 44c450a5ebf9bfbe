"""Whom a fleet mints for: one call per principal, however many clusters, namespaces and accounts."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from steward.aws import Identity
from steward.fleet import Fleet, read_fleet
from steward.registries.ecr import mint
from steward.registries.principals import Principal, credential_hosts, principals_of
from testbed.aws.ecr_api import EcrApi
from tests.unit.registries.conftest import PULLER
from tests.unit.role_server import RoleServer


def ecr_registry(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "ecr": {"region": "eu-west-1", "accounts": ["111122223333"], **fields}}


def fleet_with(*registries: dict[str, Any], used: list[str], clusters: int = 1, secrets: int = 1) -> Fleet:
    return read_fleet(
        json.dumps(
            {
                "clusters": [{"name": f"c{i}", "eks": {"name": "a", "region": "eu-west-1"}} for i in range(clusters)],
                "registries": list(registries),
                "pullSecrets": [{"name": f"s{i}", "registries": used} for i in range(secrets)],
            }
        )
    )


def test_one_call_per_principal_whatever_the_number_of_clusters_and_secrets(ecr: EcrApi, sts: RoleServer) -> None:
    own = ecr_registry("own", accounts=["111122223333", "444455556666"], hosts=["standard", "fips"])
    same = ecr_registry("same", accounts=["777788889999"])
    other = ecr_registry("other", role=PULLER, accounts=["222233334444"])
    fleet = fleet_with(own, same, other, used=["own", "same", "other"], clusters=50, secrets=200)

    for principal in principals_of(fleet):
        mint(principal, datetime.now(UTC))

    assert len(ecr.calls) == 2
    assert len(sts.calls) == 1


def test_a_registry_that_no_pull_secret_names_is_not_minted_for() -> None:
    fleet = fleet_with(ecr_registry("a"), ecr_registry("b", region="us-east-1"), used=["a"])

    assert [principal.region for principal in principals_of(fleet)] == ["eu-west-1"]


def test_every_host_of_a_registry_gets_its_principals_credential() -> None:
    private = ecr_registry("a", accounts=["111122223333", "444455556666"], hosts=["fips", "dualStack"], role=PULLER)
    fleet = fleet_with(private, {"name": "p", "ecrPublic": {}}, used=["a", "p"])
    (ecr_principal, public) = principals_of(fleet)

    assert credential_hosts(fleet, ("a", "p")) == {
        "111122223333.dkr.ecr-fips.eu-west-1.amazonaws.com": ecr_principal.id,
        "111122223333.dkr-ecr.eu-west-1.on.aws": ecr_principal.id,
        "444455556666.dkr.ecr-fips.eu-west-1.amazonaws.com": ecr_principal.id,
        "444455556666.dkr-ecr.eu-west-1.on.aws": ecr_principal.id,
        "public.ecr.aws": public.id,
        "ecr-public.aws.com": public.id,
    }
    assert public == Principal("ecr-public", "us-east-1", Identity())


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "ecr-public"},
        {"region": "eu-west-2"},
        {"identity": Identity()},
        {"identity": Identity(PULLER)},
        {"identity": Identity(PULLER, "other")},
    ],
)
def test_principals_that_differ_have_ids_that_differ(changed: dict[str, Any]) -> None:
    principal = Principal("ecr", "eu-west-1", Identity(PULLER, "k-1"))

    assert replace(principal, **changed).id != principal.id
    assert "puller" not in principal.id
    assert set(principal.id) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
