"""labelSelector and fieldSelector as list requests carry them."""

import re
from collections.abc import Callable

from testbed.embedded_api.resources import Resource
from testbed.embedded_api.status import Json, bad_request

type Predicate = Callable[[Json], bool]

_SET = re.compile(r"\s*(?P<key>[^\s=!,()]+)\s+(?P<op>in|notin)\s*\((?P<values>[^)]*)\)\s*")
_EQUALITY = re.compile(r"\s*(?P<key>[^\s=!,()]+)\s*(?P<op>==|!=|=)\s*(?P<values>[^\s=!,()]*)\s*")
_EXISTENCE = re.compile(r"\s*(?P<op>!?)\s*(?P<key>[^\s=!,()]+)\s*")
_COMMA = re.compile(r",(?![^(]*\))")
_ALWAYS_SELECTABLE = ("metadata.name", "metadata.namespace")


def label_predicate(selector: str) -> Predicate:
    """True for objects whose labels satisfy every requirement of `selector`."""
    requirements = [_label_requirement(part) for part in _COMMA.split(selector) if part]
    return lambda obj: all(holds(obj["metadata"].get("labels") or {}) for holds in requirements)


def _label_requirement(text: str) -> Callable[[dict[str, str]], bool]:
    for pattern in (_SET, _EQUALITY, _EXISTENCE):
        if match := pattern.fullmatch(text):
            values = match.groupdict().get("values")
            wanted = None if values is None else {value.strip() for value in values.split(",")}
            return _requirement(match["key"], match["op"], wanted)
    raise bad_request(f"unable to parse requirement: {text}")


def _requirement(key: str, operator: str, values: set[str] | None) -> Callable[[dict[str, str]], bool]:
    negative = operator in {"!", "!=", "notin"}
    if values is None:
        return lambda labels: (key in labels) != negative
    if negative:
        return lambda labels: labels.get(key) not in values
    return lambda labels: labels.get(key) in values


def field_predicate(selector: str, resource: Resource) -> Predicate:
    """True for objects whose fields are as `selector` says; 400 for a field that cannot be selected."""
    requirements = [_field_requirement(part, resource, selector) for part in selector.split(",") if part]
    return lambda obj: all(holds(obj) for holds in requirements)


def _field_requirement(text: str, resource: Resource, selector: str) -> Predicate:
    match = _EQUALITY.fullmatch(text)
    if match is None:
        raise bad_request(f"invalid selector: '{selector}'; can't understand '{text}'")
    path, value, negative = match["key"], match["values"], match["op"] == "!="
    if path not in (*_ALWAYS_SELECTABLE, *resource.selectable):
        raise bad_request(f"field label not supported: {path}")
    return lambda obj: (_read(obj, path) == value) != negative


def _read(obj: Json, path: str) -> str:
    value: object = obj
    for name in path.split("."):
        value = value.get(name, "") if isinstance(value, dict) else ""
    return str(value)
