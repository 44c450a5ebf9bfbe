"""`plan` and `apply` over clusters: a few at a time, each with a report whatever happens."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from steward.cluster import Cluster
from steward.errors import StewardError
from steward.pullsecrets.report import Report
from steward.pullsecrets.sync import Sync
from steward_cli.cluster_book import ClusterBook
from steward_cli.minting import Minting, least_remaining
from steward_cli.targets import Target

AT_ONCE = 4
"""Clusters at the same time; each takes up to eight requests at once."""


class Progress:
    """Hears how far the work on each cluster is; this one keeps it to itself."""

    def begin(self, cluster: str) -> None: ...

    def advance(self, cluster: str, concerned: int) -> None:
        """One namespace more of about `concerned` is done."""

    def end(self, cluster: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Bring:
    """One command over the fleet's clusters."""

    minting: Minting
    everything: bool
    """Leave nothing where it lies, however fresh."""
    progress: Progress = field(default_factory=Progress)

    def plan(self, targets: Sequence[Target]) -> list[Report]:
        """What `apply` would do. Mints nothing, writes nothing."""
        return list(self._each(targets, self._plan))

    def apply(self, targets: Sequence[Target]) -> list[Report]:
        """Brings the clusters into line. Mints only for what has to be written."""
        return list(self._each(targets, self._apply))

    def _each(self, targets: Sequence[Target], work: Callable[[Cluster], Report]) -> Iterator[Report]:
        def one(target: Target) -> Report:
            self.progress.begin(target.name)
            try:
                return work(target.connect())
            except StewardError as error:
                return Report.of_unreadable(target.name, error)
            finally:
                self.progress.end(target.name)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(one, targets)

    def _sync(self, cluster: Cluster) -> tuple[Sync, ClusterBook]:
        desired = self.minting.desired(cluster.name)
        least = math.inf if self.everything else least_remaining(self.minting.fleet)
        book = ClusterBook(cluster, desired, time.time(), least)
        return Sync(cluster, desired, book), book

    def _plan(self, cluster: Cluster) -> Report:
        return self._sync(cluster)[0].foresee()

    def _apply(self, cluster: Cluster) -> Report:
        sync, book = self._sync(cluster)
        return sync.run(
            self.minting.read,
            deadline=math.inf,
            told=lambda _: self.progress.advance(cluster.name, book.concerned),
        )
