"""The compiled substrate: the episode as a Numba structure whose methods are the kernels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import numba
from numba.core import types
from numba.core.cgutils import create_struct_proxy, get_null_value, pointer_add, unpack_tuple
from numba.core.datamodel import default_manager, models
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.experimental import structref
from numba.extending import intrinsic, overload, overload_attribute, overload_method
from numba.np.arrayobj import populate_array

from tts_gym.episode.compile_cache import compile_cached
from tts_gym.episode.methods import METHODS, PROPERTIES
from tts_gym.episode.state import FIELDS, SHARED


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
    """A compiled episode that somebody else keeps alive, possibly one row of many.

    Kernels and programs work on it, because counting references to the episode and to its arrays takes most of their
    time. Where the owner has a row of arrays for every episode, the fields are those of one row.
    """

    def attribute(self, name: str) -> Any:
        """The Numba type of the field ``name``: one row of it, if every episode has one."""
        kind = self.field_dict[name]
        return kind if name in SHARED or kind.ndim == 1 else kind.copy(ndim=1)


class _BorrowedModel(models.StructModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, [("meminfo", types.voidptr), ("row", types.intp)])


default_manager.register(BorrowedEpisodeType, _BorrowedModel)


@infer_getattr
class _BorrowedAttributes(AttributeTemplate):  # type: ignore[misc]
    key = BorrowedEpisodeType

    def generic_resolve(self, episode: BorrowedEpisodeType, name: str) -> Any:
        return episode.attribute(name) if name in episode.field_dict else None


@lower_getattr_generic(BorrowedEpisodeType)  # type: ignore[untyped-decorator]
def _borrowed_attribute(context: Any, builder: Any, episode: BorrowedEpisodeType, value: Any, name: str) -> Any:
    payload = structref._Utils(context, builder, episode).get_data_struct(value)
    owned, kind = episode.field_dict[name], episode.attribute(name)
    if kind is owned:
        return _unowned(context, builder, kind, getattr(payload, name))
    rows = context.make_array(owned)(context, builder, getattr(payload, name))
    row = create_struct_proxy(episode)(context, builder, value=value).row
    stride, step = unpack_tuple(builder, rows.strides)
    view = context.make_array(kind)(context, builder)
    populate_array(
        view,
        data=pointer_add(builder, rows.data, builder.mul(row, stride)),
        shape=unpack_tuple(builder, rows.shape)[1:],
        strides=[step],
        itemsize=rows.itemsize,
        meminfo=None,
    )
    return view._getvalue()


def _unowned(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """``value`` without the references that its arrays hold."""
    if isinstance(kind, types.BaseTuple):  # type: ignore[attr-defined]
        parts = enumerate(kind.types)
        return context.make_tuple(
            builder, kind, [_unowned(context, builder, part, builder.extract_value(value, n)) for n, part in parts]
        )
    array = context.make_array(kind)(context, builder, value)
    array.meminfo = get_null_value(array.meminfo.type)
    return array._getvalue()


def _borrowing(context: Any, builder: Any, kind: BorrowedEpisodeType, meminfo: Any, row: Any) -> Any:
    borrower = create_struct_proxy(kind)(context, builder)
    borrower.meminfo, borrower.row = meminfo, row
    return borrower._getvalue()


@intrinsic  # type: ignore[untyped-decorator]
def _handle_compiled(typing_context: Any, episode: CompiledEpisodeType) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        owner = create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
        return builder.ptrtoint(owner.meminfo, context.get_value_type(types.intp))

    return types.intp(episode), generate


@intrinsic  # type: ignore[untyped-decorator]
def _borrow_row_compiled(
    typing_context: Any, like: CompiledEpisodeType, handle: types.Integer, row: types.Integer
) -> tuple[Any, Callable[..., Any]]:
    borrowed = BorrowedEpisodeType(list(like.field_dict.items()))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        meminfo = builder.inttoptr(arguments[1], context.get_value_type(types.voidptr))
        return _borrowing(context, builder, signature.return_type, meminfo, arguments[2])

    return borrowed(like, types.intp, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def _borrow_compiled(typing_context: Any, episode: CompiledEpisodeType) -> tuple[Any, Callable[..., Any]]:
    borrowed = BorrowedEpisodeType(list(episode.field_dict.items()))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        owner = create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
        first = context.get_constant(types.intp, 0)
        return _borrowing(context, builder, signature.return_type, owner.meminfo, first)

    return borrowed(episode), generate


def borrow(episode: Any) -> Any:
    """What kernels and programs work on; ``episode`` must outlive it. In plain Python it is the episode itself."""
    return episode


@overload(borrow)
def _borrow(episode):  # type: ignore[no-untyped-def]
    return lambda episode: _borrow_compiled(episode)


def handle_of(episodes: Any) -> Any:
    """What ``borrow_row`` finds ``episodes`` by: an integer in compiled code, in plain Python the object itself."""
    return episodes


@overload(handle_of)
def _handle_of(episodes):  # type: ignore[no-untyped-def]
    return lambda episodes: _handle_compiled(episodes)


def borrow_row(like: Any, handle: Any, row: int) -> Any:
    """Row ``row`` of the episodes with the handle ``handle``, whose type is that of ``like``.

    Args:
        like: an episode of that type, which is not read.
        handle: of episodes side by side, from ``handle_of``.
        row: which of them.
    """
    fields = vars(handle).items()
    return SimpleNamespace(**{name: value if name in SHARED else value[row] for name, value in fields})


@overload(borrow_row)
def _borrow_row(like, handle, row):  # type: ignore[no-untyped-def]
    return lambda like, handle, row: _borrow_row_compiled(like, handle, row)


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


def compiled_episode(fields: Mapping[str, Any]) -> Any:
    """A compiled episode over the arrays of ``fields`` themselves, one for each name in ``FIELDS``.

    Where Numba's compiler is disabled it is a plain object with these attributes.
    """
    if numba.config.DISABLE_JIT:
        return SimpleNamespace(**fields)
    return _assemble_compiled(tuple(fields[name] for name in FIELDS))
