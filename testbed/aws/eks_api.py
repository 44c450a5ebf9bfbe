"""ListClusters and DescribeCluster of EKS for clusters that really answer.

The emulated account keeps clusters too, but chooses their endpoint itself and has no certificate authority for them.
"""

import base64
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from testbed.aws.loopback import LoopbackServer, Request, Response, json_response

_MOST = 100


@dataclass(frozen=True, slots=True)
class EksCluster:
    """One cluster as EKS knows it. `ca` is the PEM of its authority."""

    name: str
    endpoint: str
    ca: str = field(repr=False)
    region: str = "us-east-1"
    account: str = "000000000000"
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "ACTIVE"
    version: str = "1.34"

    @property
    def arn(self) -> str:
        """arn:aws:eks:<region>:<account>:cluster/<name>."""
        return f"arn:aws:eks:{self.region}:{self.account}:cluster/{self.name}"


class EksApi(LoopbackServer):
    """Context manager; point boto3 at it with `environment`. A request sees the clusters of its signature's region."""

    def __init__(self, clusters: Iterable[EksCluster] = (), *, port: int = 0, page_size: int = _MOST) -> None:
        super().__init__(port=port)
        self.calls: list[str] = []
        self._page_size = page_size
        self._clusters = {(cluster.region, cluster.name): cluster for cluster in clusters}
        self._guard = threading.Lock()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that send boto3's EKS calls here, whatever AWS_ENDPOINT_URL says."""
        return {"AWS_ENDPOINT_URL_EKS": self.endpoint_url}

    def put(self, cluster: EksCluster) -> None:
        """Add a cluster, or change the one of this name and region."""
        with self._guard:
            self._clusters[cluster.region, cluster.name] = cluster

    def remove(self, name: str, region: str = "us-east-1") -> None:
        """Delete a cluster."""
        with self._guard:
            del self._clusters[region, name]

    def answer(self, request: Request) -> Response:
        """GET /clusters or GET /clusters/<name>."""
        _, first, *rest = unquote(request.path).split("/")
        if request.method != "GET" or first != "clusters" or len(rest) > 1:
            return _error(404, "UnknownOperationException", f"{request.method} {request.path}")
        with self._guard:
            self.calls.append("DescribeCluster" if rest else "ListClusters")
            mine = {name: one for (region, name), one in self._clusters.items() if region == request.region}
        return _describe(mine, rest[0]) if rest else self._list(sorted(mine), request)

    def _list(self, names: list[str], request: Request) -> Response:
        asked = int(request.query.get("maxResults", [str(self._page_size)])[0])
        after = request.query.get("nextToken", [""])[0]
        left = [name for name in names if name > _read_page_token(after)]
        page = left[: min(asked, self._page_size)]
        more = _page_token(page[-1]) if len(page) < len(left) else None
        return json_response(200, {"clusters": page, "nextToken": more})


def _describe(clusters: dict[str, EksCluster], name: str) -> Response:
    found = clusters.get(name)
    if found is None:
        return _error(404, "ResourceNotFoundException", f"No cluster found for name: {name}.")
    return json_response(200, {"cluster": _document(found)})


def _document(cluster: EksCluster) -> dict[str, object]:
    """EKS leaves out what a cluster that is still being made does not have."""
    document: dict[str, object] = {
        "name": cluster.name,
        "arn": cluster.arn,
        "version": cluster.version,
        "status": cluster.status,
        "tags": cluster.tags,
    }
    if cluster.status == "CREATING":
        return document
    authority = base64.b64encode(cluster.ca.encode()).decode()
    return document | {"endpoint": cluster.endpoint, "certificateAuthority": {"data": authority}}


def _page_token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _read_page_token(token: str) -> str:
    return base64.urlsafe_b64decode(token).decode()


def _error(status: int, code: str, message: str) -> Response:
    return json_response(status, {"message": message}, x_amzn_ErrorType=code)
