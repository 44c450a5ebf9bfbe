"""What is wrong with a fleet file: all of it at once, each with its path, its value and what to write instead."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from steward.errors import PermanentError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: `path` as in pullSecrets[0].registries[1], the value found there, what to do."""

    path: str
    value: str
    instead: str

    def __str__(self) -> str:
        found = f" is {self.value}" if self.value else ""
        return f"{self.path or 'the file'}{found}: {self.instead}"


class FleetInvalidError(PermanentError):
    """The file is refused as a whole; `problems` holds everything that is wrong with it."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problem{'' if len(self.problems) == 1 else 's'}"
        super().__init__("\n".join([f"{source} is refused, {count}:", *(f"  {problem}" for problem in self.problems)]))


def write_path(location: Iterable[object]) -> str:
    """("pullSecrets", 0, "name") -> pullSecrets[0].name"""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return path


def show(value: Any) -> str:
    """The value as one short line; a mapping or list only by its size, since it may hold anything."""
    match value:
        case None:
            return "empty"
        case dict() | list() | BaseModel():
            return ""
        case _:
            text = repr(value)
            return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - one line of a terminal


def from_validation(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """Pydantic's findings in our words; each place is named once."""
    seen: set[str] = set()
    for finding in error.errors(include_url=False):
        location = [step for step in finding["loc"] if not _is_branch_name(step)]
        path = write_path(location)
        if path not in seen:
            seen.add(path)
            yield Problem(path, _shown_input(finding), _instead(finding, location, model))


def _is_branch_name(step: object) -> bool:
    """Pydantic puts the name of a union's branch into the path; the user never wrote it."""
    return isinstance(step, str) and ("[" in step)


def _shown_input(finding: Mapping[str, Any]) -> str:
    return "" if finding["type"] in {"missing", "extra_forbidden"} else show(finding["input"])


def _instead(finding: Mapping[str, Any], location: list[Any], model: type[BaseModel]) -> str:
    match finding["type"]:
        case "missing":
            return "is missing; write it"
        case "extra_forbidden":
            return f"is not a field here{_suggest(str(location[-1]), _all_fields(model))}"
        case "value_error":
            return str(finding["ctx"]["error"])
        case "literal_error":
            return f"write {finding['ctx']['expected']}"
        case "too_short":
            return "write at least one entry"
        case "string_type":
            return "write text (put it in quotes)"
        case _:
            return str(finding["msg"])


def _suggest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else "; remove it"


def _all_fields(model: type[BaseModel]) -> set[str]:
    """Every field name of the schema: a misspelt field is often one of another level."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return {name for part in parts for name in part.get("properties", {})}
