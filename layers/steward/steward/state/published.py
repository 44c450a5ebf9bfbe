"""The fleet file as AppConfig serves it."""

import time

from botocore.exceptions import BotoCoreError, ClientError

from steward import aws
from steward.errors import PermanentError, TemporaryError
from steward.fleet import Fleet, FleetInvalidError, read_fleet


class FleetUnpublishedError(PermanentError):
    """AppConfig has nothing to serve yet."""


class FleetUnreadableError(TemporaryError):
    """AppConfig did not answer."""


class PublishedFleet:
    """Reads the fleet through one AppConfig session; what it served last is good for `max_age` seconds.

    A poll without a change answers an empty body (AppConfigData API reference, GetLatestConfiguration), which
    is why the last text is kept.
    """

    def __init__(self, application: str, environment: str, profile: str, max_age: float = 60) -> None:
        self._where = {
            "ApplicationIdentifier": application,
            "EnvironmentIdentifier": environment,
            "ConfigurationProfileIdentifier": profile,
        }
        self._max_age = max_age
        self._token: str | None = None
        self._fleet: Fleet | None = None
        self._read_at = 0.0

    def read(self) -> Fleet:
        """The fleet as published. Raises FleetUnpublishedError, FleetUnreadableError or FleetInvalidError."""
        if self._fleet is None or time.monotonic() - self._read_at > self._max_age:
            text = self._poll()
            if text:
                self._fleet = self._accept(text)
            self._read_at = time.monotonic()
        if self._fleet is None:
            raise FleetUnpublishedError(
                "no fleet is published yet: run `steward publish --fleet fleet.yaml --stack NAME`"
            )
        return self._fleet

    def _accept(self, text: str) -> Fleet:
        """A refused text is asked for again at the next read: a poll of the same session would answer "no change"."""
        try:
            return read_fleet(text, f"the fleet published in AppConfig application {self._application}")
        except FleetInvalidError:
            self._token = None
            raise

    @property
    def _application(self) -> str:
        return self._where["ApplicationIdentifier"]

    def _poll(self) -> str:
        data = aws.client("appconfigdata")
        try:
            if self._token is None:
                self._token = data.start_configuration_session(**self._where)["InitialConfigurationToken"]
            answer = data.get_latest_configuration(ConfigurationToken=self._token)
        except ClientError as error:
            self._token = None
            if aws.error_code(error) == "ResourceNotFoundException":
                return ""
            raise FleetUnreadableError(f"AppConfig {self._application}: {aws.describe(error)}") from error
        except BotoCoreError as error:
            raise FleetUnreadableError(f"AppConfig {self._application}: {aws.describe(error)}") from error
        self._token = answer["NextPollConfigurationToken"]
        text: str = answer["Configuration"].read().decode()
        return text
