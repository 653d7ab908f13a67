"""Formulas of substances: ``H2O`` is ``H_{2}O``, as no product is written so."""

from __future__ import annotations

import re

ELEMENT = (
    r"A[cglmrstu]|B[aehikr]?|C[adeflmnorsu]?|D[bsy]|E[rsu]|F[elmr]?|G[ade]|H[efgos]?|I[nr]?|Kr?|L[airuv]|M[cdgnot]"
    r"|N[abdehiop]?|O[gs]?|P[abdmortu]?|R[abefghnu]|S[bcegimnr]?|T[abcehilms]|U|V|W|Xe|Yb?|Z[nr]"
)
COUNT = r"(?: ?_ ?\{ ?([0-9]{1,3}) ?\} ?| ?_ ?([0-9]) ?|([0-9]{1,3}))"
COUNTED = re.compile(COUNT)
SUBSTANCE = re.compile(rf"(?:(?:{ELEMENT}){COUNT}?)+")


def with_subscripts(text: str) -> str:
    """``text`` with the counts of atoms as ``_{2}``, if it is the formula of a substance in plain letters or LaTeX."""
    if SUBSTANCE.fullmatch(text) is None:
        return text
    return COUNTED.sub(lambda count: f"_{{{count[1] or count[2] or count[3]}}}", text)
