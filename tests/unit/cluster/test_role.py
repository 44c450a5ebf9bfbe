"""The role in cluster/: what a cluster grants, and what it must never grant (promise 5)."""

from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "cluster"
LEAST = {
    "namespaces": {"get", "list"},
    "serviceaccounts": {"get", "list", "update"},
    "secrets": {"get", "patch", "create", "delete"},
}


def read(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def rules() -> list[dict[str, Any]]:
    (role,) = read(FOLDER / "role.yaml")
    found: list[dict[str, Any]] = role["rules"]
    return found


def test_the_role_grants_exactly_what_is_needed() -> None:
    assert {resource: set(rule["verbs"]) for rule in rules() for resource in rule["resources"]} == LEAST
    assert all(rule["apiGroups"] == [""] for rule in rules())


def test_every_rule_about_secrets_names_them_and_lets_nobody_list_or_watch() -> None:
    about_secrets = [rule for rule in rules() if {"secrets", "*"} & set(rule["resources"])]
    assert about_secrets
    for rule in about_secrets:
        assert rule["resourceNames"]
        assert not {"list", "watch", "deletecollection", "*"} & set(rule["verbs"])


def test_only_the_group_kubesteward_is_bound_to_it() -> None:
    (binding,) = read(FOLDER / "binding.yaml")
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kubesteward"}
    assert [(subject["kind"], subject["name"]) for subject in binding["subjects"]] == [("Group", "kubesteward")]


def test_the_overlay_in_the_readme_replaces_the_rule_about_secrets() -> None:
    assert "path: /rules/2/resourceNames" in (FOLDER / "README.md").read_text()
    assert rules()[2]["resources"] == ["secrets"]


@pytest.mark.parametrize("folder", [FOLDER, FOLDER / "token"], ids=["cluster", "token"])
def test_a_kustomization_holds_every_file_beside_it(folder: Path) -> None:
    (kustomization,) = read(folder / "kustomization.yaml")
    files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files
    assert all(document["kind"] for name in files for document in read(folder / name))
