"""`python -m bench [NAME ...]`: measures, keeps the figures in bench/results/, and prints them.

Ends with 1 when a bar is missed or a bench could not run, with 2 when it does not know a name.
"""

import argparse
import importlib
import sys
import traceback
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from bench.machine import describe_machine
from bench.result import Figure, Result, keep

BENCHES = {
    "mints": "registry tokens for 50 clusters of 200 namespaces",
    "cold_start": "INIT of the built functions against the usual handler",
    "memory": "a sync of 5,000 namespaces",
    "sync": "1,000 namespaces on a real API server: requests, and throughput against the floor",
}


def main() -> int:
    """The exit status."""
    chosen = _arguments().name or list(BENCHES)
    console = Console(soft_wrap=True)
    machine = describe_machine()
    console.print(machine, style="dim", highlight=False)
    met = [_measure(name, machine, console) for name in chosen]
    return 0 if all(met) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    about = "; ".join(f"{name}: {what}" for name, what in BENCHES.items())
    parser.add_argument("name", nargs="*", help=f"default: all. {about}")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.name if name not in BENCHES]
    if unknown:
        parser.error(f"no bench is called {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    return arguments


def _measure(name: str, machine: str, console: Console) -> bool:
    """Whether every bar of this bench is met. One that breaks says so and stops no other."""
    with console.status(f"{name}: {BENCHES[name]}"):
        try:
            result: Result = importlib.import_module(f"bench.{name}").measure()
        except Exception:  # noqa: BLE001 - shown in full; the others still run
            traceback.print_exc()
            console.print(f"{name}: could not be measured, see above", style="bold red")
            return False
    path = keep(result, machine, datetime.now(UTC).isoformat(timespec="seconds"))
    console.print(render_table(result))
    for note in result.notes:
        console.print(note, highlight=False)
    console.print(f"kept in {path.name}", style="dim", highlight=False)
    return result.met


def render_table(result: Result) -> Table:
    """A row per figure. Pure."""
    table = Table("figure", "value", "bar", "", title=result.bench, title_justify="left", title_style="bold")
    for figure in result.figures:
        table.add_row(figure.name, _value(figure), str(figure.bar or ""), _verdict(figure))
    return table


def _value(figure: Figure) -> str:
    whole = float(figure.value).is_integer() or figure.value >= 100
    number = f"{figure.value:,.0f}" if whole else f"{figure.value:.3g}"
    return f"{number} {figure.unit}".rstrip()


def _verdict(figure: Figure) -> str:
    if figure.bar is None:
        return ""
    return "[green]met[/]" if figure.met else "[bold red]MISSED[/]"


if __name__ == "__main__":
    sys.exit(main())
