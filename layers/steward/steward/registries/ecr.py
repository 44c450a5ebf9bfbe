"""ECR and ECR Public: GetAuthorizationToken -> Credential."""

import base64
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from steward import aws
from steward.credential import Credential, CredentialRefusedError
from steward.errors import TemporaryError
from steward.images.ecr_hosts import parse_ecr_host
from steward.registries.principals import Principal

MOST_SKEW = timedelta(minutes=5)
"""AWS refuses signatures that are further off than this (SigV4), so a larger difference is worth a word."""


CLOCK_CODES = frozenset(
    {"InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed"}
)
"""How AWS refuses a signature that is too old or from the future."""

ACTIONS = {
    "ecr": ("ecr:GetAuthorizationToken",),
    "ecr-public": ("ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"),
}
"""What the principal's policy has to allow (ECR Public user guide, "Registry authentication")."""


class MintFailedError(TemporaryError):
    """A registry did not hand out a credential this time: principal, AWS's own words, what to look at."""


def mint(principal: Principal, now: datetime) -> Credential:
    """One fresh credential. Raises MintFailedError (AWS said no) or CredentialRefusedError (its answer is no good)."""
    try:
        answer = _ask(principal)
    except (BotoCoreError, ClientError) as error:
        raise MintFailedError(_explain(principal, error)) from error
    return read_answer(principal, answer, now)


def _ask(principal: Principal) -> dict[str, Any]:
    """One call; once more with fresh keys when those of the assumed role have expired in a warm function."""
    try:
        return _call(principal)
    except ClientError as error:
        if aws.error_code(error) not in aws.EXPIRED_CODES:
            raise
        aws.forget_clients()
        return _call(principal)


def _call(principal: Principal) -> dict[str, Any]:
    answer: dict[str, Any] = aws.client(principal.kind, principal.region, principal.identity).get_authorization_token()
    return answer


def _explain(principal: Principal, error: BotoCoreError | ClientError) -> str:
    return f"{principal.id}: no credential: {aws.describe(error)}. The old one stays; {_advise(principal, error)}"


def _advise(principal: Principal, error: BotoCoreError | ClientError) -> str:
    who = principal.identity.role or "the function's own role"
    if not isinstance(error, ClientError):
        return "check the network, the region's endpoint and the function's credentials"
    if aws.error_code(error) in CLOCK_CODES:
        return "set this machine's clock (NTP)"
    if "Denied" not in aws.error_code(error):
        return "the next run tries again"
    if error.operation_name == "AssumeRole":
        return f"let kubesteward's role assume {who} (trust policy, external id, RegistryRoleArns)"
    return f"allow {' and '.join(ACTIONS[principal.kind])} for {who}"


def read_answer(principal: Principal, answer: dict[str, Any], now: datetime) -> Credential:
    """ECR's answer -> Credential. The token is base64 of `user:password`; the password may hold colons."""
    data = _authorization(principal, answer)
    token, expires_at = data.get("authorizationToken"), data.get("expiresAt")
    if not isinstance(token, str) or not isinstance(expires_at, datetime):
        raise CredentialRefusedError(
            f"{principal.id}: ECR answered without authorizationToken or expiresAt; kept the old one"
        )
    _refuse_other_region(principal, data)
    username, password = _split(principal, token)
    expires_at = expires_at.astimezone(UTC)
    _refuse_wrong_clock(principal, answer, now)
    return Credential(principal.id, username, password, now, expires_at, str(uuid.uuid4()))


def _authorization(principal: Principal, answer: dict[str, Any]) -> dict[str, Any]:
    """ECR answers a list of exactly one entry since registryIds is deprecated; ECR Public an object."""
    data = answer.get("authorizationData")
    if isinstance(data, dict):
        return data
    if isinstance(data, list) and len(data) == 1 and isinstance(data[0], dict):
        return data[0]
    count = len(data) if isinstance(data, list) else 0
    raise CredentialRefusedError(
        f"{principal.id}: ECR answered {count} authorizationData entries instead of one; "
        "which of them would be right is a guess, so the old credential stays",
    )


def _split(principal: Principal, token: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(token, validate=True).decode()
    except ValueError:
        raise CredentialRefusedError(
            f"{principal.id}: ECR's authorizationToken is not base64 of text; kept the old one"
        ) from None
    username, colon, password = text.partition(":")
    if not colon:
        raise CredentialRefusedError(f"{principal.id}: ECR's authorizationToken holds no colon; kept the old one")
    return username, password


def _refuse_other_region(principal: Principal, data: dict[str, Any]) -> None:
    """A token is worth nothing under another region's host (eks-anywhere-packages PR 697)."""
    host = parse_ecr_host(str(data.get("proxyEndpoint", "")).removeprefix("https://"))
    if host is not None and host.region != principal.region:
        raise CredentialRefusedError(
            f"{principal.id}: ECR answered a token for {host.region}, not {principal.region}; kept the old one",
        )


def _refuse_wrong_clock(principal: Principal, answer: dict[str, Any], now: datetime) -> None:
    """A clock that is off makes every expiry decision wrong; AWS's Date header is the judge."""
    header = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not header:
        return
    try:
        told = parsedate_to_datetime(header)
    except ValueError:
        return
    theirs = told if told.tzinfo else told.replace(tzinfo=UTC)
    if abs(theirs - now) > MOST_SKEW:
        raise CredentialRefusedError(
            f"{principal.id}: this clock says {now:%Y-%m-%dT%H:%M:%SZ}, AWS says {theirs:%Y-%m-%dT%H:%M:%SZ}; "
            "kept the old credential. Set the clock (NTP)",
        )
