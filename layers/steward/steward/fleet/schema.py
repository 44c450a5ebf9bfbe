"""The fleet file's JSON Schema, for editors and for AppConfig's validator: `python -m steward.fleet.schema`."""

import json
from typing import Any

from steward.fleet.model import Fleet


def fleet_schema() -> dict[str, Any]:
    """Schema of the file as users write it (camelCase).

    AppConfig reads draft 4 (AppConfig user guide, "Understanding validators"); nothing here needs a later one.
    """
    schema = Fleet.model_json_schema(by_alias=True)
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "kubesteward fleet",
        **_without_titles(schema),
    }


def _without_titles(node: Any) -> Any:
    """Pydantic titles every field after its name, which says nothing twice and counts against AppConfig's 32 KiB."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))
    }


if __name__ == "__main__":
    print(json.dumps(fleet_schema(), indent=2))  # noqa: T201 - its output is the file
