"""Progress bars on stderr, only where a person sees them."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from steward.state.publishing import Told
from steward_cli.bring import Progress


def _bars(*columns: MofNCompleteColumn) -> Bars:
    console = Console(stderr=True)
    all_columns = (TextColumn("{task.description}", markup=False), BarColumn(), *columns, TimeElapsedColumn())
    return Bars(*all_columns, console=console, transient=True, disable=not console.is_terminal)


class ClusterBars(Progress):
    """One bar over all clusters, and one for each that is under way."""

    def __init__(self, bars: Bars, clusters: int) -> None:
        self._bars = bars
        self._whole = bars.add_task("clusters", total=clusters, visible=clusters > 1)
        self._tasks: dict[str, TaskID] = {}

    def begin(self, cluster: str) -> None:
        self._tasks[cluster] = self._bars.add_task(cluster, total=None)

    def advance(self, cluster: str, concerned: int) -> None:
        self._bars.update(self._tasks[cluster], advance=1, total=concerned)

    def end(self, cluster: str) -> None:
        self._bars.update(self._tasks[cluster], visible=False)
        self._bars.advance(self._whole)


@contextmanager
def cluster_bars(clusters: int) -> Iterator[Progress]:
    with _bars(MofNCompleteColumn()) as bars:
        yield ClusterBars(bars, clusters)


@contextmanager
def deployment_bar() -> Iterator[Told]:
    """From 0 to 100 %."""
    with _bars() as bars:
        task = bars.add_task("publishing", total=100)
        yield lambda what, done: bars.update(task, description=what, completed=done)
