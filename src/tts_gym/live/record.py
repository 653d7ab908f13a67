"""A live episode as a question of a replay store, with ragged branches.

A branch that was given up has as many probes as it had whole intervals, its length so far, and no final answer; its
finish reason is ``UNFINISHED``. Probes that nobody asked for are invalid answers without a text. Replayed in the
recorded order, the controller that made the record decides as it did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from tts_gym.datasets.records import Grouping
from tts_gym.datasets.schema import RecordedBranch, RecordedQuestion
from tts_gym.live.branch import LiveBranch
from tts_gym.live.question import LiveQuestion

UNFINISHED = "unfinished"
"""Finish reason of a branch that was given up."""


def recorded_question(live: LiveQuestion, keep_text: bool = False) -> RecordedQuestion | None:
    """What was written of a question, answers as the first ones of their classes; None where nothing was.

    Where nobody knows the gold answer, the answer of most branches that ended stands for it; where none ended with one,
    there is no record.

    Args:
        live: the question; nothing of it runs any more.
        keep_text: whether to keep the texts of the branches.
    """
    question = live.asked
    branches = [_recorded(live, branch, keep_text) for branch in live.branches if branch.tokens or branch.ended]
    given = Counter(branch.final_answer for branch in branches if branch.final_answer is not None)
    gold = question.gold or next((answer for answer, _ in given.most_common(1)), None)
    if not branches or gold is None:
        return None
    return RecordedQuestion(question.id, question.question, gold, branches)


def grouping(same: Callable[[str, str], bool]) -> Grouping:
    """Classes of recorded answers: each is one of its own, but the gold answer joins the first that it equals.

    Args:
        same: whether an answer is the gold answer.
    """

    def classes(answers: Sequence[str], gold: str) -> list[int]:
        twin = next((answer for answer in answers if answer != gold and same(answer, gold)), gold)
        numbers: dict[str, int] = {}
        return [numbers.setdefault(twin if answer == gold else answer, len(numbers) + 1) for answer in answers]

    return classes


def _recorded(live: LiveQuestion, branch: LiveBranch, keep_text: bool) -> RecordedBranch:
    forced = [live.forced.get((branch.number, depth)) for depth in range(1, branch.intervals + 1)]
    final = None
    if branch.ended:
        final = live.finals.get(branch.number) or live.answers.final(branch)
    signals = {name: values[: branch.intervals] for name, values in branch.signals.items()}
    signals["answer_logprob"] = [0.0 if each is None else each.logprob for each in forced]
    return RecordedBranch(
        tokens=max(1, branch.length),
        probe_answers=[None if each is None else live.classes.first(each.answer) for each in forced],
        final_answer=None if final is None else live.classes.first(final.answer),
        marker=None if final is None else final.marker,
        finish_reason=branch.finish_reason or UNFINISHED,
        signals={name: signals.get(name, []) for name in live.answers.signals},
        probe_text=["" if each is None else each.text for each in forced],
        probe_tokens=[0 if each is None else each.tokens for each in forced],
        text=branch.text if keep_text else None,
        in_reasoning=live.answers.in_reasoning,
    )
