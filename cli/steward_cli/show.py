"""Reports for a person (a table per cluster) and for a program (one JSON object)."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from steward.pullsecrets.report import Report, Row

PIPE_WIDTH = 240
"""Columns where no terminal says how wide it is, so that no line of a log is broken."""

_STYLES = {
    "created": "green",
    "updated": "green",
    "deleted": "yellow",
    "waiting": "yellow",
    "skipped": "dim",
    "unchanged": "dim",
    "conflict": "bold red",
    "failed": "bold red",
}
_TITLES = {"plan": ": what apply would do"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def output() -> Console:
    """Standard output."""
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def print_tables(console: Console, command: str, reports: Sequence[Report], errors: Sequence[str], now: float) -> None:
    """A table per cluster and a line of counts over all of them."""
    for report in reports:
        console.print(_table(f"{report.cluster}{_TITLES.get(command, '')}", report, now))
    counts = Counter(row.verdict for report in reports for row in report.rows)
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) or "nothing to do"
    clusters = counted(len(reports), "cluster")
    unlisted = f"; {counted(len(errors), 'place')} not listed" if errors else ""
    console.print(Text(f"{clusters}: {told}{unlisted}"))


def counted(number: int, one: str, many: str = "") -> str:
    """`1 cluster`, `2 clusters`."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def _table(title: str, report: Report, now: float) -> Table:
    table = Table(title=Text(title, style="bold"), title_justify="left", expand=False)
    for name in ("namespace", "object", "verdict"):
        table.add_column(name, overflow="fold")
    table.add_column("reason", overflow="fold", ratio=1)
    table.add_column("remaining", justify="right", no_wrap=True)
    for row in report.rows:
        cells = (row.namespace, row.object, row.verdict, row.reason, remaining(row, now))
        styles = ("", "", _STYLES[row.verdict], "", "")
        table.add_row(*(Text(cell, style=style) for cell, style in zip(cells, styles, strict=True)))
    return table


def remaining(row: Row, now: float) -> str:
    """How long the credential that lies there still lives: `11 h 58 min`, `expired`, or nothing."""
    if row.expires_at is None:
        return ""
    seconds = int(row.expires_at - now)
    if seconds <= 0:
        return "expired"
    days, hours, minutes = seconds // _DAY, seconds % _DAY // _HOUR, seconds % _HOUR // _MINUTE
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def as_json(command: str, reports: Sequence[Report], errors: Sequence[str]) -> str:
    """`{command, clusters: [{cluster, counts, rows: [...]}], errors: [...]}`; times in ISO 8601, UTC."""
    clusters = [
        {"cluster": report.cluster, "counts": report.counts(), "rows": [_row(row) for row in report.rows]}
        for report in reports
    ]
    return json.dumps({"command": command, "clusters": clusters, "errors": list(errors)}, indent=2)


def _row(row: Row) -> dict[str, Any]:
    ends = datetime.fromtimestamp(row.expires_at, UTC).isoformat() if row.expires_at is not None else None
    return {**asdict(row), "expires_at": ends}
