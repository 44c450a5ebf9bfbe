"""Which namespaces and clusters are chosen: Kubernetes' own meaning of labels, globs for names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.fleet import NamespaceSelection, read_fleet
from steward.fleet.model import LabelExpression
from steward.fleet.selection import chooses_namespace, pull_secrets_for
from tests.unit.fleet.fleet_files import changed

KEYS = st.sampled_from(["team", "env", "tier"])
VALUES = st.sampled_from(["a", "b", ""])
LABELS = st.dictionaries(KEYS, VALUES)
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)


def chooses(selection: NamespaceSelection, name: str = "team-a", **labels: str) -> bool:
    return chooses_namespace(selection, name, labels)


def expression(operator: str, *values: str, key: str = "team") -> LabelExpression:
    return LabelExpression.model_validate({"key": key, "operator": operator, "values": values})


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "anything", True),
        ("team-*", "team-a", True),
        ("team-*", "team-", True),
        ("team-*", "my-team-a", False),
        ("team-*", "team", False),
        ("team", "team-a", False),
        ("team-?", "team-a", True),
        ("team-?", "team-ab", False),
        ("team-[ab]", "team-b", True),
        ("team-[!ab]", "team-b", False),
        ("team-[!ab]", "team-c", True),
        ("team.a", "team-a", False),
    ],
)
def test_a_glob_covers_the_whole_name(pattern: str, name: str, expected: bool) -> None:
    assert chooses(NamespaceSelection(names=(pattern,)), name) is expected
    assert chooses(NamespaceSelection(exclude=(pattern,)), name) is not expected


@pytest.mark.parametrize("name", ["kube-system", "kube-public", "kube-node-lease"])
def test_the_namespaces_of_kubernetes_itself_are_left_out_until_asked_for(name: str) -> None:
    assert not chooses(NamespaceSelection(), name)
    assert chooses(NamespaceSelection(exclude=()), name)
    assert chooses(NamespaceSelection(), "default")


# Kubernetes: apimachinery `pkg/labels/selector.go`, Requirement.Matches.
@pytest.mark.parametrize(
    ("operator", "values", "absent", "in_values", "other"),
    [
        ("In", ("a", "b"), False, True, False),
        ("NotIn", ("a", "b"), True, False, True),
        ("Exists", (), False, True, True),
        ("DoesNotExist", (), True, False, False),
    ],
)
def test_match_expressions_mean_what_they_mean_to_kubernetes(
    operator: str, values: tuple[str, ...], absent: bool, in_values: bool, other: bool
) -> None:
    selection = NamespaceSelection(match_expressions=(expression(operator, *values),))

    assert chooses(selection) is absent
    assert chooses(selection, env="a") is absent
    assert chooses(selection, team="a") is in_values
    assert chooses(selection, team="c") is other
    assert chooses(selection, team="") is other


def test_an_empty_label_is_not_an_absent_one() -> None:
    assert chooses(NamespaceSelection(match_labels={"team": ""}), team="")
    assert not chooses(NamespaceSelection(match_labels={"team": ""}))


@given(LABELS, LABELS)
def test_match_labels_is_the_same_as_in_with_one_value(wanted: dict[str, str], labels: dict[str, str]) -> None:
    expressions = tuple(expression("In", value, key=key) for key, value in wanted.items())

    by_labels = chooses(NamespaceSelection(match_labels=wanted), **labels)

    assert by_labels is chooses(NamespaceSelection(match_expressions=expressions), **labels)
    assert by_labels is (wanted.items() <= labels.items())


@given(KEYS, st.lists(VALUES, min_size=1), LABELS)
def test_not_in_is_the_opposite_of_in_and_does_not_exist_of_exists(
    key: str, values: list[str], labels: dict[str, str]
) -> None:
    for operator, opposite, listed in (("In", "NotIn", values), ("Exists", "DoesNotExist", [])):
        one = NamespaceSelection(match_expressions=(expression(operator, *listed, key=key),))
        other = NamespaceSelection(match_expressions=(expression(opposite, *listed, key=key),))
        assert chooses(one, **labels) is not chooses(other, **labels)


@given(NAMES, LABELS, st.lists(NAMES, min_size=1), st.lists(NAMES), LABELS)
def test_every_condition_has_to_hold(
    name: str, labels: dict[str, str], names: list[str], exclude: list[str], wanted: dict[str, str]
) -> None:
    selection = NamespaceSelection(names=(*names, "x*"), exclude=tuple(exclude), match_labels=wanted)
    named = name in names or name.startswith("x")

    assert chooses(selection, name, **labels) is (
        named and name not in exclude and all(labels.get(key) == value for key, value in wanted.items())
    )


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ("prod-eu", ["registry", "second"]),
        ("edge", ["registry", "second"]),
        ("edge2", ["second"]),
        ("eu-west-1-Prod_1", ["second"]),
    ],
)
def test_a_pull_secret_goes_to_the_clusters_its_globs_name(cluster: str, expected: list[str]) -> None:
    assert [secret.name for secret in pull_secrets_for(read_fleet(changed()), cluster)] == expected


def test_discovered_clusters_with_capitals_can_be_named() -> None:
    fleet = read_fleet(changed((("pullSecrets", 0, "clusters"), ["eu-west-1-Prod_?"])))

    assert [secret.name for secret in pull_secrets_for(fleet, "eu-west-1-Prod_1")] == ["registry", "second"]
    assert [secret.name for secret in pull_secrets_for(fleet, "eu-west-1-prod_1")] == ["second"]
