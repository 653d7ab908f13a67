"""Whether a gold answer can be found by a rule at all, seen before anything is spent on it."""

from __future__ import annotations

from tts_gym.answers.errors import AnswerError
from tts_gym.answers.extraction import extract, extract_gold
from tts_gym.answers.normalise import clean
from tts_gym.answers.presets import PATTERN, RULES, rule_named

SPOKEN = {"letters": "The answer is ({})", "phrases": "The final answer is {}", "none": "{}"}
"""How a model would say an answer where a rule does not look for boxes, by ``presets.Rule.markers``."""

BOXED = r"\boxed{{{}}}"
TAGGED = "<answer>{}</answer>"


def find_again(answer: str, rule: str) -> list[str]:
    """What ``rule`` finds in texts that say ``answer``.

    Args:
        answer: without its format.
        rule: how answers are recognised, a rule of ``presets``.

    Raises:
        AnswerError: there is no such rule.
    """
    markers = rule_named(rule).markers
    ways = (BOXED, TAGGED) if markers == "all" else (SPOKEN.get(markers, BOXED),)
    found = (extract(way.format(answer), rule).answer for way in ways)
    return [text for text in found if text is not None]


def is_findable(gold: str, rule: str) -> bool:
    """Whether a text that says the gold answer ``gold`` gives it again by ``rule``.

    Args:
        gold: the gold answer as it is published.
        rule: how answers are recognised, a rule of ``presets``.

    Raises:
        AnswerError: there is no such rule.
    """
    answer = extract_gold(gold, rule)
    return (extract(BOXED.format(answer)).answer or clean(answer)) in find_again(answer, rule)


def check_gold(gold: str, rule: str, place: str) -> str:
    """The gold answer as answers are compared with it.

    Args:
        gold: the gold answer as it is published.
        rule: how answers are recognised; of a pattern of the user's nothing can be foreseen.
        place: what names the question, for the error message.

    Raises:
        AnswerError: no answer could ever equal it by ``rule``; the message names a rule by which one could.
    """
    if rule.startswith(PATTERN):
        return gold
    if is_findable(gold, rule):
        return extract_gold(gold, rule)
    fitting = [name for name in RULES if is_findable(gold, name)]
    advice = f"the rule {fitting[0]!r} finds it" if fitting else "no rule finds it, correct it"
    raise AnswerError(f"{place}: the gold answer {gold[:80]!r} cannot be found by the rule {rule!r}; {advice}.")
