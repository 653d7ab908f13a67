"""The compiled substrate: the episode as a Numba structure whose methods are the kernels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from numba.core import types
from numba.core.cgutils import create_struct_proxy
from numba.core.datamodel import default_manager, models
from numba.experimental import structref
from numba.extending import intrinsic, overload, overload_attribute, overload_method

from tts_gym.envs.episode import METHODS, PROPERTIES
from tts_gym.envs.jit import compile_cached
from tts_gym.envs.state import FIELDS


@structref.register
class CompiledEpisodeType(types.StructRef):  # type: ignore[misc, name-defined]
    """The Numba type of a compiled episode."""

    def preprocess_fields(self, fields: Iterable[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
        """Drop literal types, so that every episode has one type."""
        return tuple((name, types.unliteral(kind)) for name, kind in fields)  # type: ignore[attr-defined]


class CompiledEpisode(structref.StructRefProxy):  # type: ignore[misc]
    """A compiled episode as Python holds it: a handle to pass to compiled functions."""


structref.define_proxy(CompiledEpisode, CompiledEpisodeType, list(FIELDS))


class BorrowedEpisodeType(CompiledEpisodeType):
    """A compiled episode that somebody else keeps alive.

    Kernels and programs work on it, because counting references to the episode at every call takes most of their time.
    """


class _BorrowedModel(models.StructModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, [("meminfo", types.voidptr)])


default_manager.register(BorrowedEpisodeType, _BorrowedModel)
structref.define_attributes(BorrowedEpisodeType)


@intrinsic  # type: ignore[untyped-decorator]
def _handle_compiled(typing_context: Any, episode: CompiledEpisodeType) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        owner = create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
        return builder.ptrtoint(owner.meminfo, context.get_value_type(types.intp))

    return types.intp(episode), generate


@intrinsic  # type: ignore[untyped-decorator]
def _borrow_handle_compiled(
    typing_context: Any, like: CompiledEpisodeType, handle: types.Integer
) -> tuple[Any, Callable[..., Any]]:
    borrowed = BorrowedEpisodeType(list(like.field_dict.items()))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        borrower = create_struct_proxy(signature.return_type)(context, builder)
        borrower.meminfo = builder.inttoptr(arguments[1], borrower.meminfo.type)
        return borrower._getvalue()

    return borrowed(like, handle), generate


@intrinsic  # type: ignore[untyped-decorator]
def _borrow_compiled(typing_context: Any, episode: CompiledEpisodeType) -> tuple[Any, Callable[..., Any]]:
    borrowed = BorrowedEpisodeType(list(episode.field_dict.items()))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        owner = create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
        borrower = create_struct_proxy(signature.return_type)(context, builder)
        borrower.meminfo = owner.meminfo
        return borrower._getvalue()

    return borrowed(episode), generate


def borrow(episode: Any) -> Any:
    """What kernels and programs work on; ``episode`` must outlive it. In plain Python it is the episode itself."""
    return episode


@overload(borrow)
def _borrow(episode):  # type: ignore[no-untyped-def]
    return lambda episode: _borrow_compiled(episode)


def handle_of(episode: Any) -> Any:
    """What ``borrow_handle`` finds ``episode`` by: an integer in compiled code, in plain Python the episode itself."""
    return episode


@overload(handle_of)
def _handle_of(episode):  # type: ignore[no-untyped-def]
    return lambda episode: _handle_compiled(episode)


def borrow_handle(like: Any, handle: Any) -> Any:
    """The episode with the handle ``handle``, of the same type as ``like``, as ``borrow`` gives it."""
    return handle


@overload(borrow_handle)
def _borrow_handle(like, handle):  # type: ignore[no-untyped-def]
    return lambda like, handle: _borrow_handle_compiled(like, handle)


def _as_implementation(function: Callable[..., Any]) -> Callable[..., Any]:
    """What Numba asks for the implementation of a method: called with types, it always answers ``function``."""

    def implementation(*arguments: Any, **keywords: Any) -> Callable[..., Any]:
        return function

    implementation.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return implementation


for _name, _function in METHODS.items():
    overload_method(BorrowedEpisodeType, _name, jit_options={"forceinline": True})(_as_implementation(_function))
for _name, _function in PROPERTIES.items():
    overload_attribute(BorrowedEpisodeType, _name, jit_options={"forceinline": True})(_as_implementation(_function))


def _assemble(fields):  # type: ignore[no-untyped-def]  # noqa: ANN001
    return CompiledEpisode(*fields)


_assemble_compiled = compile_cached(_assemble)


def compiled_episode(fields: Mapping[str, Any]) -> CompiledEpisode:
    """A compiled episode over the arrays of ``fields`` themselves, one for each name in ``FIELDS``."""
    return _assemble_compiled(tuple(fields[name] for name in FIELDS))  # type: ignore[no-any-return]
