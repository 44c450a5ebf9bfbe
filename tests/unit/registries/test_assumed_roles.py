"""Minting as a role of another account: assumed once, with its external id, and again when its keys end early."""

from datetime import UTC, datetime

import pytest

from steward.aws import Identity
from steward.registries.ecr import MintFailedError, mint
from steward.registries.principals import Principal
from testbed.aws.ecr_api import EcrAnswer, EcrApi
from tests.unit.registries.conftest import GUARDED, PULLER
from tests.unit.role_server import Role, RoleServer


def assumed(role: str = PULLER, external_id: str | None = None) -> Principal:
    return Principal("ecr", "eu-west-1", Identity(role, external_id))


def now() -> datetime:
    return datetime.now(UTC)


def test_keys_of_an_assumed_role_that_ended_early_are_renewed_once(ecr: EcrApi, sts: RoleServer) -> None:
    ecr.first_answer(EcrAnswer(error="ExpiredTokenException"))

    assert mint(assumed(), now()).username == "AWS"
    assert len({call.access_key for call in ecr.calls}) == 2
    assert len(sts.calls) == 2


def test_keys_that_stay_refused_are_not_renewed_for_ever(ecr: EcrApi, sts: RoleServer) -> None:
    ecr.answer_with = EcrAnswer(error="ExpiredTokenException")

    with pytest.raises(MintFailedError, match="ExpiredTokenException"):
        mint(assumed(), now())

    assert len(ecr.calls) == 2


def test_a_role_is_assumed_once_for_many_mintings(ecr: EcrApi, sts: RoleServer) -> None:
    for _ in range(3):
        mint(assumed(), now())

    assert sts.calls == [Role(PULLER)]
    assert all(call.access_key.startswith("ASIA") for call in ecr.calls)


def test_the_external_id_is_presented(ecr: EcrApi, sts: RoleServer) -> None:
    mint(assumed(GUARDED, "k-1"), now())

    assert sts.calls == [Role(GUARDED, "k-1")]


@pytest.mark.parametrize("external_id", [None, "other"])
def test_a_role_that_may_not_be_assumed_says_what_to_change(
    ecr: EcrApi, sts: RoleServer, external_id: str | None
) -> None:
    with pytest.raises(MintFailedError, match=r"AssumeRole: AccessDenied") as caught:
        mint(assumed(GUARDED, external_id), now())

    assert f"let kubesteward's role assume {GUARDED} (trust policy, external id, RegistryRoleArns)" in str(caught.value)
    assert ecr.calls == []
