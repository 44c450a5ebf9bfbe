"""Rules for every tier: what this machine cannot run is said in one line, and in CI nothing is skipped."""

import os
import shutil

import pytest

CI = os.environ.get("CI") == "true"


def missing_for(item: pytest.Item) -> str:
    """What this machine lacks for a test's tier; empty if nothing."""
    if item.get_closest_marker("cluster") and os.geteuid() != 0:
        return "the cluster tier starts containerd and a kubelet: run it as root on Debian or Ubuntu"
    if item.get_closest_marker("cluster") and shutil.which("apt-get") is None:
        return "the cluster tier installs containerd from Debian's packages: there is no apt-get"
    if item.get_closest_marker("stack") and shutil.which("go") is None:
        return "the stack tier builds a kube-apiserver: install Go 1.24 or newer"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not CI and (reason := missing_for(item)):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skipped test fails a CI run: a tier that quietly does not run proves nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if CI and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if CI and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("tests were skipped, which CI does not accept", red=True)
