"""What Lambda gives a handler, and what a handler leaves in the log."""

import json
from pathlib import Path
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

EVENTS = Path(__file__).parents[3] / "events"


class Context(LambdaContext):
    """An invocation with `seconds` left."""

    def __init__(self, seconds: float = 300) -> None:
        self._function_name = "kubesteward-test"
        self._memory_limit_in_mb = 512
        self._invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:kubesteward-test"
        self._aws_request_id = "52fdfc07-2182-154f-163f-5f0f9a621d72"
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override] # powertools declares it static
        return int(self._seconds * 1000)


def sample(function: str, name: str) -> dict[str, Any]:
    """A sample event of the repository."""
    event: dict[str, Any] = json.loads((EVENTS / function / f"{name}.json").read_text())
    return event


def message(body: str | dict[str, Any], number: int = 1, receipt: str = "receipt", receives: int = 1) -> dict[str, Any]:
    """One SQS record as a function gets it."""
    return {
        "messageId": f"message-{number}",
        "receiptHandle": receipt,
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:sync",
        "awsRegion": "eu-west-1",
    }


def handed_back(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"message-{number}"} for number in numbers]}


class Told:
    """Everything that handlers have printed: JSON lines, of which some carry metrics."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines() if line]

    def metrics(self) -> dict[str, float]:
        """Name -> sum; each is asserted to carry the namespace and the dimension that alarms ask for."""
        found: dict[str, float] = {}
        for line in self.lines:
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                assert (directive["Namespace"], directive["Dimensions"]) == ("kubesteward", [["service"]])
                assert line["service"] == "kubesteward"
                found |= {metric["Name"]: sum(line[metric["Name"]]) for metric in directive["Metrics"]}
        return found

    def messages(self, level: str) -> list[str]:
        return [str(line["message"]) for line in self.lines if line.get("level") == level]
