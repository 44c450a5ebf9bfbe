"""Most memory of a process that syncs 5,000 namespaces of a real kube-apiserver, loaded as the function is."""

import secrets

from bench.fleet_cluster import cluster_of
from bench.result import Bar, Figure, Result
from bench.worker import Worker

NAMESPACES = 5000
LIMIT_MB = 150


def measure() -> Result:
    """The first run, which reads and writes every service account too, and a rotation after it, in one process."""
    token = secrets.token_urlsafe(24)
    with cluster_of(NAMESPACES, {"steward": token}) as (plane, _):
        configuration = {"url": plane.url, "ca": plane.ca_pem, "token": token, "as_in_the_function": True}
        with Worker("bench.steward_worker", configuration) as steward:
            runs = {run: steward.ask(rotate=True) for run in ("first run", "rotation")}
    assert runs["first run"]["counts"] == {"created": NAMESPACES, "updated": NAMESPACES}, runs
    assert runs["rotation"]["counts"] == {"updated": NAMESPACES}, runs
    figures = [
        Figure("peak memory", runs["rotation"]["peak_mb"], "MB", Bar("under", LIMIT_MB)),
        Figure("peak memory until the end of the first run", runs["first run"]["peak_mb"], "MB"),
        *(Figure(f"{run}: seconds", answer["seconds"], "s") for run, answer in runs.items()),
    ]
    return Result("memory", figures)
