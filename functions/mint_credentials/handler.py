"""Renews the registry credentials that are due, and asks for the clusters that hold them."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from steward.environment import MintVariables
from steward.errors import StewardError
from steward.pullsecrets.house import House
from steward.state.published import FleetUnpublishedError
from steward.telemetry import count, logger, metrics


class MintEvent(BaseModel):
    """`{}` from the schedule; `{"rotate": true}` by hand renews everything."""

    rotate: bool = False


@cache
def house() -> House:
    return House(MintVariables.read())


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Answers which principals were renewed, are still fresh, or failed and why."""
    asked = MintEvent.model_validate(event)
    try:
        minted = house().mint(rotate=asked.rotate)
    except FleetUnpublishedError as error:
        count("CredentialsMinted", 0)
        logger.warning(str(error))
        return {"unpublished": str(error)}
    except StewardError as error:
        count("MintFailures")
        logger.error(str(error))
        raise
    count("CredentialsMinted", len(minted.renewed))
    count("MintFailures", len(minted.failed))
    for reason in minted.failed.values():
        logger.error(reason)
    logger.info("minted", extra={"renewed": minted.renewed, "fresh": minted.fresh})
    return {"renewed": minted.renewed, "fresh": minted.fresh, "failed": minted.failed}
