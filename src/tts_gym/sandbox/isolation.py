"""How strongly a jail is shut in: which layers it has, and who may run behind them.

Isolation is strong where every layer in ``STRONG`` is reached. Whatever a candidate might want, files (empty root,
Landlock, seccomp), the network and other processes (namespaces, seccomp), then takes a fault in two of them. Where one
is missing it is weak.
"""

from __future__ import annotations

from collections.abc import Sequence

STRONG = ("namespaces", "empty root", "Landlock", "seccomp")
"""The layers that strong isolation consists of."""


_WEAK = "weak: without"


def lacking(layers: Sequence[str]) -> list[str]:
    """The layers that ``layers`` lack of strong isolation."""
    return [layer for layer in STRONG if layer not in layers]


def may_run(layers: Sequence[str], audited: bool, allow_weak: bool) -> bool:
    """Whether a candidate may run behind ``layers``: where they are weak, only an audited one and only if allowed.

    Args:
        layers: those that hold.
        audited: whether its source passed the check, which a class never does.
        allow_weak: whether the user allows weak isolation.
    """
    return not lacking(layers) or (audited and allow_weak)


def described(layers: Sequence[str]) -> str:
    """``layers`` in words, with those that are missing."""
    missing = lacking(layers)
    return " + ".join(layers) + (f" ({_WEAK} {', '.join(missing)})" if missing else "")


def is_weak(description: str) -> bool:
    """Whether ``described`` said so of weak isolation."""
    return _WEAK in description
