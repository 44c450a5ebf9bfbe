"""What a person reads who wrote something wrong: one message on stderr, exit code 2, nothing touched."""

from pathlib import Path

import pytest

from testbed.embedded_api import EmbeddedApi
from tests.unit.cli.conftest import FLEET, Steward

TWO_CLUSTERS = FLEET.replace(
    "registries:\n  - name: images",
    "  - name: till\n    server: {url: https://t, tokenSecret: t}\nregistries:\n  - name: images",
)


@pytest.mark.parametrize("command", ["plan", "apply", "check"])
def test_a_bad_fleet_file_shows_all_problems_at_once(command: str, steward: Steward, api: EmbeddedApi) -> None:
    text = FLEET.replace("eu-west-1", "Europe").replace("registries: [images]", "registries: [imags]")
    steward.fleet.write_text(text)
    api.forget_requests()
    access = [] if command == "check" else ["--kubeconfig", steward.kubeconfig]
    result = steward.run(command, "--fleet", steward.fleet, *access)
    assert (result.exit_code, result.stdout, api.requests) == (2, "", ())
    assert f"{steward.fleet} is refused, 2 problems:" in result.stderr
    assert "registries[0].ecr.region is 'Europe': write an AWS region" in result.stderr
    assert "pullSecrets[0].registries[0] is 'imags': names no registry; write one of images" in result.stderr


def test_a_missing_fleet_file_is_named(steward: Steward, tmp_path: Path) -> None:
    result = steward.run("check", "--fleet", tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert result.stderr == f"steward: --fleet {tmp_path / 'none.yaml'} cannot be read: No such file or directory\n"


@pytest.mark.parametrize("content", [None, "", "just text", "a: [", "contexts: 7", '{"contexts": [], "users": []}'])
def test_an_unusable_kubeconfig_is_named(content: str | None, steward: Steward, tmp_path: Path) -> None:
    steward.kubeconfig = tmp_path / "kubeconfig"
    if content is not None:
        steward.kubeconfig.write_text(content)
    for result in (steward.plan(), steward.apply()):
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"steward: {steward.kubeconfig}")
        assert len(result.stderr.splitlines()) == 1


def test_an_unknown_context_is_answered_with_those_there_are(steward: Steward) -> None:
    result = steward.plan("--context", "prod")
    assert result.exit_code == 2
    assert "has no context 'prod'; it has embedded" in result.stderr


def test_an_unknown_cluster_is_answered_with_the_closest(steward: Steward) -> None:
    steward.fleet.write_text(TWO_CLUSTERS)
    for words in (["--kubeconfig", steward.kubeconfig], []):
        result = steward.run("plan", "--fleet", steward.fleet, "--cluster", "shpo", *words)
        assert result.exit_code == 2
        assert "--cluster shpo: the fleet has no such cluster; write one of shop" in result.stderr


def test_a_context_that_could_be_any_cluster_is_asked_about(steward: Steward) -> None:
    steward.fleet.write_text(TWO_CLUSTERS)
    result = steward.plan()
    assert result.exit_code == 2
    assert "Write --cluster NAME; the fleet has shop, till" in result.stderr


def test_a_context_without_a_kubeconfig_is_refused(steward: Steward) -> None:
    result = steward.run("plan", "--fleet", steward.fleet, "--context", "prod")
    assert result.exit_code == 2
    assert "write --kubeconfig FILE too" in result.stderr
