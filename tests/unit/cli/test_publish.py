"""`steward publish`: validated, stored as JSON, deployed, and waited for."""

import json

import pytest

from steward.errors import StewardError
from steward.fleet import read_fleet
from steward.state.publishing import PublicationRefusedError, publish
from tests.unit.cli.conftest import FLEET, Steward
from tests.unit.cli.fake_appconfig import FakeAppConfig


def test_the_fleet_is_published_as_json_that_reads_as_the_same_fleet(appconfig: FakeAppConfig) -> None:
    told: list[tuple[str, float]] = []
    version = publish(read_fleet(FLEET), "kubesteward", told=lambda *heard: told.append(heard), pause=lambda _: None)
    assert version == 1
    assert read_fleet(json.dumps(json.loads(appconfig.published[0]))) == read_fleet(FLEET)
    assert told == [("storing", 0), ("deploying", 0), ("deploying", 100)]


def test_an_earlier_deployment_is_waited_for(appconfig: FakeAppConfig) -> None:
    appconfig.conflicts = 2
    pauses: list[float] = []
    assert publish(read_fleet(FLEET), "kubesteward", pause=pauses.append) == 1
    assert len(pauses) == 3


def test_a_deployment_that_is_rolled_back_is_an_error(appconfig: FakeAppConfig) -> None:
    appconfig.states = [("DEPLOYING", 0), ("ROLLED_BACK", 0)]
    with pytest.raises(PublicationRefusedError, match="rolled back: an alarm went off"):
        publish(read_fleet(FLEET), "kubesteward", pause=lambda _: None)


def test_a_stack_that_is_not_there_is_named(steward: Steward, appconfig: FakeAppConfig) -> None:
    result = steward.run("publish", "--fleet", steward.fleet, "--stack", "other")
    assert (result.exit_code, appconfig.published) == (1, [])
    assert "AppConfig in eu-west-1 lacks the application other: check --stack and --region" in result.stderr


def test_a_bad_fleet_file_is_never_published(steward: Steward, appconfig: FakeAppConfig) -> None:
    steward.fleet.write_text(FLEET.replace("[images]", "[]"))
    result = steward.run("publish", "--fleet", steward.fleet, "--stack", "kubesteward")
    assert (result.exit_code, appconfig.published) == (2, [])


def test_the_command_says_which_version_is_live(steward: Steward, appconfig: FakeAppConfig) -> None:
    appconfig.states = [("COMPLETE", 100)]
    result = steward.run("publish", "--fleet", steward.fleet, "--stack", "kubesteward")
    assert result.exit_code == 0
    assert "is published to stack kubesteward as version 1" in result.stdout


def test_publication_errors_are_of_the_one_tree() -> None:
    assert issubclass(PublicationRefusedError, StewardError)
