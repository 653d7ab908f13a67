"""What a server with the OpenAI chat interface answers, as one text with its reasoning."""

from __future__ import annotations

from typing import Any

from tts_gym.llm.backend import Completion, Request
from tts_gym.llm.openai_answer import UselessError
from tts_gym.llm.openai_stream import Stream
from tts_gym.llm.tokenizer import Tokenizer

REASONING = ("reasoning_content", "reasoning")
"""Where servers put the reasoning that they give apart."""


class ChatStream(Stream):
    """An answer in the making, whose tokens are read back from its text.

    Reasoning that the server gives apart stands between ``<think>`` and ``</think>``.
    """

    def __init__(self, request: Request, tokenizer: Tokenizer) -> None:
        """Begin with nothing.

        Args:
            request: what is answered.
            tokenizer: counts the tokens.
        """
        super().__init__(request, tokenizer, token_ids=False, logprobs=False)
        self._reasons = False

    @property
    def has_begun(self) -> bool:
        """Whether something was handed out."""
        return self._characters > 0

    def take(self, document: Any) -> Any:
        """See ``Stream.take``."""
        try:
            choices = [self._choice(choice) for choice in document.get("choices") or ()]
            return super().take({**document, "choices": choices})
        except (AttributeError, TypeError) as error:
            raise UselessError(f"it is no answer to a conversation: {str(document)[:200]}") from error

    def completion(self) -> Completion:
        """The whole answer, of as many tokens as the server tells, unless more were handed out.

        Raises:
            UselessError: it did not end as answers end, or is empty.
        """
        ids = self._part.read_ids
        assert ids is not None
        handed_out = len(ids) if self._request.stream else 0
        self._read(self._part.text[self._characters :])
        told = self.answer.generated_tokens
        if told is not None:
            # Tokens that are not shown stand at the end.
            hidden = [min(self._tokenizer.end_ids, default=0)] * (told - len(ids))
            self._part.read_ids = ids[: max(told, handed_out)] + hidden
        return super().completion()

    def _choice(self, choice: dict[str, Any]) -> dict[str, Any]:
        """What a choice says, as one of the completions interface says it."""
        said = choice.get("delta") or choice.get("message") or {}
        reasoning = next((said[name] for name in REASONING if said.get(name)), "")
        content = said.get("content") or ""
        text = ""
        if reasoning:
            text += reasoning if self._reasons else f"<think>{reasoning}"
            self._reasons = True
        if content:
            text += f"</think>{content}" if self._reasons else content
            self._reasons = False
        return {"text": text, "finish_reason": choice.get("finish_reason")}
