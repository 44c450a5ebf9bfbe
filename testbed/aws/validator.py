"""Puts examples/fleet.schema.json into template.yaml as AppConfig's validator: `python -m testbed.aws.validator`.

CloudFormation has no way to read a file, hence the copy; tests/unit/test_template.py fails when it lags behind.
"""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
SCHEMA = ROOT / "examples" / "fleet.schema.json"

MOST_BYTES = 32 * 1024
"""AppConfig's limit for a validator (API reference, `Validator.Content`)."""

_CONTENT = re.compile(r"(- Type: JSON_SCHEMA\n(?:\s+#.*\n)*(\s+)Content: \|-\n)((?:\2\s\s.*\n)+)")


class ValidatorError(Exception):
    """The schema cannot become the validator: why, and what to do."""


def embed(template: str, schema: dict[str, Any]) -> str:
    """The template with this schema as its validator. Raises ValidatorError."""
    lines = render(schema)
    if sum(len(line) + 1 for line in lines) > MOST_BYTES:
        raise ValidatorError(
            f"the schema is longer than AppConfig takes ({MOST_BYTES} bytes): shorten its descriptions"
        )
    found = _CONTENT.search(template)
    if found is None:
        raise ValidatorError("template.yaml has no validator `- Type: JSON_SCHEMA` with `Content: |-` to replace")
    indent = found[2] + "  "
    body = "".join(f"{indent}{line}\n" for line in lines)
    return template[: found.start(3)] + body + template[found.end(3) :]


def render(schema: dict[str, Any]) -> list[str]:
    """The schema as lines: one per definition, so that a change reads as one line."""
    lines = ["{"]
    for key, value in schema.items():
        if key == "$defs":
            inner = ",\n".join(f"{_compact(name)}:{_compact(one)}" for name, one in value.items())
            lines += [*f'"$defs":{{\n{inner}}},'.split("\n")]
        else:
            lines.append(f"{_compact(key)}:{_compact(value)},")
    return [*lines[:-1], lines[-1].removesuffix(",") + "}"]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    TEMPLATE.write_text(embed(TEMPLATE.read_text(), json.loads(SCHEMA.read_text())))
