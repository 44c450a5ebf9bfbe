"""When to stop trying a cluster."""

import threading
import time

PATIENCE = 8
"""Failures to reach the cluster, one after the other, until the rest is not tried any more."""


class Breaker:
    """Says when to stop: the cluster stopped answering, or the invocation's time is almost over."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._misses = 0
        self._lock = threading.Lock()

    def refusal(self) -> str:
        """Why the next namespace is not tried; empty if it is."""
        if self._misses >= PATIENCE:
            return "not tried: the cluster stopped answering"
        return "not tried: out of time" if time.monotonic() > self._deadline else ""

    def heard(self, *, answered: bool) -> None:
        with self._lock:
            self._misses = 0 if answered else self._misses + 1
