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
        fleet = Fleet.model_validate(raw)
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
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or "not YAML"
        raise FleetInvalidError(source, [Problem(place, "", f"is not YAML: {what}")]) from None
