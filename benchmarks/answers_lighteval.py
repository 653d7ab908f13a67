"""How often lighteval takes an answer for the right one as it should, on the cases of ``answers.py``.

    python -m venv lighteval && lighteval/bin/pip install lighteval==0.13.0
    lighteval/bin/python benchmarks/answers_lighteval.py [FOLDER]

It runs in an environment of its own, as lighteval pins other versions of what our rules are made with. Its extractive
match reads expressions, LaTeX and, where the letter of a choice is asked for, letters. Writes
``benchmarks/results/answers_lighteval.json``.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from lighteval.metrics.dynamic_metrics import MultilingualExtractiveMatchMetric
from lighteval.metrics.utils.extractive_match_utils import (
    ExprExtractionConfig,
    IndicesExtractionConfig,
    LatexExtractionConfig,
)
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.requests import Doc

RESULTS = Path(__file__).parent / "results" / "answers_lighteval.json"
CASES = Path(__file__).parents[1] / "tests" / "answers" / "cases"
VALUES = (ExprExtractionConfig(), LatexExtractionConfig())
LETTERS = (IndicesExtractionConfig(prefix_for_extraction="NativeLetters"),)
CHOICES = [f" {letter}" for letter in "ABCDEFGHIJ"]


def is_equal(case: dict[str, Any]) -> bool:
    """Whether lighteval takes what it finds in the text for the gold answer."""
    letters = case.get("rule") == "choice" and case["gold"].strip("()") in "ABCDEFGHIJ"
    said = case.get("text") or rf"\boxed{{{case['answer']}}}"
    if letters:
        doc = Doc(query="", choices=CHOICES, gold_index="ABCDEFGHIJ".index(case["gold"].strip("()")))
    else:
        doc = Doc(query="", choices=[rf"\boxed{{{case['gold']}}}"], gold_index=0)
    kinds = LETTERS if letters else VALUES
    metric = MultilingualExtractiveMatchMetric(gold_extraction_target=kinds, pred_extraction_target=kinds)
    try:
        return metric.compute(doc, ModelResponse(text=[said])) == 1
    except Exception:
        return False


def main(folder: Path = CASES) -> None:
    logging.disable(logging.CRITICAL)
    lines = [line for name in ("answers", "pairs") for line in (folder / f"{name}.jsonl").read_text().splitlines()]
    cases = [json.loads(line) for line in lines if line.strip()]
    said = [(is_equal(case), case["equal"]) for case in cases]
    result = {
        "cases": len(cases),
        "right": sum(one == equal for one, equal in said),
        "false_merges": sum(one and not equal for one, equal in said),
        "false_splits": sum(equal and not one for one, equal in said),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
