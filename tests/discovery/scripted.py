"""A chat endpoint that does what its script says, and a candidate for it to say."""

import http.server
import json

SOURCE = """def schedule(beta):
    return {"n": int(round(1 + 3 * beta))}


def program(episode, n):
    episode.read(n)
    episode.note("opened", episode.width)
    return episode.leader(FINISHED)
"""


class Script(http.server.BaseHTTPRequestHandler):
    """Answers each request with the next item of ``server.script``: a function of the handler."""

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(body))
        self.server.script.pop(0)(self)

    def log_message(self, *_):
        pass

    def reply(self, status, content, kind="application/json"):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def completion(text, finish_reason="stop", read=1000, written=200, cached=100):
    """A chat completion with its usage."""
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": text}}],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": cached},
        },
    }


def says(text, **options):
    """An item of a script: a completion with this text."""
    return lambda handler: handler.reply(200, completion(text, **options))


def fails(status):
    """An item of a script: an HTTP error."""
    return lambda handler: handler.reply(status, {"error": {"message": "not now"}})


def cuts(handler):
    """An item of a script: the connection is lost in the middle of the reply."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "10000")
    handler.end_headers()
    handler.wfile.write(b'{"id": ')
    handler.wfile.flush()
    handler.connection.close()
