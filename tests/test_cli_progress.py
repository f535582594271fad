"""The bar on stderr that long commands show on a terminal."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.cli.progress import Bar, watched


@given(st.integers(0, 2000))
def test_a_bar_counts_every_item(total: int) -> None:
    """Each item passes once, in order, and a bar that is shown ends full before it goes."""
    stderr = io.StringIO()
    stderr.isatty = lambda: True  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        assert list(watched(range(total))) == list(range(total))
    drawn = stderr.getvalue().split("\r")
    if total > 1:
        assert drawn[-2:] == [f"[{'#' * 30}] {total:,}/{total:,}", "\x1b[K"]
    else:
        assert drawn == [""]


def test_a_bar_leaves_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed about the error begins on a clean line."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    def broken() -> None:
        with Bar(9) as bar:
            bar.step()
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert capsys.readouterr().err == f"\r[{'#' * 3}{' ' * 27}] 1/9\r\x1b[K"


def test_a_line_pushes_the_bar_down(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line takes the bar's place and the bar is drawn again below it, unless nobody watches it."""
    for watching in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda watching=watching: watching)
        with Bar(2) as bar:
            bar.step()
            bar.say("one")
        drawn = f"\r[{'#' * 15}{' ' * 15}] 1/2"
        gone = "\r\x1b[K"
        expected = f"{drawn}{gone}one\n{drawn}{gone}" if watching else "one\n"
        assert capsys.readouterr().err == expected
