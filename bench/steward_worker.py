"""Our side: steward's own sync use case over one cluster."""

import atexit
import importlib.util
import os
from contextlib import ExitStack
from typing import Any

from bench.memory_table import MemoryTable
from bench.worker import ROOT, Run, serve
from bench.workload import Credentials, one_registry_fleet
from steward import aws
from steward.cluster import Access, Cluster
from steward.pullsecrets.sync import Sync, in_seconds
from steward.state.placements import TablePlacements

CLUSTER = "bench"


def prepare(configuration: dict[str, Any]) -> Run:
    """`run` brings the cluster into line over new connections; with `rotate`, with a new credential.

    `emulated_table` keeps the placements in moto, and the answer says how often DynamoDB was called;
    `as_in_the_function` loads what the Lambda holds besides.
    """
    calls, table = None, MemoryTable()
    if configuration.get("emulated_table"):
        from bench.account import count_calls, emulated_account

        stack = ExitStack()
        atexit.register(stack.close)
        table = stack.enter_context(emulated_account())
        calls = count_calls(table)
    if configuration.get("as_in_the_function"):
        load_the_function()
    credentials, book = Credentials(one_registry_fleet(CLUSTER)), TablePlacements(table)

    def run(request: dict[str, Any]) -> dict[str, Any]:
        if request.get("rotate"):
            credentials.rotate()
        access = Access(configuration["url"], lambda: configuration["token"], configuration["ca"])
        sync = Sync(Cluster(CLUSTER, access), credentials.desired(CLUSTER), book)
        report = sync.run(credentials.read, deadline=in_seconds(600))
        answer = {"counts": report.counts(), "wrong": report.summary()["wrong"], "dynamodb": dict(calls or {})}
        if calls is not None:
            calls.clear()
        return answer

    return run


def load_the_function() -> None:
    """The modules and AWS clients that sync_pull_secrets holds when it works."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    path = ROOT / "functions" / "sync_pull_secrets" / "handler.py"
    spec = importlib.util.spec_from_file_location("handler", path)
    assert spec
    assert spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    aws.table("none")
    for service in ("appconfigdata", "secretsmanager", "sqs", "sts", "eks"):
        aws.client(service, "eu-west-1")


if __name__ == "__main__":
    serve(prepare)
