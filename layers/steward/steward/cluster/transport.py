"""Requests to one API server over the official client's transport, with retries, time-outs and fresh tokens."""

import json
import threading
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from steward.cluster.access import Access
from steward.cluster.errors import ClusterUnavailableError, UnauthorizedError, raise_for

CONCURRENCY = 8
"""Requests at once to one API server. Beyond 4-8 a server of this size gets slower, not faster (measured)."""

CONNECT_SECONDS, READ_SECONDS = 5, 30

RETRY_STATUS = frozenset({429, 500, 502, 503, 504})
"""429 and its Retry-After are the server's own wish; the others pass. Every request here may be sent twice:
applies are idempotent, updates carry a resourceVersion, deletions a uid."""

_IMPORTING = threading.Lock()
"""The client's packages import each other in a circle: when several clusters are connected at once in a fresh
function, one thread may see half a package and get an ImportError (kubernetes 37.0.1, every second start)."""


class Transport:
    """JSON in, JSON out. Thread-safe; made lazily, since the client's import is the dearest of a cold start."""

    def __init__(self, name: str, access: Access) -> None:
        self._name = name
        self._access = access
        self._pool = _connect(access)
        self._prefix = urlsplit(access.server).path.rstrip("/")
        self._authorization = self._new_authorization()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and decoded answer. Raises the errors of steward.cluster.errors and nothing else.

        A 401 is answered once with a fresh token: EKS tokens end after 15 minutes, whatever is under way.
        """
        url = f"{self._prefix}{path}" + (f"?{_encode(tuple(query.items()))}" if query else "")
        where = f"cluster {self._name}: {method} {path}"
        status, answer = self._send(method, url, body, headers or {}, where)
        if status == 401 and self._access.token is not None:  # noqa: PLR2004 - HTTP
            self._authorization = self._new_authorization()
            status, answer = self._send(method, url, body, headers or {}, where)
        raise_for(status, answer, where)
        try:
            return status, json.loads(answer)
        except ValueError:
            raise ClusterUnavailableError(
                f"{where}: HTTP {status} and a body that is not JSON; is {self._access.server} an API server?",
            ) from None

    def _new_authorization(self) -> dict[str, str]:
        """Checked here, because http.client repeats in its error what it cannot send."""
        if self._access.token is None:
            return {}
        token = self._access.token()
        if not (token.isascii() and token.isprintable()):
            raise UnauthorizedError(
                f"cluster {self._name}: its bearer token holds a line break or another character no header may hold. "
                "Store the token alone",
            )
        return {"Authorization": f"Bearer {token}"}

    def _send(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str], where: str
    ) -> tuple[int, bytes]:
        from urllib3.exceptions import HTTPError

        try:
            response = self._pool.urlopen(
                method,
                url,
                body=body,
                headers={
                    "Accept": "application/json",
                    "User-Agent": "kubesteward",
                    **self._authorization,
                    **headers,
                },
            )
        except HTTPError as error:
            raise ClusterUnavailableError(f"{where}: no answer: {_cause(error)}") from None
        return response.status, response.data


@lru_cache(maxsize=16)
def _encode(query: tuple[tuple[str, str], ...]) -> str:
    """All applies of a run have the same query."""
    return urlencode(query)


def _connect(access: Access) -> Any:
    """The urllib3 pool of this one server. Asked directly, it takes a twentieth less CPU time a request than
    through the client's pool manager, which would find it again by the URL each time (measured).
    """
    from urllib3 import Retry, Timeout

    with _IMPORTING:
        from kubernetes.client import Configuration
        from kubernetes.client.rest import RESTClientObject

    configuration = Configuration(host=access.server, ca_cert_data=access.ca)
    configuration.cert_file, configuration.key_file = access.client_certificate, access.client_key
    configuration.connection_pool_maxsize = CONCURRENCY
    configuration.retries = Retry(
        total=4,
        connect=2,
        read=1,
        status=4,
        other=0,
        redirect=0,
        status_forcelist=RETRY_STATUS,
        allowed_methods=None,
        backoff_factor=0.3,
        backoff_jitter=0.3,
        respect_retry_after_header=True,
        retry_after_max=30,
        raise_on_status=False,
    )
    client = RESTClientObject(configuration)
    client.pool_manager.connection_pool_kw["timeout"] = Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    return client.pool_manager.connection_from_url(access.server)


def _cause(error: Exception) -> str:
    """The innermost reason, as one short line: urllib3 wraps it in a retry and a pool."""
    reason = getattr(error, "reason", None)
    return f"{type(reason or error).__name__}: {str(reason or error)[:200]}"
