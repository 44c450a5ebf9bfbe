"""What template.yaml must hold besides being valid: the promises that live in it, and what it shares with the code."""

import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import SqsModel
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

from steward.environment import HouseVariables, MintVariables
from steward.state.messages import SyncRequest
from testbed.aws.validator import MOST_BYTES, SCHEMA, TEMPLATE, ValidatorError, embed

ROOT = TEMPLATE.parent
EVENTS = ROOT / "events"
FUNCTIONS = {
    "MintCredentials": MintVariables,
    "SyncPullSecrets": HouseVariables,
    "ObserveClusters": HouseVariables,
}
ON_EVERY_RESOURCE = {
    "ecr:GetAuthorizationToken",
    "ecr-public:GetAuthorizationToken",
    "sts:GetServiceBearerToken",
    "eks:ListClusters",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
"""Actions for which IAM knows no resource; whatever else asks for a star is a mistake."""

TEXT = TEMPLATE.read_text()
DOCUMENT: dict[str, Any] = json.loads(json.dumps(cfn_yaml.load(str(TEMPLATE))))
RESOURCES: dict[str, dict[str, Any]] = DOCUMENT["Resources"]
GLOBALS: dict[str, Any] = DOCUMENT["Globals"]["Function"]


def of_type(name: str) -> dict[str, dict[str, Any]]:
    """Logical id -> properties of the resources of a type."""
    return {key: one.get("Properties", {}) for key, one in RESOURCES.items() if one["Type"] == name}


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy of a role, with the logical id it belongs to; both branches of an If."""
    for key, policy in of_type("AWS::IAM::ManagedPolicy").items():
        yield from ((key, one) for one in flat(policy["PolicyDocument"]["Statement"]))
    for key, role in of_type("AWS::IAM::Role").items():
        for policy in role["Policies"]:
            yield from ((key, one) for one in flat(policy["PolicyDocument"]["Statement"]))


def flat(found: list[Any]) -> Iterator[dict[str, Any]]:
    for one in found:
        yield from (branch for branch in one["Fn::If"][1:] if "Action" in branch) if "Fn::If" in one else [one]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def referred(value: Any) -> str:
    """The logical id that a Ref or GetAtt names."""
    found = value.get("Ref") or value["Fn::GetAtt"]
    return found if isinstance(found, str) else str(found[0])


def allowed(function: str) -> dict[str, str]:
    """Action -> resource as text, of a function's role and the policies attached to it."""
    role = referred(of_type("AWS::Serverless::Function")[function]["Role"])
    owners = {role, *(referred(one) for one in of_type("AWS::IAM::Role")[role].get("ManagedPolicyArns", []))}
    return {
        action: json.dumps(one["Resource"])
        for owner, one in statements()
        if owner in owners
        for action in listed(one["Action"])
    }


def handler(function: str) -> ModuleType:
    path = ROOT / of_type("AWS::Serverless::Function")[function]["CodeUri"] / "handler.py"
    spec = importlib.util.spec_from_file_location(f"handler_of_{function}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def events(folder: str) -> list[Path]:
    found = sorted((EVENTS / folder).glob("*.json"))
    assert found
    return found


# --- the fleet file ---------------------------------------------------------------------------------------------


def test_appconfig_refuses_what_the_published_schema_refuses() -> None:
    validator = of_type("AWS::AppConfig::ConfigurationProfile")["FleetProfile"]["Validators"][0]
    assert validator["Type"] == "JSON_SCHEMA"
    assert json.loads(validator["Content"]) == json.loads(SCHEMA.read_text()), "run `python -m testbed.aws.validator`"
    assert len(validator["Content"].encode()) <= MOST_BYTES


def test_embedding_the_schema_twice_changes_nothing() -> None:
    schema = json.loads(SCHEMA.read_text())
    assert embed(embed(TEXT, schema), schema) == embed(TEXT, schema)


def test_a_changed_schema_lands_in_the_template() -> None:
    changed = embed(TEXT, {"title": "other", "$defs": {"A": {"type": "string"}, "B": {}}, "type": "object"})
    assert '            "A":{"type":"string"},\n            "B":{}},\n            "type":"object"}\n\n' in changed


@pytest.mark.parametrize(
    ("template", "schema", "told"),
    [
        (TEXT, {"title": "x" * MOST_BYTES}, "longer than AppConfig takes"),
        ("Resources: {}\n", {"title": "x"}, "no validator"),
    ],
)
def test_a_schema_that_cannot_be_embedded_is_refused(template: str, schema: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidatorError, match=told):
        embed(template, schema)


# --- queues and schedules ---------------------------------------------------------------------------------------


def test_a_message_stays_hidden_for_six_timeouts_of_its_function() -> None:
    for function in of_type("AWS::Serverless::Function").values():
        for event in function["Events"].values():
            if event["Type"] == "SQS":
                queue = of_type("AWS::SQS::Queue")[referred(event["Properties"]["Queue"])]
                assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
                assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_queue_ends_in_one_that_keeps_letters_longer_and_alarms() -> None:
    queues = of_type("AWS::SQS::Queue")
    ends = {key for key, queue in queues.items() if "RedrivePolicy" not in queue}
    alarmed = {
        referred(alarm["Dimensions"][0]["Value"])
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    assert ends == alarmed == {"SyncDeadLetters", "ScheduleDeadLetters"}
    for queue in queues.values():
        assert "KmsMasterKeyId" in queue
        if "RedrivePolicy" in queue:
            target = queues[referred(queue["RedrivePolicy"]["deadLetterTargetArn"])]
            assert target["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_a_schedules_call_that_fails_is_kept() -> None:
    for key, function in of_type("AWS::Serverless::Function").items():
        for event in function["Events"].values():
            if event["Type"] == "ScheduleV2":
                given = event["Properties"]
                assert referred(given["DeadLetterConfig"]["Arn"]) == "ScheduleDeadLetters"
                assert given["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 60
                assert given["OmitName"] is True, "a name of its own would clash with a second stack's"
                failed = function["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"]
                assert "ScheduleDeadLetters" in allowed(key)["sqs:SendMessage"]
                assert referred(failed) == "ScheduleDeadLetters"


def test_a_run_ends_before_its_schedule_starts_the_next() -> None:
    functions = of_type("AWS::Serverless::Function")
    assert DOCUMENT["Parameters"]["MintSchedule"]["Default"] == "rate(5 minutes)"
    assert functions["MintCredentials"]["Timeout"] < 5 * 60
    assert functions["ObserveClusters"]["Events"]["EveryMinute"]["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert functions["ObserveClusters"]["Timeout"] < 60


# --- permissions ------------------------------------------------------------------------------------------------


def test_only_actions_without_resources_are_allowed_on_a_star() -> None:
    starred = {a for _, one in statements() if "*" in listed(one["Resource"]) for a in listed(one["Action"])}
    assert starred == ON_EVERY_RESOURCE


def test_every_star_says_why_beside_it() -> None:
    lines = [line for line in TEXT.splitlines() if re.search(r'Resource: "?\*', line)]
    assert lines
    assert all(re.search(r"\* ?\"? # \S+", line) for line in lines), lines


def test_no_action_is_a_pattern() -> None:
    assert [action for _, one in statements() for action in listed(one["Action"]) if "*" in action] == []


def test_no_policy_of_aws_itself_is_attached() -> None:
    attached = [arn for role in of_type("AWS::IAM::Role").values() for arn in role.get("ManagedPolicyArns", [])]
    assert {referred(arn) for arn in attached} == set(of_type("AWS::IAM::ManagedPolicy"))
    assert all("Role" in function for function in of_type("AWS::Serverless::Function").values())


def test_every_partition_is_served() -> None:
    code = "\n".join(line for line in TEXT.splitlines() if "$defs" not in line and '"pattern"' not in line)
    assert "arn:aws" not in code
    assert "amazonaws.com.cn" not in code


def test_each_function_reaches_only_the_secrets_it_needs() -> None:
    mint, sync, observe = (allowed(name) for name in FUNCTIONS)
    assert "secretsmanager:GetSecretValue" not in mint
    assert {"secretsmanager:PutSecretValue", "ecr:GetAuthorizationToken"} & (sync.keys() | observe.keys()) == set()
    assert "/credentials/*" in sync["secretsmanager:GetSecretValue"]
    assert "/credentials/" not in observe["secretsmanager:GetSecretValue"]


def test_a_minted_token_can_pull_and_nothing_else() -> None:
    """An ECR token can do what the role behind it can do."""
    of_ecr = {action for action in allowed("MintCredentials") if action.startswith("ecr:")}
    assert of_ecr == {
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    }


# --- functions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "model"), FUNCTIONS.items())
def test_every_variable_that_a_function_reads_is_set(function: str, model: type[HouseVariables]) -> None:
    own = of_type("AWS::Serverless::Function")[function].get("Environment", {}).get("Variables", {})
    assert {name.upper() for name in model.model_fields} <= (GLOBALS["Environment"]["Variables"] | own).keys()


def test_the_list_of_functions_here_is_whole() -> None:
    assert of_type("AWS::Serverless::Function").keys() == FUNCTIONS.keys()


def test_the_runtime_is_the_one_that_everything_is_tested_on() -> None:
    """`sam validate --lint` takes a runtime that does not exist without a word."""
    parameter = DOCUMENT["Parameters"]["PythonRuntime"]
    assert parameter["Default"] == "python3.13"
    assert parameter["AllowedValues"] == ["python3.13", "python3.14"]
    assert GLOBALS["Runtime"] == {"Ref": "PythonRuntime"}
    for makefile in ("layers/dependencies/Makefile", "layers/steward/Makefile", "functions/Makefile"):
        assert "PYTHON_VERSION ?= 3.13\n" in (ROOT / makefile).read_text()


def test_every_function_logs_as_json_into_a_group_that_forgets() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())
    assert GLOBALS["LoggingConfig"]["LogFormat"] == "JSON"
    for key, function in of_type("AWS::Serverless::Function").items():
        group = referred(function["LoggingConfig"]["LogGroup"])
        assert group in groups
        assert group in allowed(key)["logs:PutLogEvents"]


def test_tracing_is_on() -> None:
    assert GLOBALS["Tracing"] == "Active"


def test_a_change_in_a_layer_is_published() -> None:
    """The alias follows new versions, and without AllProperties only a function's own code would make one."""
    assert GLOBALS["AutoPublishAlias"] == "live"
    assert all(one["AutoPublishAliasAllProperties"] for one in of_type("AWS::Serverless::Function").values())


# --- alarms -----------------------------------------------------------------------------------------------------


def test_silence_about_freshness_is_an_alarm() -> None:
    alarm = of_type("AWS::CloudWatch::Alarm")["FreshnessAlarm"]
    assert (alarm["MetricName"], alarm["TreatMissingData"]) == ("OldestRemainingLifetime", "breaching")
    assert (alarm["Statistic"], alarm["ComparisonOperator"]) == ("Minimum", "LessThanThreshold")


def test_every_alarm_is_told_to_someone_and_shown() -> None:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for key, alarm in of_type("AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"] == alarm["OKActions"]
        assert alarm["AlarmActions"][0]["Fn::If"][0] == "MakesTopic"
        assert f"${{{key}.Arn}}" in body


def test_every_function_has_an_alarm_on_its_errors() -> None:
    alarms = [one for one in of_type("AWS::CloudWatch::Alarm").values() if one["MetricName"] == "Errors"]
    assert {referred(one["Dimensions"][0]["Value"]) for one in alarms} == FUNCTIONS.keys()


def test_the_dashboard_is_json() -> None:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = json.loads(re.sub(r"\$\{[^}]+\}", "0", body))
    assert {widget["type"] for widget in shown["widgets"]} == {"metric", "alarm"}


def test_every_metric_that_is_watched_is_emitted() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
    emitted = set(re.findall(r'(?:count|seconds)\(\s*"(\w+)"', code))
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    alarmed = {
        one["MetricName"] for one in of_type("AWS::CloudWatch::Alarm").values() if one["Namespace"] == "kubesteward"
    }
    shown = {
        name
        for widget in json.loads(re.sub(r"\$\{[^}]+\}", "0", body))["widgets"]
        if (rows := widget["properties"].get("metrics")) and rows[0][0] == "kubesteward"
        for name in (row[1] for row in rows)
    }
    assert alarmed | shown <= emitted


# --- events/ and samconfig.toml ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "model", "path"),
    [
        (function, model, path)
        for function, model in (("MintCredentials", "MintEvent"), ("ObserveClusters", "ObserveEvent"))
        for path in events(of_type("AWS::Serverless::Function")[function]["CodeUri"].removeprefix("functions/"))
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_an_event_is_one_that_the_function_takes(function: str, model: str, path: Path) -> None:
    event = json.loads(path.read_text())
    taken = getattr(handler(function), model).model_validate(event, extra="forbid")
    assert taken.model_dump(exclude_unset=True) == event


@pytest.mark.parametrize("path", events("sync_pull_secrets"), ids=lambda path: path.stem)
def test_a_queued_event_has_the_shape_of_sqs_and_asks_for_clusters(path: Path) -> None:
    records = SqsModel.model_validate_json(path.read_bytes()).Records
    asked = [SyncRequest.model_validate_json(str(record.body)).cluster for record in records]
    assert asked
    assert len({record.messageId for record in records}) == len(asked)


def test_every_schedule_has_its_event() -> None:
    for function in of_type("AWS::Serverless::Function").values():
        folder = function["CodeUri"].removeprefix("functions/")
        samples = [json.loads(path.read_text()) for path in events(folder)]
        for event in function["Events"].values():
            if event["Type"] == "ScheduleV2":
                assert json.loads(event["Properties"]["Input"]) in samples


def test_samconfig_names_parameters_that_exist() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    named = {
        override.partition("=")[0]
        for environment in ("default", "local")
        for command in config[environment].values()
        for override in command["parameters"].get("parameter_overrides", [])
    }
    assert named <= DOCUMENT["Parameters"].keys()
    assert "Architecture" in named
