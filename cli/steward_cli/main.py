"""The commands. Exit codes: 0 done, 1 something failed, 2 bad input. Results on stdout, everything else on stderr."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from steward.cluster.kubeconfig import KubeconfigError
from steward.errors import StewardError
from steward.fleet import Fleet, FleetInvalidError, read_fleet
from steward.fleet.schema import fleet_schema
from steward.pullsecrets.report import Report
from steward.registries.ecr import mint
from steward.state.publishing import publish as publish_fleet
from steward_cli import show
from steward_cli.bring import Bring
from steward_cli.minting import Minting
from steward_cli.progress import cluster_bars, deployment_bar
from steward_cli.targets import BadInputError, Target, fleet_targets, kubeconfig_target

FAILED, BAD_INPUT = 1, 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks print local variables, and some of them are secrets
    help="Fresh registry credentials in every namespace of a fleet of Kubernetes clusters.",
)

FleetFile = Annotated[Path, typer.Option("--fleet", metavar="FILE", help="The fleet file (YAML or JSON).")]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Reach one cluster by this kubeconfig. Default: all, each by its own access."),
]
Context = Annotated[str | None, typer.Option(metavar="NAME", help="Context to use. Default: the current one.")]
ClusterName = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="NAME",
        help="Only this cluster of the fleet; with --kubeconfig, which one it is. Default: by the context's name.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Repair = Annotated[
    bool, typer.Option("--repair", help="Write every Secret again, so that what others changed in ours is mended.")
]
Rotate = Annotated[bool, typer.Option("--rotate", help="Renew every credential, however fresh what lies there is.")]


@app.command()
def plan(
    fleet: FleetFile,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    cluster: ClusterName = None,
    as_json: Json = False,
    repair: Repair = False,
    rotate: Rotate = False,
) -> None:
    """Show what apply would do, and why. Mints nothing and writes nothing."""
    with clear_errors():
        declared = _read(fleet)
        targets, errors = _targets(declared, kubeconfig, context, cluster)
        with cluster_bars(len(targets)) as bars:
            reports = Bring(Minting(declared, mint), repair or rotate, bars).plan(targets)
        _finish("plan", reports, errors, as_json=as_json)


@app.command()
def apply(
    fleet: FleetFile,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    cluster: ClusterName = None,
    as_json: Json = False,
    repair: Repair = False,
    rotate: Rotate = False,
) -> None:
    """Bring clusters into line: mint what is needed, write Secrets, edit service accounts."""
    with clear_errors():
        declared = _read(fleet)
        targets, errors = _targets(declared, kubeconfig, context, cluster)
        with cluster_bars(len(targets)) as bars:
            reports = Bring(Minting(declared, mint), repair or rotate, bars).apply(targets)
        _finish("apply", reports, errors, as_json=as_json)


@app.command()
def check(fleet: FleetFile) -> None:
    """Check a fleet file; says everything that is wrong with it at once."""
    with clear_errors():
        found = _read(fleet)
        parts = [
            show.counted(len(found.clusters), "cluster"),
            *([show.counted(len(found.discover), "rule of discovery", "rules of discovery")] if found.discover else []),
            show.counted(len(found.registries), "registry", "registries"),
            show.counted(len(found.pull_secrets), "pull secret"),
        ]
        typer.echo(f"{fleet} is right: {', '.join(parts)}")


@app.command()
def schema() -> None:
    """Print the fleet file's JSON Schema."""
    typer.echo(json.dumps(fleet_schema(), indent=2))


@app.command()
def publish(
    fleet: FleetFile,
    stack: Annotated[str, typer.Option(metavar="NAME", help="Name of the deployed stack.")],
    region: Annotated[str | None, typer.Option(metavar="REGION", help="Its region. Default: your profile's.")] = None,
) -> None:
    """Check a fleet file and have the stack use it from now on."""
    with clear_errors():
        declared = _read(fleet)
        with deployment_bar() as told:
            version = publish_fleet(declared, stack, region, told)
        typer.echo(f"{fleet} is published to stack {stack} as version {version}; the functions read it within a minute")


@contextmanager
def clear_errors() -> Iterator[None]:
    """A refusal as one message on stderr and the exit code it deserves; no traceback."""
    try:
        yield
    except (FleetInvalidError, KubeconfigError, BadInputError) as error:
        _refuse(str(error), BAD_INPUT)
    except StewardError as error:
        _refuse(str(error), FAILED)


def _refuse(message: str, code: int) -> NoReturn:
    typer.echo(f"steward: {message}", err=True)
    raise typer.Exit(code)


def _read(path: Path) -> Fleet:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInputError(f"--fleet {path} cannot be read: {reason}") from None
    return read_fleet(text, str(path))


def _targets(
    fleet: Fleet, kubeconfig: Path | None, context: str | None, cluster: str | None
) -> tuple[list[Target], list[str]]:
    if kubeconfig is not None:
        return [kubeconfig_target(fleet, kubeconfig, context, cluster)], []
    if context is not None:
        raise BadInputError("--context NAME says which part of a kubeconfig to use: write --kubeconfig FILE too")
    return fleet_targets(fleet, cluster)


def _finish(command: str, reports: list[Report], errors: list[str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(show.as_json(command, reports, errors))
    else:
        show.print_tables(show.output(), command, reports, errors, time.time())
    stderr = Console(stderr=True, highlight=False)
    for error in errors:
        stderr.print(Text(f"steward: {error}"), soft_wrap=True)
    if errors or any(row.verdict in {"failed", "conflict"} for report in reports for row in report.rows):
        raise typer.Exit(FAILED)


def run() -> None:
    """Entry of the command `steward`."""
    app()
