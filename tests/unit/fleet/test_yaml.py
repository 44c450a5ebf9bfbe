"""YAML as people write it: its errors and its surprises."""

from pathlib import Path

import pytest

from steward.fleet import FleetInvalidError, read_fleet
from tests.unit.fleet.fleet_files import changed, problems_in

FLEET = """
clusters: [{{name: edge, server: {{url: "https://edge", tokenSecret: t}}}}]
registries:
- name: {name}
  ecr: {{region: eu-west-1, accounts: [{account}]}}
pullSecrets:
- name: registry
  registries: [{name}]
  namespaces: {{names: [{pattern}]}}
rotation: {{every: {every}}}
"""
RIGHT = {"name": "main", "account": '"111122223333"', "pattern": "team-*", "every": "3h"}


def written(**values: str) -> str:
    return FLEET.format(**RIGHT | values)


def test_yaml_and_json_give_the_same_fleet() -> None:
    import yaml

    fleet = read_fleet(changed())

    assert read_fleet(yaml.safe_dump(fleet.model_dump(mode="json", by_alias=True, exclude_none=True))) == fleet


@pytest.mark.parametrize(
    ("values", "path", "found"),
    [
        ({"account": "111122223333"}, "registries[0].ecr.accounts[0]", "111122223333"),
        ({"account": "011122223333"}, "registries[0].ecr.accounts[0]", str(0o11122223333)),
        ({"name": "no"}, "registries[0].name", "False"),
        ({"name": "on"}, "registries[0].name", "True"),
        ({"name": "2024-01-01"}, "registries[0].name", "datetime.date(2024, 1, 1)"),
        ({"name": "12"}, "registries[0].name", "12"),
        ({"pattern": "yes"}, "pullSecrets[0].namespaces.names[0]", "True"),
        ({"pattern": "1.5"}, "pullSecrets[0].namespaces.names[0]", "1.5"),
        ({"every": "3"}, "rotation.every", "3"),
        ({"every": "3:30"}, "rotation.every", "210"),
    ],
)
def test_what_yaml_takes_for_something_else_is_refused(values: dict[str, str], path: str, found: str) -> None:
    line = problems_in(written(**values))[path]

    assert line.startswith(f"{path} is {found}: ")
    assert "in quotes" in line or "such as 30m, 4h or 1d" in line


def test_an_unquoted_account_that_yaml_leaves_alone_is_accepted() -> None:
    registry = read_fleet(written(account="012345678901")).registries[0]

    assert registry.ecr is not None
    assert registry.ecr.accounts == ("012345678901",)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("clusters: [", "line 1, column 12"),
        ("a: 1\nb: c: d", "line 2, column 5"),
        ("names: [*]", "line 1, column 10"),
        ("names:\n- *", "line 2, column 4"),
        ("names: [team-*, !kube]", "line 1, column 23"),
        ("a: *nowhere", "line 1, column 4"),
        ("\tname: a", "line 1, column 1"),
    ],
)
def test_what_is_not_yaml_is_told_with_line_and_column(text: str, place: str) -> None:
    problems = problems_in(text)

    assert list(problems) == [place]
    assert "is not YAML: " in problems[place]
    assert "need quotes" in problems[place]


@pytest.mark.parametrize("text", ["a: 2024-13-45", "a: \x00", "a: !!python/object/apply:os.getcwd []"])
def test_what_yaml_cannot_hold_is_refused_without_a_traceback(text: str) -> None:
    assert len(problems_in(text)) == 1


def test_a_field_that_stands_twice_is_refused_instead_of_half_read() -> None:
    problems = problems_in(written() + "registries: []\n")

    assert "'registries' stands twice" in problems["line 11, column 1"]


def test_merge_keys_may_be_overridden() -> None:
    base = "{region: eu-west-1, accounts: ['111122223333']}"
    text = written().replace("  ecr: {region", f"  ecr: {{<<: {base}, region")

    assert read_fleet(text).registries[0].name == "main"


def test_the_error_names_the_file() -> None:
    with pytest.raises(FleetInvalidError, match=r"^a\.yaml is refused, 1 problem:"):
        read_fleet("5", str(Path("a.yaml")))
