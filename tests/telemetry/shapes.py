"""Holds a value against a type such as `dict[str, int]`, `X | None` or a TypedDict, for tests."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict


def faults(value: object, shape: Any, at: str = "meta") -> list[str]:
    """Where `value` is not what `shape` says, and what is there instead; empty where it is."""
    return list(_faults(value, shape, at))


def _faults(value: Any, shape: Any, at: str) -> Iterator[str]:
    origin, parts = get_origin(shape), get_args(shape)
    if shape is Any:
        return
    if origin in (Union, types.UnionType):
        if all(faults(value, part) for part in parts):
            yield f"{at} is {value!r}"
    elif is_typeddict(shape):
        yield from _of_keys(value, shape, at)
    elif origin is list and isinstance(value, list):
        for place, item in enumerate(value):
            yield from _faults(item, parts[0], f"{at}[{place}]")
    elif origin is dict and isinstance(value, dict):
        for key, item in value.items():
            yield from _faults(item, parts[1], f"{at}.{key}")
    elif not _is_plain(value, shape):
        yield f"{at} is {value!r}"


def _of_keys(value: Any, shape: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at} is {value!r}"
        return
    hints = get_type_hints(shape)
    for key in shape.__required_keys__ - value.keys():
        yield f"{at}.{key} is missing"
    for key, item in value.items():
        if key in hints:
            yield from _faults(item, hints[key], f"{at}.{key}")
        else:
            yield f"{at}.{key} is in no shape"


def _is_plain(value: object, shape: Any) -> bool:
    """A number without fraction is a float too; true and false are no numbers."""
    if isinstance(value, bool) or shape is bool:
        return isinstance(value, bool) and shape is bool
    return isinstance(value, int | float if shape is float else shape) if isinstance(shape, type) else False
