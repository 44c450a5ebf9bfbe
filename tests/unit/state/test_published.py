"""The fleet as AppConfig serves it: polled at its pace, kept while nothing changes, refused with its problems."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from steward import aws
from steward.errors import PermanentError, TemporaryError
from steward.fleet import FleetInvalidError
from steward.state.published import FleetUnpublishedError, FleetUnreadableError, PublishedFleet
from tests.unit.fleet.fleet_files import changed
from tests.unit.state.appconfig_data import AppConfigData, Clock

RIGHT, OTHER = changed(), changed((("rotation", "every"), "2h"))
WRONG = changed((("clusters", 0, "eks", "region"), "europe"))
NOTHING_DEPLOYED = ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "none"}}, "Start")
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "GetLatestConfiguration")
UNREACHABLE = EndpointConnectionError(endpoint_url="https://appconfigdata")


@pytest.fixture
def appconfig(monkeypatch: pytest.MonkeyPatch) -> AppConfigData:
    fake = AppConfigData()
    monkeypatch.setattr(aws, "client", {"appconfigdata": fake}.__getitem__)
    return fake


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr("steward.state.published.time", moved)
    return moved


@pytest.fixture
def published(appconfig: AppConfigData) -> PublishedFleet:
    return PublishedFleet("app", "live", "fleet", max_age=60)


def every(published: PublishedFleet) -> int:
    return int(published.read().rotation.every.total_seconds() // 3600)


def test_the_fleet_is_read_from_the_three_names(published: PublishedFleet, appconfig: AppConfigData) -> None:
    appconfig.content = RIGHT

    assert every(published) == 3
    assert set(appconfig.asked_for.values()) == {"app", "live", "fleet"}


def test_a_poll_without_a_change_keeps_the_fleet(
    published: PublishedFleet, appconfig: AppConfigData, clock: Clock
) -> None:
    appconfig.content = RIGHT
    first = published.read()
    clock.shift(61)

    assert published.read() is first
    assert appconfig.polls == 2


def test_a_change_is_seen_after_max_age_and_not_asked_for_before(
    published: PublishedFleet, appconfig: AppConfigData, clock: Clock
) -> None:
    appconfig.content = RIGHT
    published.read()
    appconfig.content = OTHER

    clock.shift(59)
    assert (every(published), appconfig.polls) == (3, 1)
    clock.shift(2)
    assert (every(published), appconfig.polls) == (2, 2)


@pytest.mark.parametrize("error", [None, NOTHING_DEPLOYED])
def test_nothing_published_says_how_to_publish(
    published: PublishedFleet, appconfig: AppConfigData, error: Exception | None
) -> None:
    appconfig.error = error

    with pytest.raises(FleetUnpublishedError, match="steward publish --fleet") as caught:
        published.read()
    assert isinstance(caught.value, PermanentError)

    appconfig.error, appconfig.content = None, RIGHT
    assert every(published) == 3


@pytest.mark.parametrize("error", [THROTTLED, UNREACHABLE])
def test_an_appconfig_that_does_not_answer_may_do_so_later(
    published: PublishedFleet, appconfig: AppConfigData, error: Exception
) -> None:
    appconfig.content, appconfig.error = RIGHT, error

    with pytest.raises(FleetUnreadableError, match="AppConfig app: ") as caught:
        published.read()
    assert isinstance(caught.value, TemporaryError)

    appconfig.error = None
    assert every(published) == 3


def test_the_last_good_fleet_serves_while_appconfig_is_down_for_less_than_max_age(
    published: PublishedFleet, appconfig: AppConfigData, clock: Clock
) -> None:
    appconfig.content = RIGHT
    published.read()
    appconfig.error = THROTTLED

    clock.shift(59)
    assert every(published) == 3
    clock.shift(2)
    with pytest.raises(FleetUnreadableError):
        published.read()


def test_wrong_content_is_refused_with_its_problems_each_time_it_is_read(
    published: PublishedFleet, appconfig: AppConfigData
) -> None:
    appconfig.content = WRONG

    for _ in range(2):
        with pytest.raises(FleetInvalidError, match=r"AppConfig application app is refused.*(?s:.*)'europe'"):
            published.read()


def test_wrong_content_after_right_content_is_refused_until_it_is_mended(
    published: PublishedFleet, appconfig: AppConfigData, clock: Clock
) -> None:
    appconfig.content = RIGHT
    published.read()
    appconfig.content = WRONG
    clock.shift(61)

    for _ in range(2):
        with pytest.raises(FleetInvalidError):
            published.read()
    appconfig.content = OTHER
    assert every(published) == 2
