import os
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.aws import environments
from testbed.aws.environments import ToolError, ensure_environment


@pytest.fixture
def freeze(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes the requirements of the one tool that this test knows."""
    monkeypatch.setenv("KUBESTEWARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(environments, "_REQUIREMENTS", tmp_path)

    def write(content: str) -> None:
        (tmp_path / "tool.txt").write_text(content)
        ensure_environment.cache_clear()

    return write


@pytest.fixture(autouse=True)
def _forget_these_environments() -> None:
    """What the other tests know about their environments is none of ours."""
    ensure_environment.cache_clear()


def test_an_environment_is_made_once(freeze: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    freeze("# nothing\n")
    made = ensure_environment("tool")
    assert (made / "bin" / "python").exists()

    ensure_environment.cache_clear()
    monkeypatch.setattr(environments, "find_uv", lambda: pytest.fail("made a second time"))
    assert ensure_environment("tool") == made


def test_other_requirements_make_another_environment(freeze: Callable[[str], None]) -> None:
    freeze("# nothing\n")
    first = ensure_environment("tool")
    freeze("# nothing else\n")
    assert ensure_environment("tool") != first


def test_an_environment_that_was_left_half_made_is_made_again(freeze: Callable[[str], None]) -> None:
    freeze("# nothing\n")
    made = ensure_environment("tool")
    (made / ".complete").unlink()
    (made / "bin" / "python").unlink()

    ensure_environment.cache_clear()
    assert (ensure_environment("tool") / "bin" / "python").exists()


def test_uvs_own_words_are_in_the_error(freeze: Callable[[str], None]) -> None:
    freeze("no requirement at all ==\n")
    with pytest.raises(ToolError, match=r"(?s)uv pip install` failed.*no requirement at all"):
        ensure_environment("tool")


def test_where_uv_is_missing_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.setattr(environments, "_CHECKOUT", tmp_path)
    with pytest.raises(ToolError, match="make setup"):
        environments.find_uv()
