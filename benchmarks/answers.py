"""How often answers are found and told apart as they should be, and how fast.

    pip install --no-deps --target verl verl==0.9.1          # for a column of its scorer; may be left out
    PYTHONPATH=verl python benchmarks/answers.py [FOLDER]

FOLDER holds ``answers.jsonl`` (texts) and ``pairs.jsonl`` (answers), as ``tts-gym answers check`` reads them; ours by
default. Beside our accuracy by family stands that of math-verify, which reads the text and the boxed gold answer with
its default settings, and of verl's scorer of mathematics, which reads the last box. Then every task of reasoning-gym:
each gold answer should equal itself and differ from the next item's, where that is spelled otherwise. Then the seconds
that it takes to group distinct answers of one question. Writes ``benchmarks/results/answers.json`` and prints Markdown.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import reasoning_gym
from math_verify import parse, verify
from reasoning_gym.factory import DATASETS

from tts_gym.answers import Equivalence
from tts_gym.answers.check import AnswerCase, check, read_cases, summary

RESULTS = Path(__file__).parent / "results" / "answers.json"
CASES = Path(__file__).parents[1] / "tests" / "answers" / "cases"
ITEMS = 50


def by_math_verify(case: AnswerCase) -> bool:
    """Whether math-verify takes what it finds in the text for the gold answer."""
    said = case.text if case.text is not None else rf"\boxed{{{case.answer}}}"
    try:
        return bool(verify(parse(rf"\boxed{{{case.gold}}}"), parse(said)))
    except Exception:
        return False


def verl_scorer() -> Callable[[AnswerCase], bool] | None:
    """Verl's scorer of mathematics, where verl lies on the path; its package needs more than that file does."""
    package = importlib.util.find_spec("verl")
    if package is None or not package.submodule_search_locations:
        return None
    file = Path(package.submodule_search_locations[0], "utils", "reward_score", "math_reward.py")
    spec = importlib.util.spec_from_file_location("verl_math_reward", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def score(case: AnswerCase) -> bool:
        said = case.text if case.text is not None else rf"\boxed{{{case.answer}}}"
        return module.compute_score(said, case.gold) == 1

    return score


def accuracy(cases: list[AnswerCase]) -> dict[str, Any]:
    """Ours by family, and of the others how many are right and how many different answers they take for one."""
    families: dict[str, Any] = summary(check(cases))["families"]
    others = {"math-verify": by_math_verify, "verl": verl_scorer()}
    for name, scorer in others.items():
        if scorer is None:
            continue
        for family, counts in families.items():
            said = [(scorer(case), case.equal) for case in cases if case.family == family]
            counts[name] = sum(one == equal for one, equal in said)
            counts[f"{name} false merges"] = sum(one and not equal for one, equal in said)
    return families


def round_trips() -> dict[str, Any]:
    """False merges and splits of gold answers of each task of reasoning-gym, and the tasks that were left out."""
    tasks: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    with Equivalence() as equivalence:
        for task in sorted(DATASETS):
            try:
                dataset = reasoning_gym.create_dataset(task, size=ITEMS, seed=1)
                golds = [item["answer"] for item in dataset]
            except Exception as error:
                left_out[task] = f"{type(error).__name__}: {error}"[:100]
                continue
            golds = [str(gold) for gold in golds if str(gold or "").strip()]
            if not golds:
                left_out[task] = "no gold answers, its scorer decides"
                continue
            pairs = [pair for pair in pairwise([*golds, golds[0]]) if plain(pair[0]) != plain(pair[1])]
            tasks[task] = {
                "items": len(golds),
                "false_splits": sum(not equivalence.same(gold, gold) for gold in golds),
                "false_merges": sum(equivalence.same(other, gold) for gold, other in pairs),
            }
    return {"tasks": tasks, "left_out": left_out}


def plain(text: str) -> str:
    return " ".join(text.casefold().split())


def many_answers() -> Iterator[tuple[str, list[str], str]]:
    """A kind, distinct answers of it, and a gold answer."""
    random, many, some = Random(0), range(1_000), range(200)
    yield "integers", [str(7919 * i) for i in many], "42"
    yield "decimals", [f"{i / 7:.6f}" for i in many], "42"
    yield "fractions", [rf"\frac{{{i}}}{{{i + 1}}}" for i in many], r"\frac{1}{2}"
    yield "texts", [f"name {i:b}".translate({48: "a", 49: "b"}) for i in many], "Anna"
    yield "tuples", [f"({i}, {i * i})" for i in many], "(1,2)"
    yield "sets", [f"{i}, {i * i + 1}, {i + 7}" for i in many], "1,2,3"
    yield "intervals", [f"[{i}, {i + 1})" for i in many], "[0,1)"
    yield "quantities", [f"{i}.5 km" for i in many], "5 km"
    yield "dates", [f"{2000 + i // 336}-{1 + i // 28 % 12:02}-{1 + i % 28:02}" for i in many], "2024-01-05"
    yield "grids", [" ".join(str(random.randrange(9)) for _ in range(81)) for _ in many], "1 2 3"
    yield "powers", [f"{2 + i % 30}^{{{i}}}+{i}" for i in many], "42"
    yield "formulas", [rf"\frac{{{i}x^2+\sqrt{{{i + 2}}}}}{{x+{i}}}" for i in some], "x+1"
    yield "roots", [rf"{i}+\frac{{\sqrt{{{i + 2}}}\pi}}{{3}}" for i in some], r"\sqrt{2}"
    yield "equations", [f"y={i}x^2+{i + 1}x" for i in some], "y=x+1"


def speed() -> dict[str, Any]:
    """Seconds to group distinct answers of each kind, by the clock, workers' start included."""
    found = {}
    for kind, answers, gold in many_answers():
        start = time.monotonic()
        with Equivalence() as equivalence:
            classes = len(set(equivalence.classes(answers, gold)))
        found[kind] = {"answers": len(answers), "classes": classes, "seconds": round(time.monotonic() - start, 2)}
    return found


def print_rows(*rows: tuple[Any, ...]) -> None:
    """A Markdown table; the first row is its head."""
    head, *others = (f"| {' | '.join(map(str, row))} |" for row in rows)
    print(head, "|---" * len(rows[0]) + "|", *others, "", sep="\n")


def main(folder: Path = CASES) -> None:
    logging.disable(logging.CRITICAL)
    cases = read_cases(folder / "answers.jsonl")
    cases += [AnswerCase(**vars(case) | {"family": "pairs"}) for case in read_cases(folder / "pairs.jsonl")]
    families, trips, seconds = accuracy(cases), round_trips(), speed()
    total = {name: sum(counts.get(name, 0) for counts in families.values()) for name in next(iter(families.values()))}
    result = {"all": total, "families": families, "reasoning_gym": trips, "speed": seconds}
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    header = ("family", *total)
    print_rows(header, *((name, *counts.values()) for name, counts in [*families.items(), ("all", total)]))
    wrong = [(name, *counts.values()) for name, counts in trips["tasks"].items() if any(list(counts.values())[1:])]
    print(f"reasoning-gym: {len(trips['tasks'])} tasks, {len(wrong)} with a false merge or split.\n")
    print_rows(("task", "items", "false splits", "false merges"), *wrong)
    print_rows(("left out", "why"), *trips["left_out"].items())
    print_rows(("kind", "answers", "classes", "seconds"), *((kind, *row.values()) for kind, row in seconds.items()))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
