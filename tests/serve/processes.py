"""Real processes: the gateway as its command starts it, and the server behind it."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

UPSTREAM = Path(__file__).with_name("upstream_process.py")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class UpstreamProcess:
    """A server that can be killed and started again at the same address, up to and with ``/v1`` at ``url``."""

    def __init__(self):
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.model, self.url = "m", f"{self.address}/v1"
        self.process = None

    def start(self):
        self.process = subprocess.Popen([sys.executable, UPSTREAM, str(self.port)])
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(httpx.HTTPError):
                return self.told()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def told(self):
        return httpx.get(f"{self.address}/health", timeout=5).json()

    def running(self):
        """Requests that it works on."""
        return self.told()["now"]


@contextlib.contextmanager
def gateway_process(*arguments):
    """The address of ``tts-gym serve`` with arguments, up to and with ``/v1``, and the process."""
    command = [sys.executable, "-m", "tts_gym", "serve", "--port", "0", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    said = []
    reading = threading.Thread(target=process.stderr.read, daemon=True)
    try:
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"Serving .* at (http://\S+)", line):
                break
        else:
            raise AssertionError("".join(said))
        reading.start()
        yield found[1], process
    finally:
        process.terminate()
        process.wait(30)
        if reading.ident is not None:
            reading.join()
        process.stderr.close()


def memory(process):
    """Bytes that a process holds."""
    (line,) = [
        line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmRSS")
    ]
    return 1024 * int(line.split()[1])
