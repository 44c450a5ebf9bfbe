"""AssumeRole of STS with trust policies: moto's lets everybody assume anything, with any external id."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from testbed.aws.loopback import LoopbackServer, Request, Response


@dataclass(frozen=True, slots=True)
class Role:
    """A role that may be assumed; with `external_id` only by who names it."""

    arn: str
    external_id: str | None = None


class RoleServer(LoopbackServer):
    """Context manager; point boto3 at it with `environment`. `calls` holds every role that was asked for."""

    def __init__(self, roles: Iterable[Role]) -> None:
        super().__init__()
        self.calls: list[Role] = []
        self._roles = set(roles)

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL_STS": self.endpoint_url}

    def answer(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        asked = Role(form["RoleArn"], form.get("ExternalId"))
        self.calls.append(asked)
        if asked not in self._roles:
            error = "<Code>AccessDenied</Code><Message>is not authorized to perform: sts:AssumeRole</Message>"
            return Response(403, f"<ErrorResponse><Error>{error}</Error></ErrorResponse>".encode(), "text/xml")
        return Response(200, _keys(len(self.calls)).encode(), "text/xml")


def _keys(number: int) -> str:
    """Keys that tell which assumption they came from: ASIA0000000000000001, token-1."""
    expires = datetime.now(UTC) + timedelta(hours=1)
    return (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
        f"<AccessKeyId>ASIA{number:016d}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
        f"<SessionToken>token-{number}</SessionToken><Expiration>{expires:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
