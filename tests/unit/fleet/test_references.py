"""What one entry says about another."""

from typing import Any

import pytest

from steward.fleet import read_fleet
from tests.unit.fleet.fleet_files import MISSING, ROLE, Path, changed, problems_in

SECRET = ("pullSecrets", 0)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("clusters", 1, "name"), "prod-eu", "clusters[1].name is 'prod-eu': is used before"),
        (("registries", 1, "name"), "main", "registries[1].name is 'main': is used before"),
        (("pullSecrets", 1, "name"), "registry", "pullSecrets[1].name is 'registry': is used before"),
    ],
)
def test_a_name_stands_once(path: Path, value: str, expected: str) -> None:
    change = changed((path, value), ((*SECRET, "registries"), ["main"]))

    assert problems_in(change)[expected.partition(" ")[0]].startswith(expected)


def test_an_unknown_registry_is_answered_with_the_nearest_name() -> None:
    problems = problems_in(changed(((*SECRET, "registries"), ["mian"])))

    assert problems == {
        "pullSecrets[0].registries[0]": "pullSecrets[0].registries[0] is 'mian': names no registry; write one of main"
    }


def test_an_unknown_registry_that_resembles_none_is_answered_with_all() -> None:
    problems = problems_in(changed(((*SECRET, "registries"), ["quay"])))

    assert "write one of main, public" in problems["pullSecrets[0].registries[0]"]


def test_snake_case_fields_do_not_slip_past_the_checks_between_entries() -> None:
    text = changed((("pullSecrets",), MISSING), (("pull_secrets",), [{"name": "a", "registries": ["nowhere"]}]))

    assert "did you mean pullSecrets" in problems_in(text)["pull_secrets"]


def test_a_cluster_that_is_declared_nowhere_is_named() -> None:
    change = ((*SECRET, "clusters"), ["prod-uk", "prod-*"])

    problems = problems_in(changed((("discover",), []), change))

    assert "write one of prod-eu, or a glob" in problems["pullSecrets[0].clusters[0]"]
    assert len(problems) == 1


def test_a_cluster_that_may_yet_be_discovered_is_let_through() -> None:
    assert problems_in(changed(((*SECRET, "clusters"), ["eu-west-1-Prod_1"]))) == {}


def test_a_fleet_without_any_cluster_is_refused() -> None:
    problems = problems_in(changed((("clusters",), []), (("discover",), MISSING)))

    assert "write at least one cluster, or discover EKS clusters" in problems["clusters"]


def _twin(**fields: Any) -> str:
    ecr = {"region": "eu-west-1", "accounts": ["999922223333", "111122223333"], **fields}
    return changed((("registries", 1), {"name": "twin", "ecr": ecr}), ((*SECRET, "registries"), ["main", "twin"]))


@pytest.mark.parametrize("fields", [{"role": ROLE}, {"externalId": "other"}])
def test_two_principals_for_one_host_in_one_secret_are_refused(fields: dict[str, str]) -> None:
    problems = problems_in(_twin(**fields))

    assert list(problems) == ["pullSecrets[0].registries[1]"]
    assert "fills ecr 111122223333 eu-west-1 with another role than main does" in next(iter(problems.values()))


@pytest.mark.parametrize("fields", [{}, {"role": ROLE, "region": "eu-west-2"}, {"role": ROLE, "accounts": ["1" * 12]}])
def test_registries_that_share_no_host_or_one_principal_may_meet_in_a_secret(fields: dict[str, Any]) -> None:
    assert problems_in(_twin(**fields)) == {}


@pytest.mark.parametrize("every", ["1m", "3h", "355m", "5h"])
def test_a_rotation_that_leaves_two_tries_is_accepted(every: str) -> None:
    assert read_fleet(changed((("rotation", "every"), every))).rotation.every.total_seconds() > 0


@pytest.mark.parametrize("every", ["356m", "6h", "12h", "1d", "9999d"])
def test_a_rotation_that_leaves_fewer_than_two_tries_is_refused_with_the_longest(every: str) -> None:
    (line,) = problems_in(changed((("rotation", "every"), every))).values()

    assert line.startswith(f"rotation.every is '{every}': ")
    assert "355m" in line
