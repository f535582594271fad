"""`labeler label`: which files are read and where each of them goes; writing, never half a file."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, NamedTuple, NoReturn

from labeler.errors import ContentError, PolicyError, Problem


class Found(NamedTuple):
    """A file in a folder's tree, or a folder there that is not looked into, and why."""

    path: Path
    wrong: str = ""


class Job(NamedTuple):
    """A file to label, and where it goes: None is standard output. `wrong` says why a folder cannot be."""

    source: Path
    target: Path | None
    wrong: str = ""


def wrong(message: str, hint: str = "") -> NoReturn:
    """Refuse the call before anything is done."""
    raise PolicyError(Problem("labeler label", 0, 0, "", message, hint))


def planned(names: Sequence[str], output: str | None) -> list[Job]:
    """What a call asks for: one file to one place, or a folder or several files into a folder.

    Of a folder, hidden files and those of an earlier OUT inside it are left out. Raises PolicyError
    where a file would have no place of its own in OUT, or would replace another one that is read too.
    """
    paths = [Path(name) for name in names]
    out = Path(output) if output else None
    itself = len(paths) == 1 and out is not None and os.path.abspath(paths[0]) == os.path.abspath(out)
    if len(paths) == 1 and not _names_folder(output) and not os.path.isdir(paths[0]):
        jobs = [Job(paths[0], one_place(output))]
        _check(jobs, itself=itself)
        return jobs
    if out is None or (out.exists() and not out.is_dir()):
        what = f"{paths[0]} is a folder" if len(paths) == 1 and out is None else "there is no folder to go to"
        wrong(f"{what}; name another one with -o OUT")
    jobs = [job for path in paths for job in _jobs(path, out)]
    sound = [job for job in jobs if os.path.isfile(job.source)]
    _check(sound, itself=itself)
    _check_inside(sound, out)
    return jobs


def one_place(output: str | None) -> Path | None:
    """Where the one content of a call goes, None for standard output."""
    out = Path(output) if output else None
    if out is not None and (out.is_dir() or _names_folder(output)):
        wrong(f"{out} is a folder; name a file with -o OUT")
    return out


def _names_folder(output: str | None) -> bool:
    return output is not None and output.endswith(("/", os.sep))


def _jobs(path: Path, out: Path) -> Iterator[Job]:
    if not os.path.isdir(path):
        yield Job(path, out / path.name)
        return
    found = list(_files(path, out))
    for file, why in found:
        yield Job(file, None if why else out / file.relative_to(path), why)
    if not found:
        yield Job(path, None, "holds no file")


def _files(folder: Path, out: Path) -> Iterator[Found]:
    place = out.resolve()
    inside = folder.resolve() in place.parents
    for one in files_in(folder):
        real = Path(os.path.realpath(one.path))
        if not (inside and place in (real, *real.parents)):
            yield one


def files_in(folder: Path) -> list[Found]:
    """The files in a folder's tree, in order, without hidden ones, and the folders that are not looked into.

    A link that leads to nothing is a file, and so is what the system says nothing about: whoever reads it
    finds out, and tells.
    """
    found: list[Found] = []

    def unread(error: OSError) -> None:
        found.append(Found(Path(error.filename), f"cannot be read: {error.strerror}"))

    for name, folders, files in os.walk(folder, onerror=unread):
        here = Path(name)
        folders[:] = [one for one in folders if not one.startswith(".")]
        links = [here / one for one in folders if os.path.islink(here / one)]
        found += [Found(link, "is a link to a folder, which is not followed") for link in links]
        shown = [here / one for one in files if not one.startswith(".")]
        found += [Found(path) for path in shown if _is_file(path)]
    return sorted(found)


def _is_file(path: Path) -> bool:
    try:
        return S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _check(jobs: Sequence[Job], *, itself: bool) -> None:
    """Refuse what would be lost; `itself`: OUT names the input, so that it shall be replaced."""
    read = {job.source.resolve() for job in jobs}
    taken: dict[Path, Path] = {}
    for source, target, _ in jobs:
        if target is None:
            continue
        place = target.resolve()
        if (other := taken.setdefault(place, source)) is not source:
            wrong(f"{other} and {source} would both become {target}", "label them in two calls")
        if place in read and not itself:
            wrong(f"{target} would be replaced, and it is read too; name another place with -o OUT")


def _check_inside(jobs: Sequence[Job], out: Path) -> None:
    """Refuse what a link in OUT leads out of it."""
    place = out.resolve()
    for _, target, _ in jobs:
        real = target.resolve() if target is not None else place
        if place not in (real, *real.parents):
            wrong(f"{target} leads out of {out}, to {real}", "name another place with -o OUT")


@contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM ends what happens inside as Ctrl-C does, so that no part of a file stays behind."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def write(out: Path | None, pieces: Iterable[bytes], like: Path | None = None) -> None:
    """Write a file in one step, or pieces to standard output as they come.

    A file that is replaced keeps its permissions; a new one has those of `like`. Raises ContentError
    where it cannot be written, and leaves nothing behind then.
    """
    try:
        if out is None:
            _pour(sys.stdout.buffer, pieces)
        else:
            _put(out, pieces, like)
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"{out or 'standard output'} cannot be written: {error.strerror}"
        raise ContentError(message) from None


def _put(out: Path, pieces: Iterable[bytes], like: Path | None) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists() and not out.is_file():  # a pipe or a device: nothing to replace
        with out.open("wb") as file:
            _pour(file, pieces)
    else:
        _replace(Path(os.path.realpath(out)), pieces, like)


def _replace(out: Path, pieces: Iterable[bytes], like: Path | None) -> None:
    model = out if out.exists() else like
    mode = 0o666 if model is None else model.stat().st_mode & 0o777
    part = out.with_name(f".labeler-{secrets.token_hex(8)}.part")
    try:
        # Never readable for more people than it will be.
        with open(part, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as file:
            _pour(file, pieces)
        if model is not None:
            part.chmod(mode)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _pour(file: BinaryIO, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        if piece:
            file.write(piece)
            file.flush()
