"""A function that lacks a variable says which, at its first breath."""

import os

import pytest

from steward.environment import EnvironmentInvalidError, FleetVariables, HouseVariables, MintVariables
from steward.errors import PermanentError

WHOLE = {
    "FLEET_APPLICATION": "app",
    "FLEET_ENVIRONMENT": "live",
    "FLEET_PROFILE": "fleet",
    "TABLE_NAME": "steward",
    "CREDENTIAL_PREFIX": "kubesteward/a/credentials",
    "SYNC_QUEUE_URL": "https://queue",
    "CREDENTIAL_KEY": "key",
}


def test_every_variable_reaches_its_field() -> None:
    read = MintVariables.read(WHOLE)

    assert {name.upper(): value for name, value in read.model_dump().items()} == WHOLE


@pytest.mark.parametrize("missing", WHOLE)
@pytest.mark.parametrize("absent", [True, False])
def test_a_variable_that_is_missing_or_empty_is_named(missing: str, absent: bool) -> None:
    variables = WHOLE | {missing: ""}
    if absent:
        del variables[missing]

    with pytest.raises(EnvironmentInvalidError, match=rf"^set {missing} in the function's environment") as caught:
        MintVariables.read(variables)

    assert isinstance(caught.value, PermanentError)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(EnvironmentInvalidError) as caught:
        MintVariables.read({})

    assert all(name in str(caught.value) for name in WHOLE)


def test_only_minting_needs_the_key() -> None:
    without = {name: value for name, value in WHOLE.items() if name != "CREDENTIAL_KEY"}

    assert HouseVariables.read(without).table_name == "steward"


def test_the_real_environment_is_read_when_it_is_asked_and_not_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WHOLE.items():
        monkeypatch.setitem(os.environ, name, value)

    assert FleetVariables.read().fleet_application == "app"
