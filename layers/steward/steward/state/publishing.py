"""How a new fleet file gets into AppConfig, from where the functions read it."""

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from steward import aws
from steward.errors import PermanentError
from steward.fleet import Fleet

ENVIRONMENT, PROFILE = "live", "fleet"
"""Names in template.yaml; application and deployment strategy are named after the stack."""

POLL_SECONDS, PATIENCE_SECONDS = 2.0, 15 * 60
"""Only one deployment of an environment may be under way."""

Told = Callable[[str, float], None]
"""Told of what is going on, and how much of it is done (0 to 100)."""


class PublicationRefusedError(PermanentError):
    """AppConfig did not take or not deploy the fleet file: its words, and what to do."""


def publish(
    fleet: Fleet,
    stack: str,
    region: str | None = None,
    told: Told = lambda *_: None,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Stores the fleet as a hosted version and deploys it; answers the version once AppConfig serves it everywhere.

    Raises PublicationRefusedError. A deployment that is still watched (BAKING) already serves everybody.
    """
    appconfig = aws.client("appconfig", region)
    try:
        where = _find(appconfig, stack)
        told("storing", 0)
        version = _store(appconfig, where, fleet)
        number = _start(appconfig, where, version, told, pause)
        _await_served(appconfig, where, number, told, pause)
    except (BotoCoreError, ClientError) as error:
        raise PublicationRefusedError(f"fleet of stack {stack}: {aws.describe(error)}") from error
    return version


def _find(appconfig: Any, stack: str) -> dict[str, str]:
    application = _named(appconfig, "list_applications", stack, "the application")
    within = {"ApplicationId": application}
    environment = _named(appconfig, "list_environments", ENVIRONMENT, "the environment", **within)
    profile = _named(appconfig, "list_configuration_profiles", PROFILE, "the profile", **within)
    strategy = _named(appconfig, "list_deployment_strategies", stack, "the deployment strategy")
    return {
        **within,
        "EnvironmentId": environment,
        "ConfigurationProfileId": profile,
        "DeploymentStrategyId": strategy,
    }


def _named(appconfig: Any, operation: str, name: str, what: str, **within: str) -> str:
    for page in appconfig.get_paginator(operation).paginate(**within):
        for item in page["Items"]:
            if item["Name"] == name:
                return str(item["Id"])
    raise PublicationRefusedError(
        f"AppConfig in {appconfig.meta.region_name} lacks {what} {name}: check --stack and --region, "
        "or deploy the stack first"
    )


def _store(appconfig: Any, where: dict[str, str], fleet: Fleet) -> int:
    """As JSON, which is what the functions read without a YAML parser and what the schema validator takes."""
    answer = appconfig.create_hosted_configuration_version(
        ApplicationId=where["ApplicationId"],
        ConfigurationProfileId=where["ConfigurationProfileId"],
        ContentType="application/json",
        Content=fleet.model_dump_json(by_alias=True, exclude_unset=True).encode(),
    )
    return int(answer["VersionNumber"])


def _start(appconfig: Any, where: dict[str, str], version: int, told: Told, pause: Callable[[float], None]) -> int:
    """Starts the deployment as soon as an earlier one is over."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            answer = appconfig.start_deployment(**where, ConfigurationVersion=str(version))
        except appconfig.exceptions.ConflictException as error:
            if time.monotonic() > deadline:
                raise PublicationRefusedError(
                    f"version {version} is stored but not deployed: {aws.describe(error)}. Publish again later"
                ) from error
            told("waiting for the deployment before this one", 0)
            pause(POLL_SECONDS)
        else:
            return int(answer["DeploymentNumber"])


def _await_served(
    appconfig: Any, where: dict[str, str], number: int, told: Told, pause: Callable[[float], None]
) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    place = {name: where[name] for name in ("ApplicationId", "EnvironmentId")}
    while time.monotonic() < deadline:
        found = appconfig.get_deployment(**place, DeploymentNumber=number)
        done = float(found.get("PercentageComplete", 0))
        told("deploying", done)
        if found["State"] == "COMPLETE" or (found["State"] == "BAKING" and done >= 100):  # noqa: PLR2004 - percent
            return
        if found["State"] in {"ROLLING_BACK", "ROLLED_BACK", "REVERTED"}:
            words = [str(event.get("Description", "")) for event in found.get("EventLog", [])][:1]
            raise PublicationRefusedError(
                f"deployment {number} was rolled back: {''.join(words)[:256]}. The fleet before it is served still"
            )
        pause(POLL_SECONDS)
    raise PublicationRefusedError(f"deployment {number} was not done after {PATIENCE_SECONDS // 60} minutes")
