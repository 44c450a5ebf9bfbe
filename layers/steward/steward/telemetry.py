"""Logs and metrics, with the names that alarms and the dashboard read."""

import os

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from steward.errors import TemporaryError

NAMESPACE = "kubesteward"
SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "kubesteward")
"""The stack's name: the metrics of two stacks in one account must not mix."""

logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


def count(name: str, value: int = 1) -> None:
    metrics.add_metric(name, MetricUnit.Count, value)


def seconds(name: str, value: float) -> None:
    metrics.add_metric(name, MetricUnit.Seconds, value)


def tell_failed_message(error: Exception) -> None:
    """A message that goes back to the queue: foreseen failures in one line, defects with their trace and counted."""
    if isinstance(error, TemporaryError):
        logger.warning(str(error))
    else:
        count("SyncFailures")
        words = "the message could not be handled; it is delivered again, and in the end to the dead letters"
        logger.error(words, exc_info=error)
