"""What became of each object, in one shape for the dry run and for the real one."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from steward.errors import StewardError, TemporaryError


class SyncUnfinishedError(TemporaryError):
    """Part of a cluster could not be written this time."""


Verdict = Literal["created", "updated", "unchanged", "deleted", "conflict", "skipped", "waiting", "failed"]


@dataclass(frozen=True, slots=True)
class Row:
    """One object of one namespace. In a dry run the verdict says what would become of it."""

    cluster: str
    namespace: str
    object: str
    """Secret/<name> or ServiceAccount/<name>; empty where it is about the whole namespace or cluster."""
    verdict: Verdict
    reason: str
    expires_at: int | None = None
    """Unix time at which the credential that lies there ends."""
    temporary: bool = field(default=False, compare=False)
    """Of a failure: whether the same attempt may succeed later."""


@dataclass(slots=True)
class Report:
    """The rows of one run over one cluster."""

    cluster: str
    rows: list[Row]

    @classmethod
    def of_unreadable(cls, cluster: str, error: StewardError) -> "Report":
        """The one failed row of a cluster that cannot be reached or read."""
        temporary = isinstance(error, TemporaryError)
        return cls(cluster, [Row(cluster, "", "", "failed", str(error), temporary=temporary)])

    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(row.verdict for row in self.rows).items()))

    def written(self) -> int:
        """How many objects were written or deleted."""
        counts = self.counts()
        return sum(counts.get(verdict, 0) for verdict in ("created", "updated", "deleted"))

    def failures(self) -> list[Row]:
        return [row for row in self.rows if row.verdict == "failed"]

    def raise_for_leftovers(self) -> None:
        """Raises SyncUnfinishedError if the same run may do better later: the queue then delivers the message again."""
        left = sum(row.temporary for row in self.failures())
        if left:
            raise SyncUnfinishedError(f"cluster {self.cluster}: {left} parts are left to do; the message comes again")

    def summary(self, reasons: int = 5) -> dict[str, Any]:
        """Counts, and the first few distinct reasons of what went wrong: fit for a log line."""
        wrong = [row for row in self.rows if row.verdict in {"failed", "conflict"}]
        return {
            "cluster": self.cluster,
            "counts": self.counts(),
            "wrong": [asdict(row) for row in wrong[:reasons]],
        }
