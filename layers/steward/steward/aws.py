"""How AWS is reached: sessions, assumed roles, retries. The other rooms ask here for clients."""

import functools
import threading
import uuid
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError

RETRIES = Config(retries={"mode": "standard", "max_attempts": 6}, connect_timeout=5, read_timeout=20)
"""Throttling, 5xx and lost connections, with back-off and jitter: botocore's own "standard" mode."""

EXPIRED_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "RequestExpired",
        "UnrecognizedClientException",
    }
)
"""Answers that fresh keys mend: those of an assumed role can end early, when the role changes."""


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom AWS is called: a role to assume, or with `role` None the caller's own identity."""

    role: str | None = None
    external_id: str | None = None


OWN = Identity()


_MAKING = threading.RLock()
"""boto3 clients may be shared by threads, the sessions that make them may not (boto3 guide, "Multithreading")."""


def client(service: Any, region: str | None = None, identity: Identity = OWN) -> Any:
    """A client, made once per service, region and identity; the keys of an assumed role renew themselves."""
    with _MAKING:
        return _client(service, region, identity)


@functools.lru_cache(maxsize=256)
def _client(service: Any, region: str | None, identity: Identity) -> Any:
    return _session(identity, region).client(service, region_name=region, config=RETRIES)


@functools.lru_cache(maxsize=8)
def table(name: str) -> Any:
    """A DynamoDB table as a resource: plain Python values in and out."""
    return _session(OWN, None).resource("dynamodb", config=RETRIES).Table(name)


def credentials(region: str, identity: Identity = OWN) -> Any:
    """What signs a request made by hand; refreshed when it is asked for."""
    return _session(identity, region).get_credentials()


def forget_clients() -> None:
    """Drops what is cached: an assumed role's keys were refused, or the environment has changed."""
    for cached in (_client, table, _session):
        cached.cache_clear()


@functools.lru_cache(maxsize=256)
def _session(identity: Identity, region: str | None) -> boto3.Session:
    if identity.role is None:
        return boto3.Session()
    own = _session(OWN, None)
    extra = {"RoleSessionName": f"kubesteward-{uuid.uuid4().hex[:12]}"}
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=functools.partial(own.client, region_name=region, config=RETRIES),
        source_credentials=own.get_credentials(),
        role_arn=identity.role,
        extra_args=extra | ({"ExternalId": identity.external_id} if identity.external_id else {}),
    )
    core: Any = botocore.session.get_session()
    # botocore offers no public way to give a session credentials that renew themselves (boto3 issue 443).
    core._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # noqa: SLF001
    return boto3.Session(botocore_session=core)


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def describe(error: BotoCoreError | ClientError) -> str:
    """One line: operation and code of AWS's refusal, with its message cut short."""
    if isinstance(error, ClientError):
        message = str(error.response.get("Error", {}).get("Message", ""))[:256]
        return f"{error.operation_name}: {error_code(error)}: {message}"
    return str(error)[:256]
