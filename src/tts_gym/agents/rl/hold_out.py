"""Which questions a training learns from and which it is validated on; no question is among both."""

from __future__ import annotations

from collections.abc import Sequence

from tts_gym.datasets.catalogue import load_store
from tts_gym.errors import ControllerError

DEFAULT_FOLD = "1/5"


def hold_out(
    stores: Sequence[str], eval_stores: Sequence[str] = (), fold: str | None = None, all_questions: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose what to train and what to validate on.

    Args:
        stores: names or paths to train on.
        eval_stores: others to validate on; without them one fold of the questions of each of ``stores`` is held out.
        fold: the fold, "1/5" (the first of five) by default.
        all_questions: hold nothing out and do not validate.

    Returns:
        Names to train on, names to validate on.

    Raises:
        StoreError: a store is missing or refused, or too small for the fold.
        ControllerError: two of the last three arguments are given, or a question is on both sides.
    """
    if (len(eval_stores) > 0) + (fold is not None) + all_questions > 1:
        raise ControllerError("Stores to validate on, a fold and all questions exclude each other: give one of them.")
    if all_questions:
        return tuple(stores), ()
    training, validating = tuple(stores), tuple(eval_stores)
    if not eval_stores:
        training = tuple(f"{store}?except={fold or DEFAULT_FOLD}" for store in stores)
        validating = tuple(f"{store}?only={fold or DEFAULT_FOLD}" for store in stores)
        if len(stores) == 1:  # Folds of one store have no question in common: there is nothing to read.
            return training, validating
    seen = {text: store for store in training for text in load_store(store).questions}
    for store in validating:
        shared = [text for text in load_store(store).questions if text in seen]
        if shared:
            raise ControllerError(
                f"The store to validate on {store} shares {len(shared)} of its questions with {seen[shared[0]]}, "
                "which is trained on: validate on a store of other questions."
            )
    return training, validating
