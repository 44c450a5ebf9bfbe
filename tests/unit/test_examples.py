"""Every example is a right fleet file, for the functions and for editors; and so is the published schema."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from steward.fleet import read_fleet
from steward.fleet.schema import fleet_schema

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(FOLDER.glob("fleet*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_right_fleet_file(path: Path) -> None:
    assert read_fleet(path.read_text(), path.name).pull_secrets


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_satisfies_the_schema_that_it_names(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# yaml-language-server: $schema=fleet.schema.json\n")
    schema = json.loads((FOLDER / "fleet.schema.json").read_text())
    jsonschema.Draft4Validator(schema).validate(yaml.safe_load(text))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_survives_publication(path: Path) -> None:
    fleet = read_fleet(path.read_text(), path.name)
    published = fleet.model_dump_json(by_alias=True, exclude_unset=True)
    jsonschema.Draft4Validator(fleet_schema()).validate(json.loads(published))
    assert read_fleet(published) == fleet


def test_the_schema_file_is_what_the_model_writes() -> None:
    command = [sys.executable, "-m", "steward.fleet.schema"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (FOLDER / "fleet.schema.json").read_text() == printed


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {"fleet", "fleet-eks", "fleet-discovered", "fleet-many-accounts"}
