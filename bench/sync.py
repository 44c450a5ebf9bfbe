"""1,000 namespaces on a real kube-apiserver: first run, rotation, no change; and rotation against the floor."""

import math
import secrets
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from bench.audit import AuditLog, Counts, writes
from bench.fleet_cluster import CONTROLLER_ACCOUNTS, cluster_of, names_of
from bench.quiet import Foreigners, wait_until_quiet
from bench.result import Bar, Figure, Result
from bench.worker import Worker
from bench.workload import new_credential
from steward.cluster.client import PAGE
from steward.cluster.transport import CONCURRENCY
from steward.images.docker_config import Content, render_docker_config, render_secret

NAMESPACES = 1000
ROUNDS = 15
MOST_ROUNDS = 30
QUIET = 0.1
"""A round is quiet when others had at most this share of the machine. What they take hits one side or the other, and
slows the API server until neither side matters, which flatters us."""
LEAST_QUIET = 9
PATIENCE_SECONDS = 300
"""That long, over all rounds, is waited for others to be quiet."""
RUNS = {"first run": True, "rotation": True, "no change": False}
"""Each kind of run, and whether there is a new credential."""
_HOST = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
_HEADERS = {
    "Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
    "Content-Type": "application/apply-patch+yaml",
    "User-Agent": "floor",
}
"""The floor sends what we send, so that the API server's work is the same for both."""

Round = Mapping[str, dict[str, Any]]
"""Side -> what its rotation took."""


def measure() -> Result:
    """Counts from the audit log, over an emulated table too, then the floor and ours in turns."""
    users = {"steward": secrets.token_urlsafe(24), "floor": secrets.token_urlsafe(24)}
    with ExitStack() as stack:
        plane, audit = stack.enter_context(cluster_of(NAMESPACES, users))
        ours = {"url": plane.url, "ca": plane.ca_pem, "token": users["steward"]}
        steward = stack.enter_context(Worker("bench.steward_worker", ours))
        floor = stack.enter_context(Worker("bench.floor_worker", _floor_configuration(ours, users["floor"])))
        counted = [*_count_requests(steward, audit)]
        with Worker("bench.steward_worker", {**ours, "emulated_table": True}) as remembering:
            counted += _count_dynamodb(remembering)
        _ask_floor(floor)
        quiet, noisy = _take_rounds(steward, floor)
    rounds = quiet if len(quiet) >= LEAST_QUIET else quiet + noisy
    counted.append(Figure("quiet rounds", len(quiet), bar=Bar("at least", LEAST_QUIET)))
    return Result("sync", counted + _compare(rounds), _samples(rounds), [_describe(quiet, noisy)])


def _floor_configuration(ours: Mapping[str, str], token: str) -> dict[str, Any]:
    own = {"namespaces": names_of(NAMESPACES), "name": "floor", "concurrency": CONCURRENCY, "headers": _HEADERS}
    return {**ours, **own, "token": token}


def _count_requests(steward: Worker, audit: AuditLog) -> Iterator[Figure]:
    """One run of each kind, and what the API server saw of it."""
    audit.requests("steward")
    pages = math.ceil(NAMESPACES / PAGE) + math.ceil((NAMESPACES + CONTROLLER_ACCOUNTS) / PAGE)
    seen = {run: _run_and_count(steward, audit, rotate=rotate) for run, rotate in RUNS.items()}
    yield Figure("first run: requests", seen["first run"].total(), bar=Bar("at most", 2010))
    yield Figure("rotation: writes", writes(seen["rotation"]), bar=Bar("exactly", NAMESPACES))
    yield Figure("rotation: lists", _lists(seen["rotation"]), bar=Bar("at most", pages))
    yield Figure("rotation: requests", seen["rotation"].total(), bar=Bar("at most", NAMESPACES + pages))
    yield Figure("no change: writes", writes(seen["no change"]), bar=Bar("exactly", 0))
    yield Figure("no change: requests", seen["no change"].total(), bar=Bar("at most", 5))
    for run, counts in seen.items():
        yield from (Figure(f"{run}: {verb} {what}", number) for (verb, what), number in sorted(counts.items()))


def _run_and_count(steward: Worker, audit: AuditLog, *, rotate: bool) -> Counts:
    answer = steward.ask(rotate=rotate)
    assert not answer["wrong"], answer["wrong"]
    return audit.requests("steward")


def _lists(counts: Counts) -> int:
    return sum(number for (verb, _), number in counts.items() if verb == "list")


def _count_dynamodb(remembering: Worker) -> Iterator[Figure]:
    for run, rotate in RUNS.items():
        calls: dict[str, int] = remembering.ask(rotate=rotate)["dynamodb"]
        yield from (Figure(f"{run}: DynamoDB {operation}", number) for operation, number in sorted(calls.items()))


def _take_rounds(steward: Worker, floor: Worker) -> tuple[list[Round], list[Round]]:
    """The quiet rounds and the others. Who begins changes from round to round."""
    sides = {"floor": lambda: _ask_floor(floor), "steward": lambda: _ask_steward(steward)}
    quiet: list[Round] = []
    noisy: list[Round] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(quiet) < ROUNDS and len(quiet) + len(noisy) < MOST_ROUNDS:
        order = sorted(sides, reverse=(len(quiet) + len(noisy)) % 2 == 1)
        wait_until_quiet(QUIET, deadline)
        with Foreigners() as foreigners:
            taken = {side: sides[side]() for side in order}
        (quiet if foreigners.share <= QUIET else noisy).append(taken)
    return quiet, noisy


def _describe(quiet: Sequence[Round], noisy: Sequence[Round]) -> str:
    """Which rounds count: where too few are quiet all do, a bad measurement that says so by a bar of its own."""
    if len(quiet) >= LEAST_QUIET:
        return f"{len(quiet)} quiet rounds; {len(noisy)} left out, in which others had over {QUIET:.0%} of the machine"
    return f"the machine was too busy: all {len(quiet) + len(noisy)} rounds count, which proves nothing; measure again"


def _ask_steward(steward: Worker) -> dict[str, Any]:
    answer = steward.ask(rotate=True)
    assert answer["counts"] == {"updated": NAMESPACES}, answer
    return answer


def _ask_floor(floor: Worker) -> dict[str, Any]:
    """A rotation by the floor: a body as large as ours, with a new password."""
    credential = new_credential("floor")
    content = Content("0123456789ab-0123456789ab", credential.expires_at)
    body = render_secret("floor", content, render_docker_config({_HOST: credential}))
    answer = floor.ask(body=body.decode())
    assert not answer["refused"], answer
    return answer


def _samples(rounds: Sequence[Round]) -> dict[str, list[float]]:
    pairs = [(side, what) for side in ("floor", "steward") for what in ("seconds", "cpu_seconds")]
    return {f"{side} {what}": [one[side][what] for one in rounds] for side, what in pairs}


def _compare(rounds: Sequence[Round]) -> list[Figure]:
    samples = _samples(rounds)
    ratios = [one["floor"]["seconds"] / one["steward"]["seconds"] for one in rounds]
    best = min(samples["floor seconds"]) / min(samples["steward seconds"])
    return [
        Figure("rotation: throughput / floor", statistics.median(ratios), bar=Bar("at least", 0.9)),
        Figure("rotation: throughput / floor, best of each", best),
        *(Figure(f"rotation: {name}", statistics.median(taken), "s") for name, taken in samples.items()),
        *(Figure(f"rotation: {side} peak memory", rounds[-1][side]["peak_mb"], "MB") for side in ("floor", "steward")),
    ]
