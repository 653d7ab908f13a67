"""Logs of inspect_ai, read by its own reader: the epochs of a sample are the samples of a question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tts_gym.errors import SourceError
from tts_gym.importers.samples import Columns, Sample, SampledQuestion
from tts_gym.importers.source import Source
from tts_gym.importers.thinking import with_reasoning

FILES = "*.eval"
KEYS = {"eval", "samples"}
"""What a log written as JSON has among other things."""

REASONS = {"max_tokens": "length", "model_length": "length"}
"""Why a model stopped, as stores call it, where inspect_ai calls it otherwise."""


@dataclass
class _Question:
    question: str
    gold: tuple[str, ...]
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True)
class InspectLogs:
    """The format of logs of inspect_ai: ``.eval``, ``.json``, or a directory with ``.eval`` files."""

    def recognises(self, source: Source) -> bool:
        """See ``Format.recognises``."""
        if source.path.suffix == ".json":
            return isinstance(source.document, dict) and set(source.document) >= KEYS
        return bool(source.files(FILES))

    def questions(self, source: Source, columns: Columns) -> Iterator[SampledQuestion]:
        """See ``Format.questions``."""
        files = [source.path] if source.path.is_file() else source.files(FILES)
        if not files:
            raise SourceError(f"{source.spelling} holds no {FILES}: give a log of inspect_ai.")
        found: dict[str, _Question] = {}
        for file in files:
            for name, sample in _samples(file):
                one = _Question(_question(sample), _gold(sample))
                known = found.setdefault(name, one)
                if (known.question, known.gold) != (one.question, one.gold):
                    raise SourceError(
                        f"{file}: the sample {name!r} has different questions in different logs; import one."
                    )
                known.samples.append(_sample(sample))
        for name, one in found.items():
            yield SampledQuestion(name, one.question, one.gold, one.samples)


FORMAT = InspectLogs()


def _samples(file: Path) -> Iterator[tuple[str, Any]]:
    try:
        from inspect_ai.log import read_eval_log_samples
    except ImportError as error:
        raise SourceError(f"{file} is read by the reader of inspect_ai: pip install inspect_ai.") from error
    try:
        for sample in read_eval_log_samples(str(file), all_samples_required=False):
            yield str(sample.id), sample
    except SourceError:
        raise
    except Exception as error:  # Its reader raises what the archive, JSON and its models do.
        raise SourceError(f"{file} cannot be read by inspect_ai ({' '.join(str(error).split())}).") from error


def _question(sample: Any) -> str:
    """What was asked, with the choices where there are any."""
    asked = sample.input if isinstance(sample.input, str) else sample.input[-1].text
    choices = [f"{chr(ord('A') + place)}) {choice}" for place, choice in enumerate(sample.choices or ())]
    return "\n".join([str(asked), *choices])


def _gold(sample: Any) -> tuple[str, ...]:
    targets = [sample.target] if isinstance(sample.target, str) else sample.target
    return tuple(target for target in targets if target.strip())


def _sample(sample: Any) -> Sample:
    """The answer that ended a sample; without text where the sample failed."""
    output = sample.output
    if sample.error is not None or not output.choices:
        return Sample(None)
    choice, usage = output.choices[0], output.usage
    turns = Counter(message.role for message in sample.messages)
    content = choice.message.content
    parts = [] if isinstance(content, str) else content
    reasoning = "".join(part.reasoning for part in parts if part.type == "reasoning")
    # The usage is that of the last turn, whose text alone is kept.
    return Sample(
        text=with_reasoning(reasoning, choice.message.text),
        tokens=usage.output_tokens if usage is not None and turns["assistant"] <= 1 else None,
        counted_by="usage",
        finish_reason=REASONS.get(choice.stop_reason, choice.stop_reason),
        model=output.model or None,
    )
