"""A provider of models on this machine: it answers what a test tells it to, in the providers' own wire formats."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What the next request gets."""

    status: int = 200
    body: Any = None
    #: Lines of a stream, in place of a body.
    events: list[str] | None = None
    #: The connection is reset where the body, or the next event, would come.
    breaks: bool = False
    #: The stream stays open until this is set.
    waits: threading.Event | None = None


@dataclass
class Provider:
    """The server, its address, and what it was asked."""

    url: str = ""
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    replies: deque[Reply] = field(default_factory=deque)

    @property
    def sent(self) -> dict[str, Any]:
        """The body of the last request."""
        return self.requests[-1][1]

    def answers(self, body: Any, status: int = 200) -> None:
        self.replies.append(Reply(status=status, body=body))

    def breaks(self) -> None:
        self.replies.append(Reply(breaks=True))

    def streams(
        self, *events: Any, done: bool = True, named: bool = False, breaks: bool = False, waits: threading.Event | None = None
    ) -> None:
        """Server-sent events of these objects: with their type as a name, as Anthropic and Responses do, or with ``[DONE]`` at the end."""
        lines = []
        for event in events:
            name = f"event: {event['type']}\n" if named else ""
            lines.append(f"{name}data: {json.dumps(event)}\n\n")
        if done and not named:
            lines.append("data: [DONE]\n\n")
        self.replies.append(Reply(events=lines, breaks=breaks, waits=waits))


def start() -> tuple[Provider, ThreadingHTTPServer]:
    """A provider on a free port of this machine."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            provider.requests.append((self.path, json.loads(body)))
            reply = provider.replies.popleft() if provider.replies else Reply(status=500, body={"unexpected": True})
            if reply.events is None and reply.breaks:
                self._reset()
            elif reply.events is None:
                self._whole(reply)
            else:
                self._stream(reply)

        def _whole(self, reply: Reply) -> None:
            content = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _stream(self, reply: Reply) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            try:
                for line in reply.events or ():
                    self.wfile.write(line.encode())
                    self.wfile.flush()
                if reply.waits is not None:
                    reply.waits.wait(20)
            except OSError:
                # The client left, as some tests have it do.
                pass
            if reply.breaks:
                self._reset()
            self.close_connection = True

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that leave are no news."""

    server = Server(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return provider, server


def unreachable() -> str:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
