import http.server
import json
import threading

import pytest

from discovery.scripted import SOURCE, Script
from tts_gym.datasets import read_published


@pytest.fixture
def source():
    """A candidate that reads up to four branches."""
    return SOURCE


@pytest.fixture
def hand_made(tmp_path):
    """Make a store of one question from its branches, 100 tokens an interval, right answer 2."""

    def make(branches):
        question = {"question": "What is 1 + 1?", "gold_answer": "2", "probe_freq": 100, "each_branch": branches}
        path = tmp_path / "hand" / "made.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps([question]))
        return read_published(path)

    return make


@pytest.fixture
def chat_server():
    """A server with the chat interface that does what its ``script`` says; ``asked`` has the requests."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Script)
    server.daemon_threads = True
    server.script, server.asked = [], []
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
