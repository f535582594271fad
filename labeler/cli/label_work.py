"""`labeler label`: one file or stream through the engine, told by its first bytes to be text or picture."""

from __future__ import annotations

import codecs
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from labeler.about import About
from labeler.cli.label_files import Job, write, wrong
from labeler.cli.label_front import Front
from labeler.cli.label_report import Done
from labeler.cli.label_text import labelled
from labeler.engine import Labeler
from labeler.errors import ContentError, MissingExtra
from labeler.media import container
from labeler.picture import Only
from labeler.values import Outcome

SUFFIXES = (".txt", ".md", ".markdown", ".html", ".htm", "")
"""Of the files that hold text, in lower case; whatever their suffix, pictures are told by their bytes."""

_FORMATS = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".gif": "gif",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".bmp": "bmp",
    ".avif": "avif",
    ".heic": "heif",
}
"""What a picture's name says of its format; `.heif` may be either of the last two."""

_START = 64  # bytes that tell a picture from a text


def is_picture(data: bytes) -> bool:
    """Whether a file that begins with these bytes is a picture in a format that can be read.

    A text may begin with the letters of a format (`BMW …`, `GIF89a is …`), but a picture's first bytes
    hold what no text does: a zero, or what is no UTF-8.
    """
    try:
        container(data)
    except ContentError:
        return False
    start = codecs.getincrementaldecoder("utf-8")("replace").decode(data[:_START])
    return "\0" in start or "\ufffd" in start


@dataclass(frozen=True, slots=True)
class Work:
    """What holds for every file of a call. `outcomes` is where the labeler's hook puts the last one."""

    labeler: Labeler
    about: About
    only: Only
    outcomes: deque[Outcome]

    def each(self, jobs: list[Job]) -> Iterator[Done]:
        """Label files, several at a time (`pictures.workers`), and tell about them in their order."""
        if len(jobs) == 1:
            yield self.file(jobs[0])
            return
        # Threads: Pillow and zlib let go of the interpreter while they work. On two cores they take
        # between 1.0 (TIFF) and 0.6 (PNG, WebP) of the time that one file after the other takes.
        with ThreadPoolExecutor(self.labeler.service.pictures.workers) as pool:
            yield from pool.map(self.file, jobs)

    def file(self, job: Job) -> Done:
        """Label one file; what is wrong with it is told, not raised. Raises PolicyError for a scenario
        that no policy has."""
        return _told(str(job.source), lambda: self._file(job))

    def stream(self, blocks: Iterator[bytes], name: str, out: Path | None) -> Done:
        """Label what comes in blocks, as `file`: a text leaves in pieces, a picture when all is there."""
        return _told(name, lambda: self._stream(blocks, name, out))

    def _file(self, job: Job) -> Done:
        name, data = str(job.source), _read(job)
        if is_picture(data):
            if job.target is not None and job.target.suffix.lower() != job.source.suffix.lower():
                _check_format(data, name, job.target)
            content, outcome = self._picture(data, name, job.target)
        else:
            content, outcome = self._text(data, job.source)
        write(job.target, [content], like=job.source)
        return _done(name, job.target, outcome)

    def _stream(self, blocks: Iterator[bytes], name: str, out: Path | None) -> Done:
        first = next(blocks, b"")
        blocks = chain([first], blocks)
        if is_picture(first):
            data = b"".join(blocks)
            if out is not None:
                _check_format(data, name, out)
            content, outcome = self._picture(data, name, out)
            write(out, [content])
            return _done(name, out, outcome)
        self._no_only(name)
        write(out, labelled(blocks, name, lambda pieces: self.labeler.stream(pieces, **self.about)))
        return _done(name, out, self.outcomes[-1])

    def _picture(self, data: bytes, name: str, out: Path | None) -> tuple[bytes, Outcome]:
        if out is None and sys.stdout.isatty():
            wrong(f"{name} is a picture, and stdout is a terminal; name a file with -o OUT")
        with _named(name):
            made = self.labeler.label_image(data, only=self.only, **self.about)
        return made.content, made.outcome

    def _text(self, data: bytes, path: Path) -> tuple[bytes, Outcome]:
        _check_suffix(data, path)
        self._no_only(str(path))
        outcomes: list[Outcome] = []

        def whole(pieces: Iterable[str]) -> Iterable[str]:
            file = Front("".join(pieces), self.labeler.service.policies.marks.starts)
            with _named(str(path)):
                made = self.labeler.text(file.text, **self.about)
            outcomes.append(made.outcome)
            return [file.back(made.content)]

        return b"".join(labelled([data], str(path), whole)), outcomes[0]

    def _no_only(self, name: str) -> None:
        if self.only:
            message = f"{name}: --only is for pictures, and this is none in a format that can be read"
            raise ContentError(message)


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except ContentError as error:
        message = f"{name}: {error}"
        raise ContentError(message) from error


def _told(name: str, work: Callable[[], Done]) -> Done:
    try:
        return work()
    except MissingExtra as error:
        return Done(name, error=f"{name}: {error}", code=2)
    except ContentError as error:
        return Done(name, error=str(error), code=1)


def _done(name: str, out: Path | None, outcome: Outcome) -> Done:
    return Done(name, out, outcome, code=1 if outcome.state == "failed" else 0)


def _read(job: Job) -> bytes:
    if job.wrong:
        message = f"{job.source} {job.wrong}"
        raise ContentError(message)
    try:
        return job.source.read_bytes()
    except OSError as error:
        message = f"{job.source} cannot be read: {error.strerror}"
        raise ContentError(message) from None


def _check_format(data: bytes, name: str, out: Path) -> None:
    """Raise ContentError where OUT's name says another format than the picture has."""
    has = container(data).name
    if _FORMATS.get(out.suffix.lower(), has) != has:
        suffix = next((suffix for suffix, other in _FORMATS.items() if other == has), "")
        message = f"{name} is a picture in another format than {out} says; name it {suffix}"
        raise ContentError(message)


def _check_suffix(data: bytes, path: Path) -> None:
    """Raise ContentError, which says what the file looks like, where nothing says that it is text."""
    if path.suffix.lower() in SUFFIXES:
        return
    looks = "this is no picture"
    try:
        container(data)
    except ContentError as error:
        looks = str(error)
    message = f"{path}: {looks}; text can be labelled in files named {', '.join(filter(None, SUFFIXES))}"
    raise ContentError(message)
