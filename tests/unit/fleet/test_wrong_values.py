"""Every kind of wrong value: where it stands, what it is, what to write instead."""

from typing import Any

import pytest

from steward.fleet import read_fleet
from tests.unit.fleet.fleet_files import MISSING, Path, changed, problems_in

SECRET = ("pullSecrets", 0)
SELECTION = (*SECRET, "namespaces")
ECR = ("registries", 0, "ecr")
EKS = ("clusters", 0, "eks")
SERVER = ("clusters", 1, "server")

WRONG: list[tuple[Path, Any, str, str]] = [
    (("clusters", 0, "name"), "Prod", "clusters[0].name is 'Prod'", "lower-case letters, digits and hyphens"),
    (("clusters", 0, "name"), "a" * 64, f"clusters[0].name is '{'a' * 56}...", "write at most 63 characters"),
    (("clusters", 0, "name"), MISSING, "clusters[0].name", "is missing; write it"),
    (("clusters", 0, "name"), None, "clusters[0].name is empty", "lower-case letters, digits and hyphens"),
    (("clusters", 0, "eks"), MISSING, "clusters[0]", "write exactly one of eks or server; found none"),
    (("clusters", 0, "server"), {"url": "https://a", "tokenSecret": "t"}, "clusters[0]", "found eks, server"),
    (("clusters", 0), "prod", "clusters[0] is 'prod'", "write fields with their values"),
    (("clusters",), "prod", "clusters is 'prod'", "write a list"),
    ((*EKS, "name"), "", "clusters[0].eks.name is ''", "write at least 1 character"),
    ((*EKS, "name"), 5, "clusters[0].eks.name is 5", "in quotes"),
    ((*EKS, "region"), "europe", "clusters[0].eks.region is 'europe'", "such as eu-west-1"),
    ((*EKS, "region"), False, "clusters[0].eks.region is False", "such as eu-west-1, in quotes"),
    ((*EKS, "role"), "kubesteward", "clusters[0].eks.role is 'kubesteward'", "arn:aws:iam::111122223333:role/"),
    (
        (*EKS, "role"),
        "arn:aws:iam::1:role/x",
        "clusters[0].eks.role is 'arn:aws:iam::1:role/x'",
        "arn:aws:iam::111122223333:role/",
    ),
    ((*EKS, "externalId"), "a b", "clusters[0].eks.externalId is 'a b'", "2 to 1,224 letters"),
    ((*EKS, "regon"), "eu-west-1", "clusters[0].eks.regon", "did you mean region"),
    ((*EKS, "zzzzzz"), "x", "clusters[0].eks.zzzzzz", "is not a field here; remove it"),
    ((*EKS, "external_id"), "x", "clusters[0].eks.external_id", "did you mean externalId"),
    ((*SERVER, "url"), "http://edge", "clusters[1].server.url is 'http://edge'", "https:// address"),
    ((*SERVER, "url"), "edge:6443", "clusters[1].server.url is 'edge:6443'", "https:// address"),
    ((*SERVER, "tokenSecret"), MISSING, "clusters[1].server.tokenSecret", "is missing"),
    (("discover", 0, "regions"), [], "discover[0].regions", "at least one entry"),
    (("discover", 0, "tags"), ["team"], "discover[0].tags", "fields with their values"),
    (("clusters", 0, "name"), ["prod"], "clusters[0].name", "lower-case letters, digits and hyphens"),
    (("registries", 0, "ecrPublic"), {}, "registries[0]", "exactly one of ecr or ecrPublic; found ecr, ecrPublic"),
    (("registries", 1, "ecrPublic"), None, "registries[1]", "ecrPublic is empty; its defaults are asked for with {}"),
    ((*ECR, "accounts"), [], "registries[0].ecr.accounts", "at least one entry"),
    ((*ECR, "accounts"), [111122223333], "registries[0].ecr.accounts[0] is 111122223333", '"111122223333"'),
    ((*ECR, "accounts"), ["1111"], "registries[0].ecr.accounts[0] is '1111'", "the twelve digits"),
    ((*ECR, "accounts"), "111122223333", "registries[0].ecr.accounts is '111122223333'", "write a list"),
    ((*ECR, "hosts"), ["ipv6"], "registries[0].ecr.hosts[0] is 'ipv6'", "'standard', 'fips', 'dualStack'"),
    ((*ECR, "hosts"), [], "registries[0].ecr.hosts", "at least one entry"),
    (("pullSecrets",), MISSING, "pullSecrets", "is missing"),
    ((*SECRET, "name"), "My_Secret", "pullSecrets[0].name is 'My_Secret'", "a Secret's name"),
    ((*SECRET, "name"), True, "pullSecrets[0].name is True", "in quotes"),
    ((*SECRET, "registries"), [], "pullSecrets[0].registries", "at least one entry"),
    ((*SECRET, "clusters"), [], "pullSecrets[0].clusters", "at least one entry"),
    ((*SECRET, "clusters"), ["a b"], "pullSecrets[0].clusters[0] is 'a b'", "a glob such as prod-*"),
    ((*SECRET, "serviceAccounts"), "some", "pullSecrets[0].serviceAccounts is 'some'", "'all' or 'none', or a list"),
    ((*SECRET, "serviceAccounts"), 5, "pullSecrets[0].serviceAccounts is 5", "'all' or 'none', or a list"),
    ((*SECRET, "serviceAccounts"), ["A"], "pullSecrets[0].serviceAccounts[0] is 'A'", "lower-case"),
    ((*SELECTION, "names"), [], "pullSecrets[0].namespaces.names", "at least one entry"),
    ((*SELECTION, "names"), "team-*", "pullSecrets[0].namespaces.names is 'team-*'", "write a list"),
    ((*SELECTION, "names"), ["Team-*"], "pullSecrets[0].namespaces.names[0] is 'Team-*'", "a glob such as team-*"),
    ((*SELECTION, "exclude"), ["!kube-*"], "pullSecrets[0].namespaces.exclude[0] is '!kube-*'", "a glob such as"),
    ((*SELECTION, "exclude"), ["a[bc"], "pullSecrets[0].namespaces.exclude[0] is 'a[bc'", "a glob such as"),
    ((*SELECTION, "matchLabels"), {"a": 5}, "pullSecrets[0].namespaces.matchLabels.a is 5", "put it in quotes"),
    (
        (*SELECTION, "matchExpressions"),
        [{"key": "a", "operator": "in", "values": ["b"]}],
        "pullSecrets[0].namespaces.matchExpressions[0].operator is 'in'",
        "'In', 'NotIn', 'Exists' or 'DoesNotExist'",
    ),
    (
        (*SELECTION, "matchExpressions"),
        [{"key": "a", "operator": "Exists", "values": ["b"]}],
        "pullSecrets[0].namespaces.matchExpressions[0]",
        "Exists and DoesNotExist take none",
    ),
    (("rotation", "every"), "soon", "rotation.every is 'soon'", "such as 30m, 4h or 1d"),
    (("rotation", "every"), "0m", "rotation.every is '0m'", "such as 30m, 4h or 1d"),
    (("rotation", "every"), "-1h", "rotation.every is '-1h'", "such as 30m, 4h or 1d"),
    (("rotation", "every"), "٣h", "rotation.every is '٣h'", "such as 30m, 4h or 1d"),
    (("rotation", "every"), 4, "rotation.every is 4", "such as 30m, 4h or 1d"),
    (("rotations",), {}, "rotations", "did you mean rotation"),
]


@pytest.mark.parametrize(("path", "value", "found", "instead"), WRONG)
def test_a_wrong_value_is_named_with_its_place_and_what_to_write(
    path: Path, value: object, found: str, instead: str
) -> None:
    problems = problems_in(changed((path, value)))

    assert len(problems) == 1, problems
    (line,) = problems.values()
    assert line.startswith(f"{found}: ")
    assert instead in line


def test_the_right_file_is_accepted() -> None:
    fleet = read_fleet(changed())

    assert [cluster.name for cluster in fleet.clusters] == ["prod-eu", "edge"]
    assert fleet.pull_secrets[0].service_accounts == ("default", "builder")
    assert fleet.pull_secrets[1].namespaces.exclude == ("kube-system", "kube-public", "kube-node-lease")


def test_all_problems_are_told_at_once_and_those_between_entries_with_them() -> None:
    problems = problems_in(
        changed(
            (("clusters", 0, "name"), "edge"),
            ((*EKS, "region"), "europe"),
            ((*ECR, "accounts"), [111122223333]),
            ((*SECRET, "registries"), ["main", "mian"]),
            (("registries", 1, "name"), "main"),
            (("rotation", "every"), "11h"),
            (("colour",), "red"),
        )
    )

    assert set(problems) == {
        "clusters[0].eks.region",
        "clusters[1].name",
        "registries[0].ecr.accounts[0]",
        "registries[1].name",
        "pullSecrets[0].registries[1]",
        "rotation.every",
        "colour",
    }


def test_a_list_of_wrong_entries_is_not_called_empty_as_well() -> None:
    problems = problems_in(changed((("pullSecrets",), [5])))

    assert list(problems) == ["pullSecrets[0]"]


@pytest.mark.parametrize("text", ["", "5", "[]", "null", "just words", "\ufeff"])
def test_a_file_that_holds_no_fields_says_so(text: str) -> None:
    problems = problems_in(text)

    assert list(problems) == [""]
    assert problems[""].startswith("the file")
    assert "write fields with their values" in problems[""]


def test_a_long_value_is_cut_and_stays_on_one_line() -> None:
    problems = problems_in(changed(((*EKS, "region"), "x\n" * 900)))

    assert len(problems["clusters[0].eks.region"]) < 200
    assert "\n" not in problems["clusters[0].eks.region"]
