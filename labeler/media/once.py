"""A file's parts, listed once however many ask: while somebody works on it in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import local
from typing import Any, TypeVar, cast

Parts = TypeVar("Parts")
Asked = TypeVar("Asked", bound=Callable[..., Any])
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


def once_for_equals(function: Asked) -> Asked:
    """The same, by the value of the arguments: for parts that are cut out anew for everybody who asks."""

    @wraps(function)
    def remembered(*about: Any) -> Any:
        found: dict[Any, Any] | None = getattr(_here, "found", None)
        if found is None:
            return function(*about)
        key = function, about
        if key not in found:
            found[key] = function(*about)
        return found[key]

    return cast("Asked", remembered)
