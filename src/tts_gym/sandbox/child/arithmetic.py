"""Compiled arithmetic in which nothing is undefined, for processes that compile what nobody trusts.

As the compiler comes, it takes for granted that whole numbers do not overflow, and that a real number which is made
whole is finite and of at most 64 bits; an index made by breaking that may pass its check. Importing this module changes
it for all that the process compiles afterwards: a whole number that leaves 64 bits fails, as does a conversion where
plain Python's does, and what plain Python would not take or keep is not made to fit. In plain Python, arrays then warn
of nothing, as compiled ones never do.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numba.core import types
from numba.core.typeconv import Conversion
from numba.core.typing import builtins, collections
from numba.cpython import mathimpl, numbers
from numba.extending import lower_builtin, lower_cast
from numba.np.math import numbers as array_numbers

_WHOLE, _REAL = types.int64, types.float64
_OVERFLOW = "a whole number has more than 64 bits"


def _nothing_for_granted(kind: Any) -> list[str]:
    return []


for _module in (numbers, array_numbers):
    assert _module._int_arith_flags(_WHOLE) == ["nsw"]
    _module._int_arith_flags = _nothing_for_granted


def _fail(context: Any, builder: Any, condition: Any, error: type[Exception], reason: str) -> None:
    with builder.if_then(condition, likely=False):
        context.call_conv.return_user_exc(builder, error, (reason,))


def _fail_as_python(context: Any, builder: Any, condition: Any, error: type[Exception], reason: str) -> None:
    """Fail, except among the elements of arrays, which go on as those of NumPy do."""
    if context.error_model.raise_on_fp_zero_division:
        _fail(context, builder, condition, error, reason)


def _to_whole(context: Any, builder: Any, kind: Any, to: Any, value: Any) -> Any:
    bounds = (-(2.0 ** (to.bitwidth - 1)), 2.0 ** (to.bitwidth - 1))
    least, limit = (context.get_constant(kind, bound) for bound in bounds)
    fits = builder.and_(builder.fcmp_ordered(">=", value, least), builder.fcmp_ordered("<", value, limit))
    reason = f"a number that is not finite, or of more than {to.bitwidth} bits, cannot be made whole"
    _fail(context, builder, builder.not_(fits), ValueError, reason)
    return builder.fptosi(value, context.get_value_type(to))


for _from in (types.float32, types.float64):
    for _to in (types.int8, types.int16, types.int32, types.int64):
        lower_cast(_from, _to)(_to_whole)


@lower_builtin(round, types.float64)  # type: ignore[untyped-decorator]
def _rounded(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    nearest = builder.module.declare_intrinsic("llvm.rint", [context.get_value_type(types.float64)])
    return _to_whole(context, builder, types.float64, signature.return_type, builder.call(nearest, arguments))


def _checked(operation: str) -> Callable[..., Any]:
    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pair = getattr(builder, f"{operation}_with_overflow")(*arguments)
        _fail_as_python(context, builder, builder.extract_value(pair, 1), OverflowError, _OVERFLOW)
        return builder.extract_value(pair, 0)

    return lowered


for _operation, _operators in {
    "sadd": (operator.add, operator.iadd),
    "ssub": (operator.sub, operator.isub),
    "smul": (operator.mul, operator.imul),
}.items():
    for _operator in _operators:
        lower_builtin(_operator, _WHOLE, _WHOLE)(_checked(_operation))


@lower_builtin(operator.floordiv, _WHOLE, _WHOLE)  # type: ignore[untyped-decorator]
@lower_builtin(operator.ifloordiv, _WHOLE, _WHOLE)  # type: ignore[untyped-decorator]
def _divided(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    value, divisor = arguments
    least = builder.icmp_signed("==", value, context.get_constant(_WHOLE, -(2**63)))
    overflows = builder.and_(least, builder.icmp_signed("==", divisor, context.get_constant(_WHOLE, -1)))
    _fail_as_python(context, builder, overflows, OverflowError, _OVERFLOW)
    return numbers.int_floordiv_impl(context, builder, signature, arguments)


@lower_builtin(operator.neg, _WHOLE)  # type: ignore[untyped-decorator]
def _negated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    zero = context.get_constant(_WHOLE, 0)
    return _checked("ssub")(context, builder, signature, (zero, arguments[0]))


@lower_builtin(abs, _WHOLE)  # type: ignore[untyped-decorator]
def _absolute(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    (value,) = arguments
    negative = builder.icmp_signed("<", value, value.type(0))
    return builder.select(negative, _negated(context, builder, signature, (value,)), value)


def _power(base: int, exponent: int) -> int:
    if exponent < 0:
        raise ValueError("a whole number to a negative power is not whole: write float(x) ** y")
    product = 1
    while exponent > 0:
        if exponent & 1:
            product *= base
        exponent >>= 1
        if exponent > 0:
            base *= base
    return product


@lower_builtin(operator.pow, _WHOLE, _WHOLE)  # type: ignore[untyped-decorator]
@lower_builtin(operator.ipow, _WHOLE, _WHOLE)  # type: ignore[untyped-decorator]
@lower_builtin(operator.pow, types.Integer, types.IntegerLiteral)  # type: ignore[untyped-decorator]
@lower_builtin(operator.ipow, types.Integer, types.IntegerLiteral)  # type: ignore[untyped-decorator]
def _to_power(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    whole = [context.cast(builder, value, kind, _WHOLE) for value, kind in zip(arguments, signature.args, strict=True)]
    return context.compile_internal(builder, _power, _WHOLE(_WHOLE, _WHOLE), whole)


def _in_domain(context: Any, builder: Any, result: Any, arguments: Sequence[Any]) -> Any:
    """``result``, if it is a number wherever ``arguments`` are numbers, and finite wherever they are finite."""
    known, finite = (
        reduce(builder.and_, [test(builder, each) for each in arguments])
        for test in (lambda builder, each: builder.not_(mathimpl.is_nan(builder, each)), mathimpl.is_finite)
    )
    lost = builder.and_(known, mathimpl.is_nan(builder, result))
    lost = builder.or_(lost, builder.and_(finite, builder.not_(mathimpl.is_finite(builder, result))))
    _fail_as_python(
        context, builder, lost, ValueError, "a function is given what is outside its domain, or gives too much"
    )
    return result


def _defined(implementation: Callable[..., Any], cast: bool = False) -> Callable[..., Any]:
    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pairs = zip(arguments, signature.args, strict=True)
        reals = [context.cast(builder, value, kind, _REAL) for value, kind in pairs]
        if cast:
            signature, arguments = _REAL(*[_REAL] * len(reals)), reals
        return _in_domain(context, builder, implementation(context, builder, signature, arguments), reals)

    return lowered


for _name in ("cos", "exp", "expm1", "gamma", "lgamma", "log", "log10", "log1p", "log2", "sin", "sqrt", "tan"):
    for _kind in (_REAL, _WHOLE):
        lower_builtin(getattr(math, _name), _kind)(_defined(getattr(mathimpl, f"{_name}_impl"), cast=True))
for _operator in (operator.pow, operator.ipow):
    lower_builtin(_operator, _REAL, _REAL)(_defined(numbers.real_power_impl))
    lower_builtin(_operator, _REAL, _WHOLE)(_defined(numbers.int_power_impl))
    lower_builtin(_operator, types.Float, types.IntegerLiteral)(_defined(numbers.static_power_impl))

# Digits of a real number are rounded in plain Python only, which looks at all of its decimal places.
builtins.Round.cases = [case for case in builtins.Round.cases if len(case.args) == 1]

# Bounds of a slice, and elements of a list, are not cut to whole numbers.
builtins.Slice.unsafe_casting = False
_set_element = collections.SetItemSequence.generic


def _set_safely(self: Any, arguments: Any, names: Any) -> Any:
    sequence, _, value = arguments
    if isinstance(sequence, types.List):  # type: ignore[attr-defined]
        conversion = self.context.can_convert(value, sequence.dtype)
        if conversion is None or conversion >= Conversion.unsafe:
            return None
    return _set_element(self, arguments, names)


collections.SetItemSequence.generic = _set_safely

np.seterr(all="ignore")
