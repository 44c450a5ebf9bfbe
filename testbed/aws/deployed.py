"""The stack after `sam deploy`: publish a fleet, invoke functions, look at queues and logs."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

from testbed.aws import sam

FUNCTIONS = ("MintCredentials", "SyncPullSecrets", "ObserveClusters")
"""Logical ids in template.yaml."""


class StackError(RuntimeError):
    """The deployed stack did not do what was waited for; the message ends with what it did instead."""


@dataclass(slots=True)
class DeployedStack:
    """A stack by its name in the account behind `endpoint_url`."""

    endpoint_url: str
    environment: dict[str, str]
    name: str = "kubesteward"
    _resources: dict[str, str] = field(default_factory=dict)

    def deploy(self, parameters: Mapping[str, str]) -> None:
        """`sam deploy` of what `sam build` made. Raises SamError with the tool's own words."""
        sam.deploy(self.endpoint_url, self.name, parameters)
        self._write_numbers_as_numbers()
        self._allow_batches()

    def _allow_batches(self) -> None:
        """On AWS sqs:SendMessage allows batches (SQS API permissions reference); the emulator wants them named."""
        statement = {"Effect": "Allow", "Action": "sqs:SendMessageBatch", "Resource": self.queue_arn("SyncQueue")}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        for role in ("MintCredentialsRole", "ObserveClustersRole"):
            self.client("iam").put_role_policy(
                RoleName=self.physical(role), PolicyName="emulator-batches", PolicyDocument=document
            )

    def _write_numbers_as_numbers(self) -> None:
        """The emulator keeps a Number parameter in an event source mapping as text, and its poller then stops."""
        functions = self.client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            most = int(mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 2))
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": most})

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )

    def physical(self, logical: str) -> str:
        """The physical id of a resource of the template. Raises KeyError if the stack has none of that name."""
        if not self._resources:
            pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.name)
            found = (summary for page in pages for summary in page["StackResourceSummaries"])
            self._resources = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
        return self._resources[logical]

    def publish(self, fleet: dict[str, Any]) -> None:
        """`steward publish`, as a user would. Raises StackError with what it said."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(json.dumps(fleet))
            file.flush()
            command = [sys.executable, "-m", "steward_cli", "publish", "--fleet", file.name, "--stack", self.name]
            done = subprocess.run(
                command, env=os.environ | self.environment, capture_output=True, text=True, check=False
            )
        if done.returncode != 0:
            raise StackError(f"steward publish failed with {done.returncode}: {done.stderr}")

    def keep_cluster_token(self, cluster: str, token: str) -> str:
        """Stores a cluster's bearer token where the stack's policy lets it be read; answers the secret's name."""
        name, secrets = f"kubesteward/{self.name}/clusters/{cluster}", self.client("secretsmanager")
        try:
            secrets.create_secret(Name=name, SecretString=token)
        except secrets.exceptions.ResourceExistsException:
            secrets.put_secret_value(SecretId=name, SecretString=token)
        return name

    def function_variables(self, logical: str) -> dict[str, str]:
        """The deployed function's environment, and what leads its AWS calls to this account."""
        found = self.client("lambda").get_function_configuration(FunctionName=self.physical(logical))
        return {**found["Environment"]["Variables"], **self.environment}

    def invoke(self, logical: str, event: dict[str, Any]) -> Any:
        """Invokes a function and answers its payload. Raises StackError with the function's own error."""
        answer = self.client("lambda").invoke(FunctionName=self.physical(logical), Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise StackError(f"{logical}: {payload}")
        return payload

    def queue_depth(self, logical: str) -> int:
        """Messages waiting in a queue of the template."""
        url = self.physical(logical)
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"])

    def queue_arn(self, logical: str) -> str:
        """The ARN of a queue of the template."""
        found = self.client("sqs").get_queue_attributes(QueueUrl=self.physical(logical), AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])

    def logs(self, logical: str) -> list[str]:
        """Every log line of a function so far."""
        logs, group = self.client("logs"), self.physical(f"{logical}Logs")
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        found = (logs.get_log_events(logGroupName=group, logStreamName=each["logStreamName"]) for each in streams)
        return [event["message"] for page in found for event in page["events"]]

    def last_words(self) -> str:
        """What the functions said last, for whoever waits in vain."""
        lines = [line for name in FUNCTIONS for line in self.logs(name)[-3:]]
        return "The functions said last:\n" + "\n".join(line[:600] for line in lines)


def wait_until(condition: Callable[[], bool], seconds: float, what: str, hint: Callable[[], str] = lambda: "") -> float:
    """Seconds until `condition` held. Raises StackError after `seconds`: nothing tells us when a schedule has fired."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise StackError(f"not within {seconds:.0f} s: {what}. {hint()}")
        time.sleep(0.25)
    return time.monotonic() - started
