"""What a round taught, in a page: scores, frontier, questions, and the diagnosis of episodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from tts_gym.discovery.diagnosis import Diagnosis, Kind
from tts_gym.discovery.proposers.proposer import CHARACTERS
from tts_gym.discovery.records import Scale, Tried, audited, joint_frontier
from tts_gym.sandbox.boundary import printable_source, quoted

LESSONS_TOKENS = 8000
"""Tokens of the lessons of a round, estimated as characters / 4, are fewer."""

SOURCE_TOKENS = 6000
"""The same for the sources of the best candidates beside it."""


@dataclass(frozen=True)
class Findings:
    """What the lessons of a round are drawn from.

    Attributes:
        number: the round.
        tried: everything so far, this round included.
        scale: what scores are measured by.
        cases: diagnosed episodes of the round's best candidate; None where traces are switched off.
    """

    number: int
    tried: Sequence[Tried]
    scale: Scale
    cases: Sequence[Diagnosis] | None

    @cached_property
    def ranked(self) -> list[tuple[Tried, float]]:
        """What was scored, with its score, best first."""
        return ranking(self.tried, self.scale)

    @cached_property
    def of_round(self) -> list[tuple[Tried, float]]:
        """The same of this round alone."""
        return [(each, score) for each, score in self.ranked if each.round == self.number]

    @cached_property
    def efficient(self) -> pd.DataFrame:
        """The frontier of everything that is audited."""
        return joint_frontier(audited(self.tried)).efficient

    @cached_property
    def efficient_before(self) -> pd.DataFrame:
        """The frontier without this round."""
        return joint_frontier([each for each in audited(self.tried) if each.round != self.number]).efficient


def lessons(findings: Findings) -> str:
    """The page on a round, in Markdown, under ``LESSONS_TOKENS``.

    What takes most room, timelines, questions and old failures, is cut short first.
    """
    for detail in (4, 3, 2, 1, 0):
        page = "\n\n".join(filter(None, (section(findings, detail) for section in _SECTIONS))) + "\n"
        if len(page) < LESSONS_TOKENS * CHARACTERS:
            return page
    return page[: LESSONS_TOKENS * CHARACTERS - 1]


def best_sources(tried: Sequence[Tried], scale: Scale, count: int = 3) -> list[Tried]:
    """The candidates with the best scores, best first.

    Args:
        tried: what they are chosen from.
        scale: what scores are measured by.
        count: how many at most.
    """
    ranked = ranking(tried, scale)
    return [each for each, _ in ranked[:count]]


def ranking(tried: Sequence[Tried], scale: Scale) -> list[tuple[Tried, float]]:
    """What was scored, with its score, best first; the earlier of equals first.

    Args:
        tried: candidates, those that failed among them, in the order they were tried.
        scale: what scores are measured by.
    """
    scored = [(each, score) for each in tried if (score := scale.score(each)) is not None]
    return sorted(scored, key=lambda pair: -pair[1])


def sources_page(tried: Sequence[Tried]) -> str:
    """The sources of ``tried``, as far as they fit."""
    page = "## The best so far, whole\n"
    for each in tried:
        block = f"\n`{each.title}`:\n\n```python\n{printable_source(each.source or '')}```\n"
        if len(page) + len(block) < SOURCE_TOKENS * CHARACTERS:
            page += block
    return page


def questions_table(tried: Sequence[Tried], best: Tried) -> pd.DataFrame:
    """Per store and question, worst first: accuracy and tokens of ``best``, and the best accuracy of any.

    Args:
        tried: everything so far.
        best: one of them that was scored.

    Returns:
        A row a question: store, question_id, low, middle, high (accuracy in % at the smallest, middle and largest
        beta), tokens (at the middle), best (accuracy in %).
    """
    assert best.table is not None
    betas = sorted(best.table["beta"].unique())
    wide = best.table.pivot_table(index=["store", "question_id"], columns="beta", values="correct", sort=False) * 100
    middle = betas[len(betas) // 2]
    tokens = best.table[best.table["beta"] == middle].set_index(["store", "question_id"])["tokens"]
    everybody = pd.concat([each.table for each in audited(tried) if each.table is not None])
    reached = everybody.groupby(["store", "question_id"])["correct"].max() * 100
    table = pd.DataFrame(
        {
            "low": wide[betas[0]],
            "middle": wide[middle],
            "high": wide[betas[-1]],
            "tokens": tokens,
            "best": reached.reindex(wide.index),
        }
    )
    order = (table["best"] - table["middle"]).sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index()


def _standing(findings: Findings, detail: int) -> str:
    candidates = [each for each in findings.tried if each.round > 0]
    failed = sum(each.assessment.failure is not None for each in candidates)
    lines = [
        f"## After round {findings.number}",
        f"{len(candidates)} candidates tried, {failed} failed. Scores (higher is better), best first:",
        "",
        "| controller | score |",
        "|---|---|",
    ]
    lines += [f"| {each.title} | {score:.2f} |" for each, score in findings.ranked[: 3 + 3 * detail]]
    if any(each.by_heart for each, _ in findings.ranked):
        lines += [
            "",
            "Candidates marked (by heart) do much better on the recordings than on other copies of them: no winners.",
        ]
    efficient = findings.efficient
    step = max(1, -(-len(efficient) // (5 + 5 * detail)))
    lines += ["", "The frontier of everything so far:", "", "| tokens | accuracy % | controller |", "|---|---|---|"]
    lines += [
        f"| {point.tokens:,.0f} | {point.accuracy:.2f} | {point.controller} |"
        for point in efficient.iloc[::-1].iloc[::step].iloc[::-1].itertuples()
    ]
    return "\n".join(lines)


def _candidates(findings: Findings, detail: int) -> str:
    """The sweeps of this round's candidates beside what the others scale for the same tokens."""
    here = [each for each in findings.tried if each.round == findings.number]
    if findings.number == 0:
        return ""
    efficient = findings.efficient_before
    parts = ["## This round"]
    for each in here:
        if each.assessment.failure is not None:
            parts.append(f"- {each.name} failed at {each.assessment.stage}: {_reason(each, 400)}")
    parts = [*parts[: 6 + 6 * detail]]
    for each, score in findings.of_round[: 1 + detail]:
        note = ""
        if each.assessment.dominated:
            note = " (8 seeds only: clearly dominated at every beta)"
        parts += ["", f"{each.name}, score {score:.2f}{note}:", ""]
        parts += [
            "| beta | tokens | accuracy % | against the frontier before, for as many tokens |",
            "|---|---|---|---|",
        ]
        for point in each.points().itertuples():
            affordable = efficient[efficient["tokens"] <= point.tokens]["accuracy"].max()
            gap = "cheaper than all" if pd.isna(affordable) else f"{point.accuracy - affordable:+.2f}"
            parts.append(f"| {point.beta:g} | {point.tokens:,.0f} | {point.accuracy:.2f} | {gap} |")
    return "\n".join(parts)


def _questions(findings: Findings, detail: int) -> str:
    if findings.cases is None or not findings.of_round:
        return ""
    best = findings.of_round[0][0]
    table = questions_table(findings.tried, best).head(4 + 5 * detail)
    lines = [
        f"## Questions where {best.name} is furthest from the best seen",
        "Accuracy in % at the smallest, middle and largest beta; tokens at the middle; best accuracy of any.",
        "",
        "| store | question | low | middle | high | tokens | best |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.store} | {str(row.question_id)[:24]} | {row.low:.0f} | {row.middle:.0f} | {row.high:.0f} "
        f"| {row.tokens:,.0f} | {row.best:.0f} |"
        for row in table.itertuples()
    ]
    return "\n".join(lines)


def _diagnosis(findings: Findings, detail: int) -> str:
    if findings.cases is None or not findings.of_round:
        return ""
    if not findings.cases:
        return "## No diagnosis\nNone of its episodes could be traced in plain Python, or its code is not audited."
    frame = pd.DataFrame([(case.beta, case.kind.value, case.tokens, case.wasted) for case in findings.cases])
    frame.columns = pd.Index(["beta", "kind", "tokens", "wasted"])
    total = frame["tokens"].sum()
    lines = [
        f"## Diagnosis of {len(frame)} episodes",
        "What became of the episodes at each beta; tokens are shares of all that was spent in them.",
        "",
        "| beta | what happened | episodes | tokens | of these wasted |",
        "|---|---|---|---|---|",
    ]
    for (beta, kind), group in frame.groupby(["beta", "kind"], sort=True):
        lines.append(
            f"| {beta:g} | {kind} | {len(group)} | {group['tokens'].sum() / total:.1%} | "
            f"{group['wasted'].sum() / total:.1%} |"
        )
    lines += ["", "In the cases below letters are answers in order of appearance, * the right one, ? an invalid one."]
    for kind in (each for each in Kind if each != Kind.RIGHT and detail):
        for case in worst_cases(findings.cases, kind, 1 + (detail > 2)):
            lines += ["", f"{kind.value}: {case.store}, {case.question_id}, seed {case.seed}, beta {case.beta:g}"]
            lines += [f"- {line[:300]}" for line in case.timeline]
    return "\n".join(lines)


def worst_cases(cases: Sequence[Diagnosis], kind: Kind, count: int) -> list[Diagnosis]:
    """The cases of a kind that cost most, of different questions as far as there are.

    Args:
        cases: diagnosed episodes.
        kind: what they are to be examples of.
        count: how many at most.
    """
    measure: Callable[[Diagnosis], int] = (
        (lambda case: case.wasted) if kind == Kind.WENT_ON else (lambda case: case.tokens)
    )
    ranked = sorted((case for case in cases if case.kind == kind), key=lambda case: -measure(case))
    first = {(case.store, case.question_id): case for case in reversed(ranked)}
    return sorted(first.values(), key=lambda case: -measure(case))[:count]


def _history(findings: Findings, detail: int) -> str:
    """Every candidate of the rounds before, the newest last."""
    earlier = [each for each in findings.tried if 0 < each.round < findings.number][-(5 + 10 * detail) :]
    if not earlier:
        return ""
    scores = {each.name: score for each, score in findings.ranked}
    lines = ["## Earlier candidates"]
    for each in earlier:
        score = scores.get(each.name)
        told = f"failed at {each.assessment.stage}: {_reason(each, 160)}"
        lines.append(f"- {each.name}: {told if score is None else f'score {score:.2f}'}")
    return "\n".join(lines)


def _reason(tried: Tried, longest: int) -> str:
    return quoted(tried.assessment.failure or "", longest)


_SECTIONS = (_standing, _candidates, _diagnosis, _questions, _history)
