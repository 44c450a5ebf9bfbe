"""One writer per cluster, and nobody is locked out for long."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError

from steward.errors import TemporaryError
from steward.state.leases import Leases, LeaseTakenError

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def leases(table: Any) -> Leases:
    return Leases(table)


def test_a_second_holder_is_sent_away_until_the_first_is_done(leases: Leases) -> None:
    with leases.hold("prod", 60):
        with pytest.raises(LeaseTakenError, match="cluster prod is being synced") as caught, leases.hold("prod", 60):
            pytest.fail("two hold the same cluster")
        assert isinstance(caught.value, TemporaryError)

    with leases.hold("prod", 60):
        assert leases.table.get_item(Key={"pk": "cluster#prod", "sk": "lease"})["Item"]["holder"]


def test_the_one_that_was_sent_away_does_not_release_the_holders_lease(leases: Leases) -> None:
    with leases.hold("prod", 60):
        for _ in range(2):
            with pytest.raises(LeaseTakenError), leases.hold("prod", 60):
                pytest.fail("two hold the same cluster")


def test_clusters_do_not_wait_for_each_other(leases: Leases) -> None:
    with leases.hold("prod", 60), leases.hold("edge", 60):
        held = leases.table.scan()["Items"]

    assert len(held) == 2


def test_a_lease_is_given_back_when_the_work_fails(leases: Leases) -> None:
    with pytest.raises(ZeroDivisionError), leases.hold("prod", 60):
        _ = 1 / 0

    assert leases.table.scan()["Items"] == []


def test_a_lease_ends_by_itself_and_its_late_holder_releases_nothing_of_the_next_one(leases: Leases) -> None:
    with time_machine.travel(START, tick=False) as clock:
        with leases.hold("prod", 60):
            clock.shift(timedelta(seconds=59))
            with pytest.raises(LeaseTakenError), leases.hold("prod", 60):
                pytest.fail("the lease has a second left")
            clock.shift(timedelta(seconds=1))
            second = leases.hold("prod", 60)
            second.__enter__()
        with pytest.raises(LeaseTakenError), leases.hold("prod", 60):
            pytest.fail("the late holder released a lease that is not its own")
        second.__exit__(None, None, None)

    assert leases.table.scan()["Items"] == []


def test_what_was_asked_for_is_not_asked_for_again_in_its_time(leases: Leases) -> None:
    with time_machine.travel(START, tick=False) as clock:
        asked = [leases.claim("prod", "sync", 120), leases.claim("prod", "sync", 120)]
        clock.shift(timedelta(seconds=120))
        asked.append(leases.claim("prod", "sync", 120))

    assert asked == [True, False, True]


def test_claims_of_other_things_other_clusters_and_leases_are_independent(leases: Leases) -> None:
    assert leases.claim("prod", "sync", 120)
    assert leases.claim("prod", "accounts", 120)
    assert leases.claim("edge", "sync", 120)
    with leases.hold("prod", 60):
        assert not leases.claim("prod", "sync", 120)


def test_everything_carries_the_time_at_which_the_table_may_drop_it(leases: Leases) -> None:
    with time_machine.travel(START, tick=False), leases.hold("prod", 60):
        leases.claim("prod", "sync", 120)
        ends = sorted(int(item["expires"]) - int(START.timestamp()) for item in leases.table.scan()["Items"])

    assert ends == [60, 120]


def test_a_table_that_is_not_there_is_not_taken_for_a_lease_of_another(leases: Leases) -> None:
    leases.table.delete()

    with pytest.raises(ClientError, match="ResourceNotFound"), leases.hold("prod", 60):
        pytest.fail("held without a table")
