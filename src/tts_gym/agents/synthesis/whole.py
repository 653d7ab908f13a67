"""Compiled conversions from real to whole numbers that fail where plain Python's do.

As the compiler comes, the result is undefined for what is not finite or beyond 64 bits, and what is undefined may pass
the check of an index. Importing this module changes that for all that the process compiles afterwards.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import lower_builtin, lower_cast

_LIMIT = 2.0**63


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
