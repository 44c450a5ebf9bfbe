"""The published schema says what the model says, in the words AppConfig's validator understands."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.fleet.schema import fleet_schema
from steward.fleet.values import parse_duration, write_duration
from tests.unit.fleet.fleet_files import MISSING, changed
from tests.unit.fleet.fleet_files import Path as FieldPath

EXAMPLE = Path(__file__).parents[3] / "examples" / "fleet.schema.json"
APPCONFIG_BYTES = 32 * 1024


def errors_in(text: str) -> list[str]:
    return [error.message for error in jsonschema.Draft4Validator(fleet_schema()).iter_errors(json.loads(text))]


def test_the_schema_is_valid_draft_4_and_short_enough_for_appconfig() -> None:
    jsonschema.Draft4Validator.check_schema(fleet_schema())

    assert len(json.dumps(fleet_schema())) < APPCONFIG_BYTES


def test_the_published_schema_is_the_current_one() -> None:
    assert json.loads(EXAMPLE.read_text()) == fleet_schema(), "run: python -m steward.fleet.schema > examples/…"


def test_the_right_file_is_right_by_the_schema_too() -> None:
    assert errors_in(changed()) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("colour",), "red"),
        (("registries",), MISSING),
        (("registries", 0, "ecr", "accounts"), [111122223333]),
        (("registries", 0, "ecr", "accounts"), ["1111"]),
        (("registries", 0, "ecr", "hosts"), ["ipv6"]),
        (("clusters", 0, "eks", "role"), "kubesteward"),
        (("pullSecrets", 0, "namespaces", "names"), []),
        (("pullSecrets", 0, "namespaces", "names"), ["Team-*"]),
        (("pullSecrets", 0, "serviceAccounts"), "some"),
        (("rotation", "every"), "soon"),
        (("rotation", "every"), 3),
    ],
)
def test_the_schema_refuses_what_the_model_refuses(path: FieldPath, value: Any) -> None:
    assert errors_in(changed((path, value)))


@given(st.integers(1, 9999), st.sampled_from("smhd"))
def test_a_duration_survives_being_written(count: int, unit: str) -> None:
    value = parse_duration(f"{count}{unit}")

    assert isinstance(value, timedelta)
    assert value.total_seconds() == count * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    assert write_duration(value).endswith(tuple("smhd"))
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}[write_duration(value)[-1]] * int(write_duration(value)[:-1])
    assert seconds == value.total_seconds()
