"""What models cost, by a file that the user writes."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from typing import Any

from tts_gym.errors import BackendError

PRICES = ("input", "cached_input", "output")
"""Prices of a model in a price file, in dollars a million tokens."""


def read_prices(path: str, model: str) -> dict[str, float]:
    """The prices of ``model`` in a JSON file, an object of ``PRICES`` for each model.

    Args:
        path: the file.
        model: name of the model in it.

    Raises:
        BackendError: the file is missing or damaged, or lacks the model or a price.
    """
    try:
        document: Any = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackendError(f"The price file {path} cannot be read ({error}).") from error
    prices = document.get(model) if isinstance(document, dict) else None
    if not isinstance(prices, dict):
        raise BackendError(f"The price file {path} has no prices of {model!r}: add an object with {_wanted()}.")
    for name in PRICES:
        price = prices.get(name)
        if not isinstance(price, (int, float)) or isinstance(price, bool) or not 0 <= price < inf:
            raise BackendError(f"The price file {path}: {name} of {model!r} is {price!r}; give {_wanted()}.")
    return {name: float(prices[name]) for name in PRICES}


def _wanted() -> str:
    return f"{', '.join(PRICES)} in dollars a million tokens"
