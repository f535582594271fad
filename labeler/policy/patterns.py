"""Globs and regular expressions that cannot run away: RE2, linear in the length of the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from posixpath import normpath

import re2

_QUIET = re2.Options()
_QUIET.log_errors = False
_QUIET.never_capture = True  # what is found is found as a whole
_ROOM = 64 * 2**20  # bytes that the automaton of a set may grow to; the default suits a handful
_KEPT = 256  # results of texts up to this many characters are remembered, 1024 per glob
_PARAMETERS = re.compile(";[^/]*")
_PLAIN = re.compile(r"(?s)\\.|\[(?:\\.|[^\]\\])*+\]")  # what is escaped, and classes
_ANCHOR = re.compile(r"[\^$]")
_EDGES = {r"\A", r"\z"}

Test = Callable[[str], bool]


def compile_pattern(pattern: str) -> Callable[[str], str | None]:
    """A search for a regular expression (RE2 syntax) that returns what it found, or None.

    Raises ValueError with RE2's own words where the pattern is broken.
    """
    try:
        search = re2.compile(pattern, _QUIET).search
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else reason) from None

    def find(text: str) -> str | None:
        match = search(text.encode())  # as bytes, so that nobody counts characters
        return match[0].decode() if match else None

    return find


def is_anchored(pattern: str) -> bool:
    """Whether an expression asks for the beginning or the end of a text (`^`, `$`, `\\A`, `\\z`)."""
    return bool(_ANCHOR.search(_PLAIN.sub("", pattern)) or _EDGES.intersection(_PLAIN.findall(pattern)))


def pattern_set(patterns: Sequence[str]) -> Callable[[str], Collection[int]]:
    """One pass over a text that tells which of many expressions, each sound by itself, are found in it."""
    if not patterns:
        return lambda _: ()
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _ROOM
    several = re2.Set.SearchSet(options)
    for pattern in patterns:
        several.Add(pattern)
    several.Compile()
    return lambda text: several.Match(text.encode()) or ()


def name_glob(glob: str) -> Test:
    """A test for names (models, header values): `*` is any run of characters; case does not matter."""
    return _remembering("(?is)" + ".*".join(map(re2.escape, glob.split("*"))))


def route_glob(glob: str, *, exact: bool = False) -> Test:
    """A test for paths: `*` stays within one segment, `**` stands for any number of segments. Case does
    not matter, unless `exact`.

    `/shop/**` matches `/shop` too. Raises ValueError where the glob can match no path.
    """
    if not glob.startswith(("/", "**")):
        message = "a route begins with `/` or `**`"
        raise ValueError(message)
    segments = glob.removeprefix("/").split("/")
    if any("**" in segment and segment != "**" for segment in segments):
        message = "`**` stands alone between slashes"
        raise ValueError(message)
    return _remembering(("(?s)" if exact else "(?is)") + "".join(map(_segment, segments)))


def plain_path(path: str) -> str:
    """A path without what many servers take as nothing: `//`, `/./`, `;x`, a slash at the end."""
    return "/" + normpath(_PARAMETERS.sub("", path)).lstrip("/")


def _segment(segment: str) -> str:
    if segment == "**":
        return "(?:/.*)?"
    return "/" + "[^/]*".join(map(re2.escape, segment.split("*")))


@lru_cache(maxsize=4096)
def _remembering(pattern: str) -> Test:
    fullmatch = re2.compile(pattern, _QUIET).fullmatch

    def test(text: str) -> bool:
        return fullmatch(well_formed(text)) is not None

    remembered = lru_cache(maxsize=1024)(test)
    return lambda text: remembered(text) if len(text) <= _KEPT else test(text)


def well_formed(text: str) -> str:
    """The text without lone surrogates, which have no UTF-8 and which neither engine takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
