"""Carries plans out: a few namespaces at a time, each on its own, so that one that refuses stops no other."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from steward.cluster import Cluster
from steward.pullsecrets.breaker import Breaker
from steward.pullsecrets.namespace_work import Manifests, NamespaceWork, Outcome
from steward.pullsecrets.plan import NamespacePlan

CONCURRENCY = 8
IN_A_ROW = 16
"""At most so many namespaces are handed to a thread at once: one by one, the handing over costs a twentieth of the
CPU time again (measured)."""


def carry_out(
    cluster: Cluster,
    plans: Sequence[NamespacePlan],
    manifests: Manifests,
    deadline: float,
) -> Iterator[Outcome]:
    """The outcome of every plan, as they come. What is not begun by `deadline` (a time.monotonic()) is reported."""
    breaker = Breaker(deadline)

    def run(share: Sequence[NamespacePlan]) -> list[Outcome]:
        return [NamespaceWork(cluster, plan, manifests).run(breaker) for plan in share]

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        for outcomes in pool.map(run, shares(plans)):
            yield from outcomes


def shares(plans: Sequence[NamespacePlan]) -> Iterator[Sequence[NamespacePlan]]:
    """The plans in order, in shares that get smaller towards the end, so that all threads end together. Pure."""
    begin = 0
    while begin < len(plans):
        end = begin + min(IN_A_ROW, 1 + (len(plans) - begin) // (2 * CONCURRENCY))
        yield plans[begin:end]
        begin = end
