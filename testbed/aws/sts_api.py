"""AssumeRole and GetCallerIdentity of STS, with keys that the token webhook can look up.

For tests without the emulated account, which has an STS of its own but starts a process and wants the roles made.
"""

import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from testbed.aws.loopback import LoopbackServer, Request, Response

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """Somebody's key: the secret, and whom STS says its holder is."""

    secret: str = field(repr=False)
    arn: str
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Role:
    """A role that may be assumed; with `external_id` only by who names it."""

    arn: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class AssumeRoleCall:
    """One request: which role, under which session name and external id, by which key."""

    role: str
    session: str
    external_id: str | None
    access_key: str


class StsApi(LoopbackServer):
    """Context manager; point boto3 at it with `environment`. `keys` grows by a key for every assumed role."""

    def __init__(self, *, roles: Iterable[Role], keys: Mapping[str, AccessKey], port: int = 0) -> None:
        super().__init__(port=port)
        self.calls: list[AssumeRoleCall] = []
        self.keys = dict(keys)
        self._roles = {role.arn: role for role in roles}
        self._guard = threading.Lock()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that send boto3's STS calls here, whatever AWS_ENDPOINT_URL says."""
        return {"AWS_ENDPOINT_URL_STS": self.endpoint_url}

    def answer(self, request: Request) -> Response:
        """POST with Action=AssumeRole or Action=GetCallerIdentity."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        with self._guard:
            caller = self.keys.get(request.access_key)
            if caller is None:
                return _error(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
            if form.get("Action") == "GetCallerIdentity":
                return _success("GetCallerIdentity", _identity(caller))
            if form.get("Action") == "AssumeRole":
                return self._assume(form, request.access_key, caller)
        return _error(400, "InvalidAction", f"Could not find operation {form.get('Action')}")

    def _assume(self, form: Mapping[str, str], access_key: str, caller: AccessKey) -> Response:
        call = AssumeRoleCall(form["RoleArn"], form["RoleSessionName"], form.get("ExternalId"), access_key)
        self.calls.append(call)
        role = self._roles.get(call.role)
        if role is None or role.external_id != call.external_id:
            message = f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {call.role}"
            return _error(403, "AccessDenied", message)
        name = f"ASIA{secrets.token_hex(8).upper()}"
        self.keys[name] = _session_key(call)
        expires = datetime.now(UTC) + timedelta(seconds=int(form.get("DurationSeconds", "3600")))
        return _success("AssumeRole", _credentials(name, self.keys[name], expires))


def _session_key(call: AssumeRoleCall) -> AccessKey:
    arn = call.role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
    return AccessKey(secrets.token_urlsafe(30), f"{arn}/{call.session}", secrets.token_urlsafe(300))


def _credentials(name: str, key: AccessKey, expires: datetime) -> str:
    return (
        f"<Credentials><AccessKeyId>{name}</AccessKeyId><SecretAccessKey>{key.secret}</SecretAccessKey>"
        f"<SessionToken>{key.session_token}</SessionToken>"
        f"<Expiration>{expires:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
        f"<AssumedRoleUser><Arn>{escape(key.arn)}</Arn><AssumedRoleId>AROATEST:{escape(key.arn.rpartition('/')[2])}"
        "</AssumedRoleId></AssumedRoleUser>"
    )


def _identity(key: AccessKey) -> str:
    account = key.arn.split(":")[4]
    return f"<Arn>{escape(key.arn)}</Arn><UserId>AIDATEST</UserId><Account>{account}</Account>"


def _success(action: str, result: str) -> Response:
    body = f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{result}</{action}Result></{action}Response>'
    return Response(200, body.encode(), "text/xml")


def _error(status: int, code: str, message: str) -> Response:
    inner = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
    body = f'<ErrorResponse xmlns="{_NAMESPACE}"><Error>{inner}</Error></ErrorResponse>'
    return Response(status, body.encode(), "text/xml")
