"""The API server as tests talk to it: JSON in, JSON out, no client library that the product also uses."""

import json
import time
from collections.abc import Callable
from typing import Any, Protocol, Self

import urllib3

_MERGE = "application/merge-patch+json"


class Reachable(Protocol):
    """What is needed to talk to a control plane."""

    @property
    def url(self) -> str: ...
    @property
    def ca_pem(self) -> str: ...
    @property
    def admin_token(self) -> str: ...


class ApiError(RuntimeError):
    """The API server refused: `status` is the HTTP status, `body` the Status object if it sent one."""

    def __init__(self, method: str, path: str, status: int, body: Any) -> None:
        self.status = status
        self.body = body
        message = body.get("message", body) if isinstance(body, dict) else body
        super().__init__(f"{method} {path}: {status}: {message}")


class Api:
    """Requests to one API server, as its admin or with another token; a context manager.

    Paths are the API's own, as `/api/v1/namespaces/default/pods`. Every refusal raises ApiError; an API
    server that is not there raises urllib3's own HTTPError.
    """

    def __init__(self, control_plane: Reachable, *, token: str | None = None) -> None:
        self._url = control_plane.url
        self._token = token or control_plane.admin_token
        self._pool = urllib3.PoolManager(ca_cert_data=control_plane.ca_pem, retries=False, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def get(self, path: str) -> Any:
        """The object or list at the path."""
        return self._request("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """The object created."""
        return self._request("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        """The object as replaced."""
        return self._request("PUT", path, body)

    def patch(self, path: str, body: Any, *, kind: str = _MERGE) -> Any:
        """The object as patched; `kind` is the patch's content type."""
        return self._request("PATCH", path, body, kind)

    def delete(self, path: str, body: Any = None) -> Any:
        """What the API server answers: the object, or a Status. The body may hold DeleteOptions."""
        return self._request("DELETE", path, body)

    def get_text(self, path: str) -> str:
        """What is not JSON: a pod's log, `/metrics`, `/readyz`."""
        return self._send("GET", path, None, "application/json").decode()

    def wait_for(self, path: str, condition: Callable[[Any], bool], *, seconds: float = 60) -> Any:
        """Poll the path until the condition holds for what is there (None: nothing is) and answer it.

        Raises TimeoutError with the last answer.
        """
        deadline = time.monotonic() + seconds
        while not condition(last := self.find(path)):
            if time.monotonic() > deadline:
                answer = json.dumps(_showable(last))[:4000]
                raise TimeoutError(f"{path}: not as expected within {seconds:.0f} s, last: {answer}")
            time.sleep(0.1)
        return last

    def find(self, path: str) -> Any:
        """As `get`, but None where nothing is."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def _request(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        return json.loads(self._send(method, path, body, kind))

    def _send(self, method: str, path: str, body: Any, kind: str) -> bytes:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        content = None if body is None else json.dumps(body)
        answer = self._pool.request(method, f"{self._url}{path}", headers=headers, body=content)
        if answer.status >= 400:
            raise ApiError(method, path, answer.status, _decoded(answer.data))
        return answer.data


def _showable(answer: Any) -> Any:
    """Without what says nothing (managedFields) and what nobody is to read in a log (a Secret's data)."""
    if isinstance(answer, list):
        return [_showable(item) for item in answer]
    if isinstance(answer, dict):
        hidden = {"managedFields", "data", "stringData"}
        return {key: _showable(value) for key, value in answer.items() if key not in hidden}
    return answer


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
