"""Looks at every cluster: new namespaces, and how long the credentials in the fleet still live."""

import time
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from steward.environment import HouseVariables
from steward.pullsecrets.house import House
from steward.state.published import FleetUnpublishedError
from steward.telemetry import count, logger, metrics, seconds


class ObserveEvent(BaseModel):
    """`{}` every minute; `{"repair": true}` once a day has everything written again."""

    repair: bool = False


@cache
def house() -> House:
    return House(HouseVariables.read())


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Answers the clusters that were asked for and those that could not be looked at."""
    try:
        sightings, errors = house().observe(repair=ObserveEvent.model_validate(event).repair)
    except FleetUnpublishedError as error:
        count("ClustersUnreachable", 0)
        logger.warning(str(error))
        return {"unpublished": str(error)}
    unreachable = {seen.cluster: seen.error for seen in sightings if seen.error}
    count("ClustersUnreachable", len(unreachable) + len(errors))
    ends = [seen.oldest_expiry for seen in sightings if seen.oldest_expiry is not None]
    if ends:
        seconds("OldestRemainingLifetime", max(0.0, min(ends) - time.time()))
    for reason in [*unreachable.values(), *errors]:
        logger.warning(reason)
    asked = [seen.cluster for seen in sightings if seen.request]
    logger.info("observed", extra={"clusters": len(sightings), "asked": asked})
    return {"asked": asked, "unreachable": unreachable, "errors": errors}
