"""Several clusters connected at the same time, as observe_clusters does right after a cold start."""

import builtins
import importlib
import threading
from typing import Any

import pytest

from steward.cluster import Access
from steward.cluster.transport import Transport

THREADS = 4


def test_the_kubernetes_client_is_never_imported_by_two_threads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inside: list[int] = []
    seen: list[int] = []
    company = threading.Event()
    real = builtins.__import__
    importlib.import_module("kubernetes.client.rest")

    def watched(name: str, *rest: Any, **more: Any) -> Any:
        if not name.startswith("kubernetes"):
            return real(name, *rest, **more)
        inside.append(threading.get_ident())
        seen.append(len(set(inside)))
        if seen[-1] > 1:
            company.set()
        company.wait(0.05)
        try:
            return real(name, *rest, **more)
        finally:
            inside.remove(threading.get_ident())

    monkeypatch.setattr(builtins, "__import__", watched)
    threads = [threading.Thread(target=Transport, args=("prod", Access("http://127.0.0.1:1"))) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(seen) >= THREADS
    assert max(seen) == 1
