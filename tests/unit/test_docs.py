"""What a reader follows leads somewhere, and what a reader copies is right."""

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from steward.fleet import read_fleet
from steward_cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "cluster" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path: path.read_text() for path in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXTS[page])
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_fleet_in_the_readme_is_right() -> None:
    (block,) = re.findall(r"```yaml\n(# fleet.yaml.*?)```", TEXTS[ROOT / "README.md"], re.DOTALL)
    assert read_fleet(block).clusters[0].name == "shop"


def test_every_command_that_the_pages_name_exists_with_these_options() -> None:
    used = {
        (command, option)
        for text in TEXTS.values()
        for command, rest in re.findall(r"steward (plan|apply|publish|check|schema)((?: --?[a-z]+ ?[^\s`-]*)*)", text)
        for option in re.findall(r"--[a-z]+", rest)
    }
    assert ("plan", "--kubeconfig") in used
    shown = {
        command: CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout for command, _ in used
    }
    assert [(command, option) for command, option in sorted(used) if option not in shown[command]] == []


def test_alarms_and_parameters_in_the_pages_are_those_of_the_template() -> None:
    named = set(
        re.findall(r"`([A-Z][A-Za-z]+(?:Alarm|Seconds|Arns|Email|Schedule|Concurrency))`", "".join(TEXTS.values()))
    )
    template = (ROOT / "template.yaml").read_text()
    assert len(named) > 10
    assert [name for name in sorted(named) if not re.search(rf"^  {name}:$", template, re.MULTILINE)] == []


def test_every_alarm_of_the_template_has_a_line_in_operations() -> None:
    template = (ROOT / "template.yaml").read_text()
    alarms = re.findall(r"^  (\w+):\n    Type: AWS::CloudWatch::Alarm$", template, re.MULTILINE)
    assert alarms
    assert [name for name in alarms if f"`{name}`" not in TEXTS[ROOT / "docs" / "operations.md"]] == []


def test_outputs_that_the_pages_ask_for_exist() -> None:
    asked = set(re.findall(r"OutputKey=='(\w+)'|\$\(out (\w+)\)|`call (\w+) ", "".join(TEXTS.values())))
    names = {name for group in asked for name in group if name}
    outputs = (ROOT / "template.yaml").read_text().partition("\nOutputs:\n")[2]
    assert {"MintFunction", "ObserveFunction", "FunctionRoles", "SyncQueueUrl"} <= names
    assert [name for name in sorted(names) if f"  {name}:\n" not in outputs] == []


def test_the_documented_overlay_is_yaml() -> None:
    (block,) = re.findall(r"```yaml\n(# kustomization.yaml.*?)```", TEXTS[ROOT / "cluster" / "README.md"], re.DOTALL)
    assert yaml.safe_load(block)["patches"][0]["target"] == {"kind": "ClusterRole", "name": "kubesteward"}
