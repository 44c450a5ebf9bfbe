"""A small HTTP server of our own on a loopback port: the AWS services that the emulated account answers wrongly."""

import json
import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Message
    body: bytes = field(repr=False)

    @property
    def access_key(self) -> str:
        """Whose key has signed the request; empty when it is unsigned."""
        return self._scope("key")

    @property
    def region(self) -> str:
        """The region that the request was signed for; empty when it is unsigned."""
        return self._scope("region")

    def _scope(self, part: str) -> str:
        found = _SCOPE.search(self.headers.get("Authorization", ""))
        return found[part] if found else ""


@dataclass(frozen=True, slots=True)
class Response:
    """What the client gets. `date` is the server's clock as the client sees it; None: the true one."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    date: datetime | None = None


def json_response(status: int, document: Any, *, content_type: str = "application/json", **headers: str) -> Response:
    """A JSON answer; header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, json.dumps(document).encode(), content_type, named)


class LoopbackServer:
    """Context manager: answers on 127.0.0.1 until the block ends; `answer` is called by several threads at once."""

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._wanted_port = port
        self._tls = tls
        self._server: _Server | None = None

    def answer(self, request: Request) -> Response:
        """The response to a request: what a subclass is for."""
        raise NotImplementedError

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None:
            raise RuntimeError(f"{type(self).__name__} answers inside its `with` block only")
        return self._server.server_port

    @property
    def endpoint_url(self) -> str:
        """Where clients reach it."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server = _Server(self._wanted_port, self.answer, self._tls)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.stop()
            self._thread.join()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, port: int, answer: Callable[[Request], Response], tls: ssl.SSLContext | None) -> None:
        self.respond = answer
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._guard:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def stop(self) -> None:
        """Stop listening and hang up on clients that keep a connection."""
        self.shutdown()
        with self._guard:
            kept = list(self._open)
        for connection in kept:
            _hang_up(connection)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error of ours; anything else is printed by the standard library."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    _date: datetime | None = None

    def _respond(self) -> None:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, target.path, parse_qs(target.query), self.headers, body)
        response = self.server.respond(request)
        self._date = response.date
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = _respond  # noqa: N815 - http.server's names

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header."""
        if timestamp is None and self._date is not None:
            return format_datetime(self._date.astimezone(UTC), usegmt=True)
        return super().date_time_string(timestamp)

    def log_message(self, *_: object) -> None:
        """Nothing: callers count what they need."""
