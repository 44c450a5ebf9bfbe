"""AppConfigData and a clock, as far as a poll needs them."""

import io
from typing import Any

from botocore.exceptions import ClientError


class AppConfigData:
    """One session at a time; as the real one, it answers an empty body where the session has seen the content."""

    def __init__(self) -> None:
        self.content = ""
        self.error: Exception | None = None
        self.polls = 0
        self.asked_for: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        self._tokens = 0

    def start_configuration_session(self, **where: str) -> dict[str, str]:
        if isinstance(self.error, ClientError):
            raise self.error
        self.asked_for = where
        return {"InitialConfigurationToken": self._token("")}

    def get_latest_configuration(self, ConfigurationToken: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.polls += 1
        if self.error:
            raise self.error
        unchanged = self._seen.pop(ConfigurationToken) == self.content
        body = b"" if unchanged else self.content.encode()
        return {"NextPollConfigurationToken": self._token(self.content), "Configuration": io.BytesIO(body)}

    def _token(self, seen: str) -> str:
        self._tokens += 1
        self._seen[str(self._tokens)] = seen
        return str(self._tokens)


class Clock:
    """A monotonic clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def shift(self, seconds: float) -> None:
        self.now += seconds
