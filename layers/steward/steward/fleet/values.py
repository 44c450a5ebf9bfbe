"""The kinds of value a fleet file holds, each with what to write instead when it is wrong."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

_DURATION = re.compile(r"([1-9][0-9]{0,3})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(value: object) -> object:
    """`30m`, `4h`, `1d` -> timedelta."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a whole number and a unit, such as 30m, 4h or 1d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def write_duration(value: timedelta) -> str:
    """The timedelta in the largest unit that needs no fraction: 4 h -> `4h`, 90 min -> `90m`."""
    seconds = int(value.total_seconds())
    unit = next(name for name in ("d", "h", "m", "s") if seconds % _SECONDS[name] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def _matching(pattern: str, instead: str) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(instead)
        return value

    return check


def _as_text(instead: str) -> Callable[[object], object]:
    """YAML turns no, 2024-01-01 and 011122223333 into a boolean, a date and an octal number."""

    def check(value: object) -> object:
        if not isinstance(value, str):
            quoted = "" if "quotes" in instead else ", in quotes"
            raise ValueError(f"{instead}{quoted}")  # noqa: TRY004 - pydantic turns only this one into a finding
        return value

    return check


def _text(pattern: str, instead: str, *, longest: int = 253) -> tuple[object, ...]:
    return (
        Field(max_length=longest, json_schema_extra={"pattern": f"^{pattern}$"}),
        BeforeValidator(_as_text(instead)),
        AfterValidator(_matching(pattern, instead)),
    )


_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(write_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,3}(s|m|h|d)$"}),
]
Name = Annotated[str, *_text(_LABEL, "write lower-case letters, digits and hyphens, at most 63", longest=63)]
SecretName = Annotated[
    str,
    *_text(rf"{_LABEL}(\.{_LABEL})*", "write a Secret's name: lower-case letters, digits, hyphens and dots"),
]
NamePattern = Annotated[
    str,
    *_text(
        r"([-a-z0-9.*?]|\[!?[-a-z0-9.]+\])+",
        "write a name, or a glob such as team-* (lower-case letters, digits, -, *, ?, [a-z], [!a-z])",
    ),
]
ClusterPattern = Annotated[
    str,
    *_text(
        r"([-A-Za-z0-9_.*?]|\[!?[-A-Za-z0-9_.]+\])+",
        "write a cluster's name, or a glob such as prod-* (letters, digits, -, _, *, ?, [a-z], [!a-z])",
    ),
]
"""Discovered clusters carry the names that EKS allows: capitals and underscores too."""
AwsAccount = Annotated[
    str, *_text(r"[0-9]{12}", 'write the twelve digits of the account in quotes, such as "111122223333"')
]
Region = Annotated[
    str, *_text(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}", "write an AWS region, such as eu-west-1", longest=32)
]
RoleArn = Annotated[
    str,
    *_text(
        r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+",
        "write a role's ARN, such as arn:aws:iam::111122223333:role/kubesteward",
        longest=2048,
    ),
]
ExternalId = Annotated[
    str, *_text(r"[\w+=,.@:/-]{2,1224}", "write 2 to 1,224 letters, digits or +=,.@:/-", longest=1224)
]
ServerUrl = Annotated[
    str,
    *_text(
        r"(https://[^\s/]+(/[^\s]*)?|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?/?)",
        "write an https:// address (plain http only to this machine)",
        longest=2048,
    ),
]
