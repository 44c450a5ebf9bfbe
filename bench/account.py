"""An AWS account with nothing in it but our table, emulated by moto inside this process."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws

from steward import aws

_TABLE = "bench"
_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@contextmanager
def emulated_account() -> Iterator[Any]:
    """The table, as steward gets it. Whatever goes to a loopback address leaves moto and arrives."""
    with patch.dict(os.environ, _VARIABLES), mock_aws():
        aws.forget_clients()
        keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        boto3.client("dynamodb").create_table(
            TableName=_TABLE,
            KeySchema=keys,
            AttributeDefinitions=[{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        yield aws.table(_TABLE)
        aws.forget_clients()


def count_calls(table: Any) -> Counter[str]:
    """Counts, from now on, the requests that go to DynamoDB through this table, by operation."""
    calls: Counter[str] = Counter()

    def count(model: Any, **_: object) -> None:
        calls[model.name] += 1

    table.meta.client.meta.events.register("before-call.dynamodb", count)
    return calls
