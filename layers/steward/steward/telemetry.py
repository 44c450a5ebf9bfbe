"""Logs and metrics, with the names that alarms and the dashboard read."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "kubesteward"

logger = Logger(service="kubesteward")
metrics = Metrics(namespace=NAMESPACE, service="kubesteward")


def count(name: str, value: int = 1) -> None:
    metrics.add_metric(name, MetricUnit.Count, value)


def seconds(name: str, value: float) -> None:
    metrics.add_metric(name, MetricUnit.Seconds, value)
