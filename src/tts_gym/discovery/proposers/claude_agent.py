"""The Claude agent SDK, working in the workspace."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from tts_gym.discovery.proposers.prices import read_model_prices
from tts_gym.discovery.proposers.proposer import CANDIDATE_FILE, Proposal, Task
from tts_gym.discovery.proposers.workspace import read_candidate_file
from tts_gym.discovery.records import ProposalUsage, Tried
from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.errors import DiscoveryError

TURNS = 40
"""Turns of the agent at most."""

TOOLS = ("Read", "Write", "Edit", "Glob", "Grep")
"""What it may use: files, no command line and no network."""


class ClaudeAgent:
    """An agent that reads and writes files in the workspace; it leaves ``candidate.py`` there."""

    metered = True

    def __init__(self, model: str, prices: Mapping[str, float] | None, timeout: float) -> None:
        """Use a model.

        Args:
            model: its name.
            prices: dollars a million tokens; None to take what the SDK says.
            timeout: seconds that it may take.

        Raises:
            DiscoveryError: the SDK is not installed.
        """
        try:
            self._sdk = import_module("claude_agent_sdk")
        except ImportError as error:
            raise DiscoveryError(
                "The proposer claude-agent needs a package: install it with pip install claude-agent-sdk."
            ) from error
        self._model = model
        self._prices = prices
        self._timeout = timeout

    @classmethod
    def begin(cls, settings: DiscoverySettings, seeds: Mapping[str, str]) -> ClaudeAgent:
        """The proposer of a discovery.

        Args:
            settings: what the discovery is told.
            seeds: sources of the seed programs by name.
        """
        return cls(settings.needed("model"), read_model_prices(settings), settings.timeout)

    def estimate(self, prompt_tokens: int) -> ProposalUsage:
        """The prompt, read again at each of a dozen turns, and a long reply."""
        return self._priced({"input_tokens": 12 * prompt_tokens, "output_tokens": 16_000}, None)

    def propose(self, task: Task) -> Proposal:
        """Let the agent work."""
        (task.workspace / CANDIDATE_FILE).unlink(missing_ok=True)
        transcript: list[dict[str, Any]] = []
        try:
            usage = asyncio.run(asyncio.wait_for(self._work(task, transcript), self._timeout))
        except TimeoutError:
            usage = ProposalUsage()
            transcript.append({"type": "timeout", "seconds": self._timeout})
        except self._sdk.ClaudeSDKError as error:
            raise DiscoveryError(f"The agent cannot work ({type(error).__name__}: {error}).") from error
        return read_candidate_file(task.workspace, usage, transcript)

    def state(self, history: Sequence[Tried], scores: Sequence[float | None]) -> dict[str, Any]:
        """Nothing.

        Args:
            history: what was tried.
            scores: a score for each of it, None where it failed.
        """
        return {}

    async def _work(self, task: Task, transcript: list[dict[str, Any]]) -> ProposalUsage:
        options = self._sdk.ClaudeAgentOptions(
            cwd=str(task.workspace),
            model=self._model,
            allowed_tools=list(TOOLS),
            permission_mode="acceptEdits",
            max_turns=TURNS,
        )
        usage = ProposalUsage()
        async for message in self._sdk.query(prompt=task.prompt, options=options):
            transcript.append({"type": type(message).__name__, "content": repr(message)})
            if isinstance(message, self._sdk.ResultMessage):
                usage = self._priced(message.usage or {}, message.total_cost_usd)
        return usage

    def _priced(self, used: Mapping[str, Any], told: float | None) -> ProposalUsage:
        fresh = int(used.get("input_tokens", 0)) + int(used.get("cache_creation_input_tokens", 0))
        cached, written = int(used.get("cache_read_input_tokens", 0)), int(used.get("output_tokens", 0))
        dollars = told
        if self._prices is not None:
            cost = {"input": fresh, "cached_input": cached, "output": written}
            dollars = sum(self._prices[name] * tokens for name, tokens in cost.items()) / 1e6
        return ProposalUsage(fresh + cached, cached, written, dollars)
