"""Compiled arithmetic in which nothing is undefined, for processes that compile what nobody trusts.

As the compiler comes, it takes for granted that whole numbers do not overflow, and that a real number which is made
whole is finite and of at most 64 bits; an index made by breaking that may pass its check. Importing this module changes
it for all that the process compiles afterwards: whole numbers wrap, and a conversion fails where plain Python's does.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.cpython import numbers
from numba.extending import lower_builtin, lower_cast
from numba.np.math import numbers as array_numbers

_LIMIT = 2.0**63


def _nothing_for_granted(kind: Any) -> list[str]:
    return []


for _module in (numbers, array_numbers):
    assert _module._int_arith_flags(types.int64) == ["nsw"]
    _module._int_arith_flags = _nothing_for_granted


@lower_cast(types.float64, types.int64)  # type: ignore[untyped-decorator]
def _to_whole(context: Any, builder: Any, kind: Any, to: Any, value: Any) -> Any:
    least, limit = (context.get_constant(types.float64, bound) for bound in (-_LIMIT, _LIMIT))
    fits = builder.and_(builder.fcmp_ordered(">=", value, least), builder.fcmp_ordered("<", value, limit))
    with builder.if_then(builder.not_(fits), likely=False):
        reason = "a number that is not finite, or of more than 64 bits, cannot be made whole"
        context.call_conv.return_user_exc(builder, ValueError, (reason,))
    return builder.fptosi(value, context.get_value_type(to))


@lower_builtin(round, types.float64)  # type: ignore[untyped-decorator]
def _rounded(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    nearest = builder.module.declare_intrinsic("llvm.rint", [context.get_value_type(types.float64)])
    return _to_whole(context, builder, types.float64, signature.return_type, builder.call(nearest, arguments))
