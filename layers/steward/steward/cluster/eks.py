"""EKS: which clusters there are, where they answer, and the token they take."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.signers import RequestSigner

from steward import aws
from steward.aws import Identity
from steward.cluster.access import Access
from steward.errors import PermanentError, TemporaryError

TOKEN_SECONDS = 14 * 60
"""EKS accepts a token for 15 minutes from its X-Amz-Date (aws-iam-authenticator `pkg/token/token.go`)."""


class EksUnavailableError(TemporaryError):
    """The EKS API refused or did not answer: AWS's own words."""


class EksClusterMissingError(PermanentError):
    """There is no such EKS cluster, or it is not ready to be talked to."""


def discover(region: str, identity: Identity, tags: dict[str, str]) -> Iterator[str]:
    """Names of the region's EKS clusters, every page, that carry all of `tags`."""
    try:
        eks = aws.client("eks", region, identity)
        for page in eks.get_paginator("list_clusters").paginate():
            yield from (name for name in page["clusters"] if not tags or _has_tags(eks, name, tags))
    except (BotoCoreError, ClientError) as error:
        raise EksUnavailableError(f"EKS clusters of {region}: {aws.describe(error)}") from error


def _has_tags(eks: Any, name: str, tags: dict[str, str]) -> bool:
    """False too for a cluster that was deleted since it was listed: it must not hide the others of its region."""
    try:
        found = eks.describe_cluster(name=name)["cluster"].get("tags") or {}
    except eks.exceptions.ResourceNotFoundException:
        return False
    return tags.items() <= found.items()


def eks_access(name: str, region: str, identity: Identity) -> Access:
    """Endpoint and authority by DescribeCluster, tokens by `eks_token`.

    Raises EksClusterMissingError or EksUnavailableError.
    """
    try:
        described = aws.client("eks", region, identity).describe_cluster(name=name)["cluster"]
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and aws.error_code(error) == "ResourceNotFoundException":
            raise EksClusterMissingError(
                f"EKS cluster {name} in {region}: there is none. Correct eks.name or eks.region in the fleet file",
            ) from error
        raise EksUnavailableError(f"EKS cluster {name} in {region}: {aws.describe(error)}") from error
    if not described.get("endpoint") or described.get("status") in {"CREATING", "DELETING", "FAILED"}:
        raise EksClusterMissingError(
            f"EKS cluster {name} in {region} is {described.get('status')}: it has no API server yet"
        )
    authority = base64.b64decode(described["certificateAuthority"]["data"]).decode()
    return Access(described["endpoint"], _cached(lambda: eks_token(name, region, identity)), authority)


def eks_token(name: str, region: str, identity: Identity) -> str:
    """`k8s-aws-v1.` and a presigned GetCallerIdentity request that names the cluster in a signed header.

    Made without a network call, but for the keys of an assumed role that have to be renewed (aws-cli
    `awscli/customizations/eks/get_token.py`). Raises EksUnavailableError if there are no keys.
    """
    try:
        url = _presign(name, region, identity)
    except (BotoCoreError, ClientError) as error:
        raise EksUnavailableError(f"token for EKS cluster {name} in {region}: {aws.describe(error)}") from error
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).rstrip(b"=").decode()


def _presign(name: str, region: str, identity: Identity) -> str:
    sts = aws.client("sts", region, identity)
    signer = RequestSigner(
        sts.meta.service_model.service_id,
        region,
        "sts",
        "v4",
        aws.credentials(region, identity),
        sts.meta.events,
    )
    request = {
        "method": "GET",
        "url": f"{sts.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {"x-k8s-aws-id": name},
        "context": {},
    }
    url: str = signer.generate_presigned_url(request, region_name=region, expires_in=60, operation_name="")
    return url


def _cached(make: Callable[[], str]) -> Callable[[], str]:
    """The same token until it is 14 minutes old. After a 401 the caller simply asks again: a younger one is made
    only when this one has aged, because a refused fresh token would be refused again.
    """
    lock = threading.Lock()
    held: list[tuple[float, str]] = []

    def token() -> str:
        with lock:
            if not held or time.monotonic() - held[0][0] > TOKEN_SECONDS:
                held[:] = [(time.monotonic(), make())]
            return held[0][1]

    return token
