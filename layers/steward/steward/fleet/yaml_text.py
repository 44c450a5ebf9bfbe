"""YAML read so that nothing is lost in silence: a field that stands twice in one mapping is an error."""

from typing import Any

import yaml

QUOTES = "Values that begin with *, !, &, [ or { need quotes"


class YamlInvalidError(Exception):
    """The text is not YAML, or not unambiguous: `place` (line and column, if known) and `instead`."""

    def __init__(self, place: str, instead: str) -> None:
        super().__init__(f"{place}: {instead}")
        self.place = place
        self.instead = instead


class _Loader(yaml.SafeLoader):
    """YAML 1.1's own loader keeps the last of two equal fields; this one refuses."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Looks at the mapping as it is written, before merge keys (`<<`) add to it."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"{key.value!r} stands twice in one mapping"
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
            seen.add(str(key.value))
        return node


def parse_yaml(text: str) -> Any:
    """The plain data of `text`. Raises YamlInvalidError."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or "not text that YAML can hold"
        raise YamlInvalidError(place, f"is not YAML: {what}. {QUOTES}") from None
    except ValueError as error:
        raise YamlInvalidError(
            "", f"holds what YAML takes for a date or a number, and {error}; put it in quotes"
        ) from None
