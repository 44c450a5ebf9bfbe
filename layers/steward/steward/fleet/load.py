"""Text -> Fleet, or one error that names everything wrong with it."""

import json
from typing import Any

from pydantic import ValidationError

from steward.fleet.model import Fleet
from steward.fleet.problems import FleetInvalidError, Problem, from_validation
from steward.fleet.references import find_reference_problems


def read_fleet(text: str, source: str = "fleet.yaml") -> Fleet:
    """The fleet written in `text` (YAML, or JSON as published). Raises FleetInvalidError with every problem at once."""
    raw = _parse(text, source)
    problems: list[Problem] = []
    fleet: Fleet | None = None
    try:
        fleet = Fleet.model_validate(raw, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += from_validation(error, Fleet)
    told = {problem.path for problem in problems}
    problems += [problem for problem in find_reference_problems(raw) if problem.path not in told]
    if fleet is None or problems:
        raise FleetInvalidError(source, problems)
    return fleet


def _parse(text: str, source: str) -> Any:
    """JSON first: it is what the functions read, and it spares them the YAML parser."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return _parse_yaml(text, source)


def _parse_yaml(text: str, source: str) -> Any:
    from steward.fleet.yaml_text import YamlInvalidError, parse_yaml

    try:
        return parse_yaml(text)
    except YamlInvalidError as error:
        raise FleetInvalidError(source, [Problem(error.place, "", error.instead)]) from None
