"""Any endpoint with the OpenAI chat interface: hosted, OpenRouter, ``vllm serve``, llama.cpp (extra ``synthesis``)."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import openai

from tts_gym.discovery.proposers.prices import read_model_prices
from tts_gym.discovery.proposers.proposer import Proposal, Task
from tts_gym.discovery.records import ProposalUsage, Tried
from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.errors import DiscoveryError

RETRIES = 6
"""How often a request is tried again after a rate limit, a server error, a lost connection or a time-out."""

_FENCED = re.compile(r"^```[^\n`]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


class OpenAIChat:
    """Sends the prompt and takes the last block of code that has a ``program`` from the reply.

    The client waits longer before each retry, or as long as the server says, within the time of one proposal. A reply
    that is late, is no chat completion, or has no code, is a failed candidate: the next round can learn from it.
    """

    metered = True

    def __init__(
        self,
        model: str,
        prices: Mapping[str, float] | None,
        timeout: float,
        base_url: str | None,
        max_output: int,
    ) -> None:
        """Use a server; the key is in the environment variable ``OPENAI_API_KEY``, if it needs one.

        Args:
            model: name of the model on the server.
            prices: dollars a million tokens, see ``llm.prices.read_prices``; None to count tokens only.
            timeout: seconds that a proposal may take, with all retries.
            base_url: address up to and with the version; None for the hosted one.
            max_output: most tokens of a reply.
        """
        key = os.environ.get("OPENAI_API_KEY")
        if key is None and base_url is None:
            raise DiscoveryError(
                "The hosted endpoint needs a key: set OPENAI_API_KEY, or name a server with --base-url."
            )
        self._connection: dict[str, Any] = {"api_key": key or "none", "base_url": base_url, "max_retries": RETRIES}
        self._where = base_url or "the hosted endpoint"
        self._timeout = timeout
        self._model = model
        self._prices = prices
        self._max_output = max_output
        self._limit_name = "max_tokens"

    @classmethod
    def begin(cls, settings: DiscoverySettings, seeds: Mapping[str, str]) -> OpenAIChat:
        """The proposer of a discovery.

        Args:
            settings: what the discovery is told.
            seeds: sources of the seed programs by name.
        """
        model, prices = settings.needed("model"), read_model_prices(settings)
        if settings.max_usd is not None and prices is None:
            raise DiscoveryError("--max-usd needs a price file: add --prices FILE.")
        return cls(model, prices, settings.timeout, settings.base_url, settings.max_output)

    def estimate(self, prompt_tokens: int) -> ProposalUsage:
        """The prompt and the longest reply."""
        return self._priced(prompt_tokens, 0, self._max_output)

    def propose(self, task: Task) -> Proposal:
        """Ask for a candidate."""
        messages = [{"role": "user", "content": task.prompt}]
        said: list[Mapping[str, Any]] = [{"model": self._model, **messages[0]}]
        try:
            answer = asyncio.run(asyncio.wait_for(self._ask(messages), self._timeout))
        except TimeoutError:
            return Proposal(None, f"the model did not reply within {self._timeout:g} seconds", transcript=said)
        except (openai.APIResponseValidationError, json.JSONDecodeError) as error:
            return Proposal(None, f"the reply is malformed ({_line(error)})", transcript=said)
        except openai.OpenAIError as error:
            raise DiscoveryError(
                f"The model {self._model} at {self._where} cannot be asked ({_line(error)}): "
                "mend that and run the same command again; nothing is lost."
            ) from error
        document = answer.model_dump(mode="json", warnings=False) if hasattr(answer, "model_dump") else answer
        said.append({"role": "assistant", "reply": document})
        choices = document.get("choices") if isinstance(document, dict) else None
        if not choices or not isinstance(choices[0], dict) or not isinstance(choices[0].get("message"), dict):
            return Proposal(None, "the reply is malformed: it is no chat completion", self._usage(document), said)
        text = choices[0]["message"].get("content")
        source = code_of(text) if isinstance(text, str) else None
        failure = None
        if source is None:
            cut = choices[0].get("finish_reason") == "length"
            failure = (
                f"the reply was cut off at {self._max_output:,} tokens" if cut else "the reply has no block of code"
            )
        return Proposal(source, failure, self._usage(document), said)

    def state(self, history: Sequence[Tried], scores: Sequence[float | None]) -> dict[str, Any]:
        """Nothing.

        Args:
            history: what was tried.
            scores: a score for each of it, None where it failed.
        """
        return {}

    async def _ask(self, messages: Sequence[Mapping[str, str]]) -> Any:
        """The reply; newer models take the limit under another name."""
        async with openai.AsyncOpenAI(timeout=self._timeout, **self._connection) as client:
            try:
                return await self._create(client, messages)
            except openai.BadRequestError as error:
                if self._limit_name != "max_tokens" or "max_completion_tokens" not in str(error):
                    raise
                self._limit_name = "max_completion_tokens"
                return await self._create(client, messages)

    async def _create(self, client: openai.AsyncOpenAI, messages: Sequence[Mapping[str, str]]) -> Any:
        limit: dict[str, Any] = {self._limit_name: self._max_output}
        return await client.chat.completions.create(model=self._model, messages=list(messages), **limit)

    def _usage(self, document: Any) -> ProposalUsage:
        used = document.get("usage") if isinstance(document, dict) else None
        if not isinstance(used, dict):
            return self._priced(0, 0, 0)
        details = used.get("prompt_tokens_details")
        cached = _count(details, "cached_tokens") if isinstance(details, dict) else 0
        return self._priced(_count(used, "prompt_tokens"), cached, _count(used, "completion_tokens"))

    def _priced(self, read: int, cached: int, written: int) -> ProposalUsage:
        if self._prices is None:
            return ProposalUsage(read, cached, written)
        cost = {"input": read - cached, "cached_input": cached, "output": written}
        return ProposalUsage(
            read, cached, written, sum(self._prices[name] * tokens for name, tokens in cost.items()) / 1e6
        )


def code_of(text: str) -> str | None:
    """The last fenced block that defines ``program``, else the last one, else the text if it is code; None without."""
    blocks = _FENCED.findall(text)
    with_program = [block for block in blocks if "def program" in block or "class " in block]
    if with_program or blocks:
        return str((with_program or blocks)[-1])
    return text if "```" not in text and text.lstrip().startswith(("def ", "class ", '"""', "#")) else None


def _count(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    return value if isinstance(value, int) and value >= 0 else 0


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
