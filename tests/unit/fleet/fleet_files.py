"""A fleet file that is right, and ways to make it wrong."""

import copy
import json
from typing import Any

from steward.fleet import FleetInvalidError, Problem, read_fleet

ROLE = "arn:aws:iam::111122223333:role/kubesteward"

RIGHT: dict[str, Any] = {
    "clusters": [
        {"name": "prod-eu", "eks": {"name": "prod", "region": "eu-west-1", "role": ROLE, "externalId": "a-b"}},
        {"name": "edge", "server": {"url": "https://edge.example:6443", "tokenSecret": "edge-token"}},
    ],
    "discover": [{"regions": ["eu-west-1"], "tags": {"team": "a"}}],
    "registries": [
        {"name": "main", "ecr": {"region": "eu-west-1", "accounts": ["111122223333"], "hosts": ["standard", "fips"]}},
        {"name": "public", "ecrPublic": {}},
    ],
    "pullSecrets": [
        {
            "name": "registry",
            "registries": ["main", "public"],
            "clusters": ["prod-*", "edge"],
            "namespaces": {"names": ["team-*"], "matchLabels": {"pull": "yes"}, "exclude": ["team-x"]},
            "serviceAccounts": ["default", "builder"],
        },
        {"name": "second", "registries": ["main"]},
    ],
    "rotation": {"every": "3h"},
}

MISSING = object()
Path = tuple[str | int, ...]


def changed(*changes: tuple[Path, Any]) -> str:
    """The right file with the value at each path replaced (MISSING: taken away), as text."""
    whole = copy.deepcopy(RIGHT)
    for path, value in changes:
        inner: Any = whole
        for step in path[:-1]:
            inner = inner[step]
        if value is MISSING:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
    return json.dumps(whole)


def problems_in(text: str) -> dict[str, str]:
    """Path -> the whole line a person reads; empty when the file is accepted. One line per path."""
    problems: tuple[Problem, ...] = ()
    told = ""
    try:
        read_fleet(text)
    except FleetInvalidError as error:
        problems, told = error.problems, str(error)
    lines = {problem.path: str(problem) for problem in problems}
    assert len(lines) == len(problems), f"a place is named twice: {told}"
    assert all(line in told for line in lines.values())
    return lines
