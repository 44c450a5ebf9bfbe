"""What EKS does with a bearer token, for a kube-apiserver of ours: its TokenReview webhook.

The token is a presigned request; EKS sends it to STS with the cluster's name in a header and believes the answer
(aws-iam-authenticator, `pkg/token/token.go`). Here the signature is computed again from the known secret, which a
token passes exactly if STS would accept the request: other header, encoding, age or key, and it is refused. Where
there is an STS that checks signatures (the emulated account's), the request is really sent to it instead.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from testbed.aws.loopback import LoopbackServer, Request, Response, json_response
from testbed.aws.sts_api import AccessKey

PREFIX = "k8s-aws-v1."
MOST_CHARACTERS = 4096
LIFETIME = timedelta(minutes=15)
"""From X-Amz-Date on, whatever X-Amz-Expires says."""

API_SERVER_FLAGS = ("--authentication-token-webhook-version=v1", "--authentication-token-webhook-cache-ttl=0s")
"""What kube-apiserver needs besides the configuration file. Without a cache every request is judged."""

_STS_HOST = re.compile(
    r"sts(-fips)?\.((?P<region>[a-z]{2}(-[a-z]+)+-\d)\.)?(amazonaws\.com(\.cn)?|amazonaws\.eu|api\.aws)"
)
_CREDENTIAL = re.compile(r"(?P<key>\w+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)/sts/aws4_request")
_PARAMETERS = {
    "Action",
    "Version",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
}


class TokenRefusedError(ValueError):
    """The token is not one that EKS would accept; the message says why."""


Identify = Callable[[SplitResult, str], str]
"""(presigned request, cluster) -> the ARN of whoever signed it, or TokenRefusedError."""


@dataclass(frozen=True, slots=True)
class User:
    """Who the API server takes the caller for."""

    name: str
    groups: Sequence[str]


class TokenVerifier:
    """Decides about the tokens of one EKS cluster.

    `identify` is `by_known_keys` or `by_asking`, `access_entries` maps role or user ARNs to Kubernetes groups, and
    `hosts` are the emulated STS's host:port, which are accepted besides the real STS hosts and by plain HTTP.
    """

    def __init__(
        self,
        cluster: str,
        *,
        identify: Identify,
        access_entries: Mapping[str, Sequence[str]],
        hosts: Sequence[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._cluster = cluster
        self._identify = identify
        self._access_entries = access_entries
        self._hosts = frozenset(hosts)
        self._now = now

    def verify(self, token: str) -> User:
        """Answer whose token it is. Raises TokenRefusedError."""
        url = _decode(token)
        parameters = _parameters(url)
        day = _day_of_scope(parameters, self._refuse_other_host(url))
        self._refuse_wrong_age(parameters, day)
        _refuse_unsigned_header(parameters)
        return self._user(self._identify(url, self._cluster))

    def _refuse_other_host(self, url: SplitResult) -> str | None:
        """Answers the region that the host belongs to; None: the host is the emulated STS of every region."""
        if url.netloc in self._hosts:
            return None
        found = _STS_HOST.fullmatch(url.netloc)
        if url.scheme != "https" or found is None:
            raise TokenRefusedError(f"{url.scheme}://{url.netloc} is not an STS host")
        return found["region"] or "us-east-1"

    def _refuse_wrong_age(self, parameters: Mapping[str, str], day: str) -> None:
        expires = parameters.get("X-Amz-Expires", "")
        if not expires.isascii() or not expires.isdigit() or int(expires) > 60:
            raise TokenRefusedError(f"X-Amz-Expires is {expires or 'missing'}, not 0 to 60")
        try:
            signed = datetime.strptime(parameters.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise TokenRefusedError("X-Amz-Date is missing or no date") from None
        if signed > self._now():
            raise TokenRefusedError(f"X-Amz-Date {signed:%H:%M:%SZ} is in the future")
        if self._now() - signed > LIFETIME:
            raise TokenRefusedError(f"X-Amz-Date {signed:%H:%M:%SZ} is older than 15 minutes")
        if f"{signed:%Y%m%d}" != day:
            raise TokenRefusedError(f"X-Amz-Credential is for {day}, not for the day of X-Amz-Date")

    def _user(self, arn: str) -> User:
        groups = self._access_entries.get(principal(arn))
        if groups is None:
            raise TokenRefusedError(f"{principal(arn)} has no access entry in cluster {self._cluster}")
        return User(arn, groups)


def principal(arn: str) -> str:
    """The ARN that an access entry names: an assumed role's session -> its role, anything else as it is."""
    if ":assumed-role/" not in arn:
        return arn
    role = arn.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/")
    return role.rpartition("/")[0]


def _decode(token: str) -> SplitResult:
    if len(token) > MOST_CHARACTERS:
        raise TokenRefusedError(f"the token has {len(token)} characters, more than {MOST_CHARACTERS}")
    if not token.startswith(PREFIX):
        raise TokenRefusedError(f"the token does not begin with {PREFIX}")
    encoded = token.removeprefix(PREFIX)
    if not re.fullmatch(r"[A-Za-z0-9_-]+", encoded):
        raise TokenRefusedError("the token is not base64url without padding")
    try:
        return urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    except (binascii.Error, ValueError):
        raise TokenRefusedError("the token is not base64url of a URL") from None


def _parameters(url: SplitResult) -> dict[str, str]:
    if url.path != "/":
        raise TokenRefusedError(f"the path is {url.path or 'empty'}, not /")
    pairs = parse_qsl(url.query, keep_blank_values=True)
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise TokenRefusedError("a query parameter comes twice")
    if foreign := parameters.keys() - _PARAMETERS:
        raise TokenRefusedError(f"unexpected query parameters: {', '.join(sorted(foreign))}")
    if parameters.get("Action") != "GetCallerIdentity":
        raise TokenRefusedError(f"Action is {parameters.get('Action')}, not GetCallerIdentity")
    if parameters.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
        raise TokenRefusedError("X-Amz-Algorithm is not AWS4-HMAC-SHA256")
    return parameters


def _day_of_scope(parameters: Mapping[str, str], region: str | None) -> str:
    found = _CREDENTIAL.fullmatch(parameters.get("X-Amz-Credential", ""))
    if found is None:
        raise TokenRefusedError("X-Amz-Credential is not <access key>/<day>/<region>/sts/aws4_request")
    if region not in {None, found["region"]}:
        raise TokenRefusedError(f"the host is of {region}, the signature for {found['region']}")
    return found["day"]


def _refuse_unsigned_header(parameters: Mapping[str, str]) -> None:
    """EKS replays the request with these two headers and no other."""
    signed = parameters.get("X-Amz-SignedHeaders", "")
    if set(signed.split(";")) != {"host", "x-k8s-aws-id"}:
        raise TokenRefusedError(f"X-Amz-SignedHeaders is {signed or 'missing'}, not host;x-k8s-aws-id")


def by_known_keys(keys: Mapping[str, AccessKey]) -> Identify:
    """Sign the request as we would have sent it, with our cluster's name in the header, and compare."""

    def identify(url: SplitResult, cluster: str) -> str:
        parameters = dict(parse_qsl(url.query))
        name, _, region, *_ = parameters["X-Amz-Credential"].split("/")
        key = keys.get(name)
        if key is None:
            raise TokenRefusedError(f"access key {name} is not known")
        if parameters.get("X-Amz-Security-Token") != key.session_token:
            raise TokenRefusedError("X-Amz-Security-Token is not the one of this access key")
        signature = _sign(url, cluster, Credentials(name, key.secret), region, parameters["X-Amz-Date"])
        if not hmac.compare_digest(signature, parameters.get("X-Amz-Signature", "")):
            raise TokenRefusedError(f"the signature is not one for cluster {cluster} by this key's secret")
        return key.arn

    return identify


def by_asking(endpoint_url: str) -> Identify:
    """Send the request on to the STS there, with our cluster's name in the header, as EKS does.

    The emulated account checks the signatures of sessions (functions' and assumed roles), not of its root key.
    """

    def identify(url: SplitResult, cluster: str) -> str:
        headers = {"x-k8s-aws-id": cluster, "Host": url.netloc}
        answer = urllib3.request("GET", f"{endpoint_url}/?{url.query}", headers=headers, timeout=10, retries=False)
        arn = re.search(rb"<Arn>([^<]+)</Arn>", answer.data)
        if answer.status != 200 or arn is None:
            code = re.search(rb"<Code>(\w+)</Code>", answer.data)
            raise TokenRefusedError(f"STS says {code[1].decode() if code else answer.status} for cluster {cluster}")
        return arn[1].decode()

    return identify


def _sign(url: SplitResult, cluster: str, key: Credentials, region: str, date: str) -> str:
    request = AWSRequest("GET", _without_signature(url), headers={"x-k8s-aws-id": cluster})
    request.context["timestamp"] = date
    auth = SigV4Auth(key, "sts", region)
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


def _without_signature(url: SplitResult) -> str:
    """Everything else stays as it was sent: the encoding takes part in the signature."""
    kept = [part for part in url.query.split("&") if not part.startswith("X-Amz-Signature=")]
    return url._replace(query="&".join(kept)).geturl()


class TokenWebhook(LoopbackServer):
    """Context manager: a verifier behind the API server's webhook. `refusals` are the reasons given so far."""

    def __init__(self, verifier: TokenVerifier, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.refusals: list[str] = []
        self._verifier = verifier

    def config_file(self, path: Path) -> Path:
        """Write the file for `--authentication-token-webhook-config-file` (with API_SERVER_FLAGS)."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "webhook", "cluster": {"server": f"{self.endpoint_url}/authenticate"}}],
            "users": [{"name": "api-server", "user": {}}],
            "contexts": [{"name": "webhook", "context": {"cluster": "webhook", "user": "api-server"}}],
            "current-context": "webhook",
        }
        path.write_text(json.dumps(content))
        return path

    def answer(self, request: Request) -> Response:
        """A TokenReview with its status."""
        review = json.loads(request.body)
        if review.get("apiVersion") != "authentication.k8s.io/v1" or review.get("kind") != "TokenReview":
            return json_response(400, {"error": "not a TokenReview of authentication.k8s.io/v1"})
        status = self._status(review["spec"]["token"])
        return json_response(200, {"apiVersion": review["apiVersion"], "kind": "TokenReview", "status": status})

    def _status(self, token: str) -> dict[str, object]:
        try:
            user = self._verifier.verify(token)
        except TokenRefusedError as refusal:
            self.refusals.append(str(refusal))
            return {"authenticated": False, "error": str(refusal)}
        return {"authenticated": True, "user": {"username": user.name, "groups": list(user.groups)}}
