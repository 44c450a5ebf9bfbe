"""One embedded API server per test."""

from collections.abc import Iterator

import pytest

from tests.unit.pullsecrets.rig import Rig, rig_of


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A cluster with the namespaces team-a and team-b, of which nothing is known yet."""
    with rig_of("team-a", "team-b") as made:
        yield made
