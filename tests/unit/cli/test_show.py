"""What is printed: remaining life, counts, what could not be listed; and progress that only a person sees."""

import io

import pytest
from rich.console import Console

from steward.pullsecrets.report import Report, Row
from steward_cli.progress import cluster_bars
from steward_cli.show import PIPE_WIDTH, print_tables, remaining
from tests.unit.cli.conftest import Steward

NOW = 1_000_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(43_199, "11 h 59 min"), (3_600, "1 h 0 min"), (3_599, "59 min"), (90_000, "1 d 1 h"), (0, "expired")],
)
def test_remaining_life_is_told_in_the_units_that_matter(seconds: int, text: str) -> None:
    assert remaining(Row("shop", "a", "Secret/pull", "unchanged", "", NOW + seconds), NOW) == text


def test_nothing_is_said_of_a_life_that_nobody_knows() -> None:
    assert remaining(Row("shop", "a", "Secret/pull", "conflict", ""), NOW) == ""


def printed(reports: list[Report], errors: list[str]) -> str:
    text = io.StringIO()
    print_tables(Console(file=text, width=PIPE_WIDTH), "apply", reports, errors, NOW)
    return text.getvalue()


def test_counts_are_over_all_clusters() -> None:
    rows = [Row("x", "a", "Secret/pull", "created", "not there yet")]
    text = printed([Report("shop", rows), Report("till", [*rows, *rows])], ["EKS clusters of eu-west-1: no"])
    assert text.splitlines()[-1] == "2 clusters: 3 created; 1 place not listed"


def test_a_fleet_with_nothing_to_do_says_so() -> None:
    assert printed([Report("shop", [])], []).splitlines()[-1] == "1 cluster: nothing to do"


def test_a_long_reason_stays_on_one_line_of_a_log() -> None:
    reason = "left alone: " + "x" * 120
    assert reason in printed([Report("shop", [Row("shop", "team", "Secret/pull", "conflict", reason)])], [])


def test_text_from_a_cluster_is_no_markup() -> None:
    assert "[red]x[/]" in printed([Report("shop", [Row("shop", "a", "", "failed", "[red]x[/]")])], [])


def test_progress_counts_namespaces_and_clusters_for_a_person(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with cluster_bars(2) as bars:
        bars.begin("shop")
        bars.advance("shop", 2)
        bars.end("shop")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "clusters" in shown.err
    assert "1/2" in shown.err


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with cluster_bars(2) as bars:
        bars.begin("shop")
        bars.advance("shop", 2)
        bars.end("shop")
    assert capsys.readouterr() == ("", "")


def test_check_says_what_a_right_file_holds(steward: Steward) -> None:
    result = steward.run("check", "--fleet", steward.fleet)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.strip().endswith("is right: 1 cluster, 1 registry, 1 pull secret")


def test_schema_prints_the_published_schema(steward: Steward, pytestconfig: pytest.Config) -> None:
    assert steward.run("schema").stdout == (pytestconfig.rootpath / "examples/fleet.schema.json").read_text()
