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
    """Pydantic's findings in our words; each place is named once, and a whole not beside its wrong part."""
    findings = [
        ([step for step in finding["loc"] if not _is_branch_name(step)], finding)
        for finding in error.errors(include_url=False)
    ]
    seen: list[list[Any]] = []
    for location, finding in findings:
        deeper = any(other[: len(location)] == location and len(other) > len(location) for other, _ in findings)
        if location not in seen and not (deeper and finding["type"] in OF_THE_WHOLE):
            seen.append(location)
            yield Problem(write_path(location), _shown_input(finding), _instead(finding, location, model))


OF_THE_WHOLE = frozenset({"too_short", "literal_error"})
"""Said of a list whose entries are all wrong, and of the branches of a union that were not meant."""


def _is_branch_name(step: object) -> bool:
    """Pydantic puts the name of a union's branch into the path; the user never wrote it."""
    return isinstance(step, str) and ("[" in step)


def _shown_input(finding: Mapping[str, Any]) -> str:
    return "" if finding["type"] in {"missing", "extra_forbidden"} else show(finding["input"])


def _instead(finding: Mapping[str, Any], location: list[Any], model: type[BaseModel]) -> str:
    context = finding.get("ctx", {})
    match finding["type"]:
        case "extra_forbidden":
            return f"is not a field here{_suggest(str(location[-1]), _all_fields(model))}"
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"write {context['expected']}{_or_a_list(finding)}"
        case kind if kind in WORDS:
            return WORDS[kind].format(**context)
        case _:
            return str(finding["msg"])


WORDS = {
    "missing": "is missing; write it",
    "too_short": "write at least one entry",
    "string_type": "write text (put it in quotes)",
    "string_too_short": "write at least {min_length} character(s)",
    "string_too_long": "write at most {max_length} characters",
    "tuple_type": "write a list, also for a single entry",
    "dict_type": "write fields with their values",
    "model_type": "write fields with their values",
    "invalid_key": "write the field's name as text (put it in quotes)",
}


def _or_a_list(finding: Mapping[str, Any]) -> str:
    return ", or a list of names" if any(map(_is_branch_name, finding["loc"])) else ""


def _suggest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else "; remove it"


def _all_fields(model: type[BaseModel]) -> set[str]:
    """Every field name of the schema: a misspelt field is often one of another level."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return {name for part in parts for name in part.get("properties", {})}
