"""What cold starts are compared with: a handler as most are written, everything imported and made at the top."""

from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext
from kubernetes import client
from pydantic import BaseModel

logger = Logger(service="usual")
metrics = Metrics(namespace="usual", service="usual")
ecr = boto3.client("ecr", region_name="eu-west-1")
core = client.CoreV1Api()


class Event(BaseModel):
    """The event, checked."""

    rotate: bool = False


@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers what it was asked: only its start is measured."""
    assert context
    return Event.model_validate(event).model_dump()
