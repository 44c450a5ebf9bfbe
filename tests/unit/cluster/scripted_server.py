"""An HTTP server on 127.0.0.1 that answers from a script, right or wrong, and remembers what it was sent."""

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Answer:
    """One answer of the script."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    breakage: str = ""
    """`hang` or `reset` instead of an answer."""


HANG, RESET = Answer(0, breakage="hang"), Answer(0, breakage="reset")


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    """JSON with a status; header names have `_` for `-`."""
    return Answer(status, json.dumps(body).encode(), {name.replace("_", "-"): value for name, value in headers.items()})


def refusal(status: int, message: str = "no", reason: str = "", **headers: str) -> Answer:
    return answer({"kind": "Status", "message": message, "reason": reason}, status, **headers)


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class ScriptedServer:
    """Context manager. Every request takes the next answer; the last one is repeated for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.script = deque(answers)
        self.seen: list[Seen] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def next_answer(self) -> Answer:
        return self.script.popleft() if len(self.script) > 1 else self.script[0]


def _handler_of(server: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.seen.append(Seen(self.command, self.path, dict(self.headers), body))
            given = server.next_answer()
            if given.breakage:
                self._break(given.breakage)
                return
            self.send_response(given.status)
            # Closed after each answer, so that no connection outlives the server it was made to.
            for name, value in {"Connection": "close", "Content-Length": str(len(given.body)), **given.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(given.body)

        do_GET = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815 - http.server asks for these names

        def _break(self, breakage: str) -> None:
            if breakage == "hang":
                server.released.wait()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.close_connection = True
            self.connection.close()

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    return Handler
