"""Any coding agent's command line, run in the workspace."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from tts_gym.discovery.proposers.proposer import CANDIDATE_FILE, Proposal, Task
from tts_gym.discovery.proposers.workspace import read_candidate_file
from tts_gym.discovery.records import ProposalUsage, Tried
from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.errors import DiscoveryError

LAST_WORDS = 5.0
"""Seconds after the deadline in which output may still come, from what left the process group."""

KEPT_OUTPUT = 100_000
"""Characters of the command's output that go to the transcript, the last ones."""


class Command:
    """Runs a command in the workspace, where it finds ``prompt.md`` and leaves ``candidate.py``.

    ``{prompt}`` in the command line stands for the prompt; without it the prompt comes on standard input, too. The
    command runs with the rights and the environment of the user, in a process group that is killed at the deadline.
    """

    metered = False

    def __init__(self, command: str, timeout: float) -> None:
        """Use a command line.

        Args:
            command: words as a shell would split them; no shell runs them.
            timeout: seconds that it may take.

        Raises:
            DiscoveryError: the command line has no words, or a quote is not closed.
        """
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise DiscoveryError(f"The command {command!r} cannot be split into words ({error}).") from error
        if not self._words:
            raise DiscoveryError("The command of the proposer is empty: give one with --command.")
        self._timeout = timeout

    @classmethod
    def begin(cls, settings: DiscoverySettings, seeds: Mapping[str, str]) -> Command:
        """The proposer of a discovery.

        Args:
            settings: what the discovery is told.
            seeds: sources of the seed programs by name.
        """
        return cls(settings.needed("command"), settings.timeout)

    def estimate(self, prompt_tokens: int) -> ProposalUsage:
        """Nothing that is counted."""
        return ProposalUsage()

    def propose(self, task: Task) -> Proposal:
        """Run the command."""
        (task.workspace / CANDIDATE_FILE).unlink(missing_ok=True)
        words = [word.replace("{prompt}", task.prompt) for word in self._words]
        try:
            running = subprocess.Popen(
                words,
                cwd=task.workspace,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise DiscoveryError(f"The command {self._words[0]!r} cannot be run ({error}): check --command.") from error
        with running:
            try:
                output, _ = running.communicate(task.prompt, timeout=self._timeout)
                late = False
            except subprocess.TimeoutExpired:
                _kill(running.pid)
                output = _last_words(running)
                late = True
            finally:
                _kill(running.pid)
        transcript = [{"command": self._words, "exit_status": running.returncode, "output": output[-KEPT_OUTPUT:]}]
        proposal = read_candidate_file(task.workspace, transcript=transcript)
        if late and proposal.source is None:
            return Proposal(None, f"the command did not end within {self._timeout:g} seconds", transcript=transcript)
        return proposal

    def state(self, history: Sequence[Tried], scores: Sequence[float | None]) -> dict[str, Any]:
        """Nothing.

        Args:
            history: what was tried.
            scores: a score for each of it, None where it failed.
        """
        return {}


def _last_words(killed: subprocess.Popen[str]) -> str:
    """The output of a command that was killed, as far as it is there."""
    try:
        return killed.communicate(timeout=LAST_WORDS)[0]
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
        return output if isinstance(output, str) else output.decode(errors="replace")


def _kill(group: int) -> None:
    """Kill what is left of a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
