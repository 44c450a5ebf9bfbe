import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from testbed.aws.environments import ensure_environment
from testbed.aws.runtime_emulator import RuntimeEmulator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the Runtime Interface Emulator runs on Linux only")


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    """Made with this machine's own settings, before a test's environment hides them."""
    ensure_environment("lambda-runtime")
    ensure_environment("runtime-emulator", dependencies=False)


def build(folder: Path, handler: str) -> Path:
    folder.mkdir()
    (folder / "handler.py").write_text(handler)
    return folder


def test_an_event_comes_back_as_the_handlers_answer(tmp_path: Path) -> None:
    function = build(tmp_path / "double", "def handle(event, context): return {'twice': event['n'] * 2}")
    with RuntimeEmulator(function) as running:
        assert running.invoke({"n": 4}).payload == {"twice": 8}
        assert running.invoke({"n": 5}).payload == {"twice": 10}


def test_a_layer_is_on_the_path_behind_the_function(tmp_path: Path) -> None:
    function = build(tmp_path / "layered", "import first, second\ndef handle(e, c): return [first.WHO, second.WHO]")
    layers = [tmp_path / "one", tmp_path / "two"]
    for layer in layers:
        (layer / "python").mkdir(parents=True)
        (layer / "python" / "first.py").write_text(f"WHO = {layer.name!r}")
    (layers[1] / "python/lib/python3.13/site-packages").mkdir(parents=True)
    (layers[1] / "python/lib/python3.13/site-packages/second.py").write_text("WHO = 'two, inside lib'")

    with RuntimeEmulator(function, layers=layers) as running:
        assert running.invoke({}).payload == ["one", "two, inside lib"]


@pytest.mark.parametrize("package", ["boto3", "pydantic", "pytest", "steward"])
def test_a_package_that_no_layer_holds_is_missing(tmp_path: Path, package: str) -> None:
    function = build(tmp_path / "needy", f"import {package}\ndef handle(event, context): return 1")
    with RuntimeEmulator(function) as running:
        done = running.invoke({})
    assert done.payload is None
    assert done.error is not None
    assert done.error.type == "Runtime.ImportModuleError"
    assert done.error.message == f"Unable to import module 'handler': No module named '{package}'"


def test_an_error_at_import_shows_the_functions_own_traceback(tmp_path: Path) -> None:
    function = build(tmp_path / "broken", "import os\nLIMIT = int('many')\ndef handle(event, context): return 1")
    with RuntimeEmulator(function) as running:
        error = running.invoke({}).error
    assert error is not None
    assert error.type == "ValueError"
    assert "handler.py\", line 2, in <module>\n    LIMIT = int('many')" in str(error)


def test_an_error_in_the_handler_shows_its_own_traceback_and_the_next_event_works(tmp_path: Path) -> None:
    function = build(tmp_path / "picky", "def handle(event, context):\n    return 1 / event['by']")
    with RuntimeEmulator(function) as running:
        error = running.invoke({"by": 0}).error
        assert running.invoke({"by": 2}).payload == 0.5
    assert error is not None
    assert (error.type, error.message) == ("ZeroDivisionError", "division by zero")
    assert 'handler.py", line 2, in handle' in str(error)


def test_an_answer_that_only_looks_like_an_error_is_an_answer(tmp_path: Path) -> None:
    function = build(tmp_path / "honest", "def handle(event, context): return event")
    with RuntimeEmulator(function) as running:
        events: list[Any] = [{"errorType": "x"}, {"errorType": "x", "errorMessage": "y", "more": 1}, [], None, "text"]
        for event in events:
            assert running.invoke(event).payload == event


def test_a_function_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    function = build(tmp_path / "slow", "import time\ndef handle(event, context): time.sleep(event)")
    with RuntimeEmulator(function, seconds=1) as running:
        error = running.invoke(60).error
    assert error is not None
    assert error.message == "Task timed out after 1.00 seconds"


def test_a_function_that_exits_is_an_error(tmp_path: Path) -> None:
    function = build(tmp_path / "leaving", "import os\ndef handle(event, context): os._exit(3)")
    with RuntimeEmulator(function) as running:
        error = running.invoke({}).error
    assert error is not None
    assert error.type == "Runtime.ExitError"


def test_the_log_is_of_this_invocation(tmp_path: Path) -> None:
    function = build(tmp_path / "chatty", "print('cold')\ndef handle(event, context): print('got', event)")
    with RuntimeEmulator(function) as running:
        first, second = running.invoke("a"), running.invoke("b")
        assert "got a" in running.log
    assert "cold\n" in first.log
    assert "got a\n" in first.log
    assert "got a" not in second.log
    assert "got b\n" in second.log


def test_the_cold_start_holds_what_the_module_does_at_import(tmp_path: Path) -> None:
    function = build(tmp_path / "sleepy", "import time\ntime.sleep(0.3)\ndef handle(event, context): return 1")
    with RuntimeEmulator(function) as running:
        with pytest.raises(RuntimeError, match="invoke it once"):
            _ = running.init_milliseconds
        running.invoke({})
        assert running.init_milliseconds > 300


def test_the_function_sees_its_own_settings_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_NAME", "of the test run")
    code = "import os\ndef handle(event, context): return [dict(os.environ), os.getcwd(), context.memory_limit_in_mb]"
    function = build(tmp_path / "seeing", code)
    with RuntimeEmulator(function, environment={"SYNC_QUEUE_URL": "q"}, memory_megabytes=256) as running:
        environment, folder, memory = running.invoke({}).payload
    assert environment["SYNC_QUEUE_URL"] == "q"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "seeing"
    assert folder == environment["LAMBDA_TASK_ROOT"] == str(function)
    assert memory == "256"
    assert "TABLE_NAME" not in environment


def test_nothing_is_written_beside_the_built_code(tmp_path: Path) -> None:
    function = build(tmp_path / "clean", "import helper\ndef handle(event, context): return 1")
    (function / "helper.py").write_text("")
    with RuntimeEmulator(function) as running:
        assert running.invoke({}).payload == 1
    assert sorted(path.name for path in function.iterdir()) == ["handler.py", "helper.py"]


def test_the_function_ends_with_the_block_even_in_the_middle_of_its_work(tmp_path: Path) -> None:
    working = "import threading, time\nthreading.Thread(target=time.sleep, args=[60]).start()\n"
    function = build(tmp_path / "busy", working + "def handle(event, context): return 1")
    with RuntimeEmulator(function) as running:
        running.invoke({})
        process = running.function_process()
        assert is_alive(process)
    deadline = time.monotonic() + 10
    while is_alive(process):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(process: psutil.Process) -> bool:
    """An ended process stays listed until somebody asks for its status."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_what_is_not_built_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make build"), RuntimeEmulator(tmp_path / "absent"):
        pytest.fail("started")
