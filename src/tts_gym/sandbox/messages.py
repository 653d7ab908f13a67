"""What a jail sends of a run: logs of some episodes, and again of the next ones, then the outcome.

Each begins with two numbers, int64: how many episodes, and a size. For logs, there follow the answer code of each
episode and the words of each log, int32 both, and then all of the words, int32, whose number is the size. The outcome
has no episodes, and is so many bytes of JSON.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from tts_gym.episode.loop import Logs
from tts_gym.sandbox.anonymise import MalformedError

LONGEST_OUTCOME = 2**20
"""Bytes of an outcome."""

Read = Callable[[int], bytearray]
"""Gives the next bytes that a jail sent, as many as it is told."""


class FailedError(Exception):
    """A jail says that its candidate failed, and why."""


_HEAD = struct.Struct("=qq")


def logs_message(logs: Logs) -> bytes:
    """The message with ``logs``."""
    lengths = np.diff(logs.ends, prepend=0).astype(np.int32)
    head = _HEAD.pack(len(logs.ends), len(logs.words))
    return b"".join([head, logs.codes.data, lengths.data, logs.words.data])


def outcome_message(outcome: dict[str, Any]) -> bytes:
    """The message with ``outcome``."""
    text = json.dumps(outcome).encode()
    return _HEAD.pack(0, len(text)) + text


def read_message(read: Read, most_episodes: int, most_words: int) -> Logs | bytes:
    """Take the next message, which may be anything.

    Args:
        read: where it comes from.
        most_episodes: that it may tell of.
        most_words: of logs that it may hold.

    Returns:
        Logs whose ends are in order and within the words; or the JSON of the outcome.

    Raises:
        MalformedError: it is neither, or longer.
    """
    episodes, size = _HEAD.unpack(read(_HEAD.size))
    if episodes == 0:
        if not 0 <= size <= LONGEST_OUTCOME:
            raise MalformedError(f"there is an outcome of {size} bytes")
        return bytes(read(size))
    if not 0 < episodes <= most_episodes:
        raise MalformedError(f"there are logs of {episodes} episodes where {most_episodes} are left")
    if not 0 <= size <= most_words:
        raise MalformedError(f"there are {size} words of logs, but {most_words} is the most")
    codes, lengths = np.frombuffer(read(8 * episodes), np.int32).reshape(2, episodes)
    if (lengths < 0).any() or lengths.sum(dtype=np.int64) != size:
        raise MalformedError("the lengths of its logs do not fit their words")
    words = np.frombuffer(read(4 * size), np.int32)
    return Logs(words, np.cumsum(lengths, dtype=np.int64), codes)
