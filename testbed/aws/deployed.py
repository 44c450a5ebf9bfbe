"""The stack after `sam deploy`: publish a fleet, invoke functions, look at queues and logs."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

from steward.fleet import read_fleet
from testbed.aws import sam


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
        """On AWS sqs:SendMessage allows SendMessageBatch (SQS API permissions reference); the emulator wants it named."""
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
        """Puts a fleet file into AppConfig, as `steward publish` does."""
        text = json.dumps(fleet)
        read_fleet(text)
        appconfig = self.client("appconfig")
        application, profile = self.physical("FleetApplication"), self.physical("FleetProfile")
        version = appconfig.create_hosted_configuration_version(
            ApplicationId=application,
            ConfigurationProfileId=profile,
            Content=text.encode(),
            ContentType="application/json",
        )
        appconfig.start_deployment(
            ApplicationId=application,
            EnvironmentId=self.physical("FleetEnvironment"),
            DeploymentStrategyId="AppConfig.AllAtOnce",
            ConfigurationProfileId=profile,
            ConfigurationVersion=str(version["VersionNumber"]),
        )

    def keep_cluster_token(self, cluster: str, token: str) -> str:
        """Stores a cluster's bearer token where the stack's policy lets it be read; answers the secret's name."""
        name = f"kubesteward/{self.name}/clusters/{cluster}"
        self.client("secretsmanager").create_secret(Name=name, SecretString=token)
        return name

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


def wait_until(condition: Callable[[], bool], seconds: float, what: str, hint: Callable[[], str] = lambda: "") -> float:
    """Seconds until `condition` held. Raises StackError after `seconds`: nothing tells us when a schedule has fired."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise StackError(f"not within {seconds:.0f} s: {what}. {hint()}")
        time.sleep(0.25)
    return time.monotonic() - started
