"""What the demo prints: steps with their time, and tables of what lies in the cluster."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


@dataclass(frozen=True, slots=True)
class Held:
    """One of our Secrets, from its metadata."""

    namespace: str
    uid: str
    content: str
    expires_at: datetime

    def remaining(self) -> str:
        minutes = int((self.expires_at - datetime.now(UTC)).total_seconds() // 60)
        return f"{minutes // 60} h {minutes % 60:02} min"


@contextmanager
def step(what: str) -> Iterator[None]:
    """Shows that something is under way, and how long it took."""
    started = time.monotonic()
    with console.status(f"{what} …"):
        yield
    console.print(f"  [green]✓[/] {what} [dim]({time.monotonic() - started:.0f} s)[/]")


def show_first(held: list[Held], service_accounts: dict[str, list[str]]) -> None:
    """Who holds a credential, for how long, and whether pods get it without asking."""
    table = Table(title="Pull secrets in the cluster", title_justify="left")
    for column in ("namespace", "Secret", "lives for", "default service account names it"):
        table.add_column(column)
    for one in held:
        names = "registry-credentials" in service_accounts.get(one.namespace, [])
        table.add_row(one.namespace, "registry-credentials", one.remaining(), "yes" if names else "no")
    console.print(table)


def show_change(before: list[Held], after: list[Held]) -> None:
    """What a rotation did to each namespace."""
    earlier = {one.namespace: one for one in before}
    table = Table(title="What the rotation changed", title_justify="left")
    for column in ("namespace", "verdict", "content before", "content after", "same object (UID)", "lives for"):
        table.add_column(column)
    for one in after:
        old = earlier.get(one.namespace)
        verdict = "created" if old is None else "unchanged" if old.content == one.content else "updated"
        same = "" if old is None else "yes" if old.uid == one.uid else "NO"
        table.add_row(
            one.namespace, verdict, old.content[-12:] if old else "", one.content[-12:], same, one.remaining()
        )
    console.print(table)
