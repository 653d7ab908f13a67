"""A small real server in the place of the one that a reader has, for the pages that need a model."""

from contextlib import contextmanager

from tiny_model import make_tiny_tokenizer

from serve.processes import UpstreamProcess

SERVE = "vllm serve Qwen/Qwen3-4B --enable-prompt-tokens-details"


@contextmanager
def served(folder):
    """The address of a server, and what the command line needs beside it to use the server's model, ``m``.

    Args:
        folder: where its tokenizer goes.
    """
    make_tiny_tokenizer(folder)
    server = UpstreamProcess()
    server.start()
    try:
        yield server.url, f"m --backend openai -o base_url={server.url} -o tokenizer={folder}"
    finally:
        server.kill()
