"""A small real server in the place of the one that a reader has, for the pages that need a model."""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tiny_model import make_tiny_tokenizer

from serve.processes import UpstreamProcess

SERVE = "vllm serve Qwen/Qwen3-4B --enable-prompt-tokens-details"


@dataclass(frozen=True)
class Served:
    """A server with the model ``m``.

    Attributes:
        url: its address.
        folder: where the tokenizer of the model is.
    """

    url: str
    folder: Path

    @property
    def tokenizer(self) -> str:
        """What the command line needs to find the tokenizer."""
        return f"-o tokenizer={self.folder}"

    @property
    def model(self) -> str:
        """What the command line needs to use the model."""
        return f"m --backend openai -o base_url={self.url} {self.tokenizer}"


@contextmanager
def served(folder):
    """Start a server; ``folder`` is where its tokenizer goes."""
    make_tiny_tokenizer(folder)
    server = UpstreamProcess()
    server.start()
    try:
        yield Served(server.url, folder)
    finally:
        server.kill()
