"""The binding to libturbojpeg: where the library is looked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ctypes import CDLL

import pytest

from labeler.pixels import turbo


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """The library that the machine has is looked for again afterwards."""
    turbo.library.cache_clear()
    yield
    turbo.library.cache_clear()


def test_both_homes_of_homebrew_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Apple Silicon its libraries are elsewhere than on Intel; the system's own search comes last."""
    asked = []

    def missing(name: str) -> CDLL:
        asked.append(name)
        raise OSError

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(turbo, "CDLL", missing)
    monkeypatch.setattr(turbo, "find_library", lambda _: "found.dylib")
    assert turbo.library() is None
    homes = [f"/{prefix}/lib/libturbojpeg.dylib" for prefix in ("opt/homebrew", "usr/local")]
    assert asked == [*homes, "found.dylib"]
