"""A server with the completions interface whose answers a test writes."""

import json
import select
import socket
import struct
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PLAIN = {"max_tokens", "model", "prompt", "temperature", "n", "top_p", "stop", "logprobs", "seed"}
"""What a server without extensions takes."""


class Script:
    """What a test server answers.

    ``reply`` makes (status, body) of a request's JSON; the body is JSON, bytes, or an iterator over pieces of either,
    which are sent as they come. ``health`` is the status of a health check, or what to wait for before 200.
    """

    def __init__(self, reply=None):
        self.reply = reply or plain
        self.health = 404
        self.times = []
        self.checks = 0
        self.running = self.most_running = 0
        self.lock = threading.Lock()
        self.here = threading.local()

    def is_left(self, seconds=5.0):
        """Whether the client whose request this thread answers closes its connection within some time."""
        readable, _, _ = select.select([self.here.connection], [], [], seconds)
        return bool(readable) and self.here.connection.recv(1, socket.MSG_PEEK) == b""

    def break_off(self):
        """Lose the connection to the client whose request this thread answers, once it has read what was sent."""
        time.sleep(0.2)
        self.here.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.here.connection.close()
        raise ConnectionResetError


def until(condition, seconds=5.0):
    """Wait for ``condition()``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def plain(asked, text="The answer is 42.", **choice):
    """A server with nothing beside text."""
    if asked.keys() - PLAIN:
        return 400, {"error": {"message": f"unknown {sorted(asked.keys() - PLAIN)}"}}
    return completion(asked, text, **choice)


def completion(asked, text, **choice):
    choices = [
        {"index": n, "text": text, "finish_reason": "stop", "logprobs": None} | choice for n in range(asked.get("n", 1))
    ]
    return 200, {"id": "1", "object": "text_completion", "created": 0, "model": "m", "choices": choices}


def chunk(index=0, **choice):
    """A chunk of a streamed answer."""
    return b"data: " + json.dumps({"choices": [{"index": index, **choice}]}).encode() + b"\r\n\r\n"


@contextmanager
def serving(script):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):  # noqa: N802
            script.checks += 1
            if callable(script.health):
                script.health()
            self.send_response(200 if callable(script.health) else script.health)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self):  # noqa: N802
            script.here.connection = self.connection
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with script.lock:
                script.times.append(time.monotonic())
                script.running += 1
                script.most_running = max(script.most_running, script.running)
            try:
                status, body = script.reply(asked)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Connection", "close")
                self.end_headers()
                for piece in [body] if isinstance(body, bytes | dict) else body:
                    self.wfile.write(piece if isinstance(piece, bytes) else json.dumps(piece).encode())
                    self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):
                pass
            finally:
                with script.lock:
                    script.running -= 1

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        script.kill = server.server_close
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
