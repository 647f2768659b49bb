"""What the tables of charts need of a template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from django import template

register = template.Library()
A = TypeVar("A")
B = TypeVar("B")


@register.filter
def beside(first: Sequence[A], second: Sequence[B]) -> Iterator[tuple[A, B]]:
    """Each with its neighbour: a column and its cell."""
    return zip(first, second, strict=True)
