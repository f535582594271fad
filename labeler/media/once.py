"""A file's parts, listed once however many ask: while somebody works on it in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import local
from typing import Any, TypeVar

Parts = TypeVar("Parts")
_here = local()


@contextmanager
def remembering() -> Iterator[None]:
    """Within this block functions under `once` keep what they found, and the files; behind it nothing stays."""
    if getattr(_here, "found", None) is not None:
        yield
        return
    _here.found = {}
    try:
        yield
    finally:
        _here.found = None


def once(function: Callable[[bytes], Parts]) -> Callable[[bytes], Parts]:
    """For a pure function of a file whose result nobody changes."""

    @wraps(function)
    def remembered(data: bytes) -> Parts:
        found: dict[Any, tuple[bytes, Parts]] | None = getattr(_here, "found", None)
        if found is None:
            return function(data)
        key = function, id(data)  # the entry keeps the file, so that its id stays its own
        entry = found.get(key)
        if entry is None:
            entry = found[key] = data, function(data)
        return entry[1]

    return remembered
