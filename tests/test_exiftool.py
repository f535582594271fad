"""Agreement with ExifTool, a reader of its own, on the files that we write (AIGC_EXIFTOOL names the program)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from labeler.inspection import inspect
from tests.asgi_tools import Service
from tests.picture_tools import (
    CARRYING,
    FOREIGN,
    WORDS,
    file,
    foreign_record,
    is_labelled,
    look_at,
    pictured,
    record_of,
    with_record,
)

PROGRAM = os.environ.get("AIGC_EXIFTOOL", "")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="AIGC_EXIFTOOL names no ExifTool to compare with")
RECORD, VISIBLE, SOURCE = "XMP-TC260:Aigc", "XMP-labeler:Visible", "XMP-iptcExt:DigitalSourceType"
TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
FORMATS = dict.fromkeys(kind.split()[0] for kind in CARRYING)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service that writes all that we ever write."""
    folder = tmp_path_factory.mktemp("house")
    return pictured(folder, seal="ed25519", source_type="trainedAlgorithmicMedia")


def asked(*arguments: str | Path) -> str:
    """What ExifTool says; it ends well, and has nothing to say about errors."""
    done = subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def saved(folder: Path, kind: str, data: bytes) -> Path:
    path = folder / f"a.{kind.split()[0]}"
    path.write_bytes(data)
    return path


def packet(path: Path, *tags: str) -> dict[str, Any]:
    """The properties of a file's XMP, every one once."""
    (found,) = json.loads(asked("-j", "-a", "-G1", *(tags or ("-xmp:all",)), path))
    del found["SourceFile"]
    return dict(found)


def warnings(path: Path) -> list[str]:
    """What `-validate` finds wrong with a file."""
    return asked("-a", "-s3", "-validate", "-warning", "-error", path).splitlines()[1:]


@pytest.mark.parametrize("kind", CARRYING)
def test_it_reads_what_we_write(one: Service, tmp_path: Path, kind: str) -> None:
    """The three properties and no other; the seven fields as we mean them, and as `inspect` reads them."""
    data = one.labeler.label_image(file(kind)).content
    path = saved(tmp_path, kind, data)
    found = packet(path)
    ours = {name: value for name, value in found.items() if name in (RECORD, VISIBLE, SOURCE)}
    assert ours == {RECORD: inspect(data).records[0].text, VISIBLE: WORDS, SOURCE: TYPE}
    assert json.loads(found[RECORD]) == record_of(data).fields
    assert packet(path, "-XMP-TC260:AIGC") == {RECORD: found[RECORD]}


@pytest.mark.parametrize("only", ["", "visible", "record"])
@pytest.mark.parametrize("kind", CARRYING)
def test_it_finds_nothing_new_that_is_wrong(one: Service, tmp_path: Path, kind: str, only: Any) -> None:
    """`-validate` has the same warnings for the original and for the labelled file."""
    before = warnings(saved(tmp_path, kind, file(kind)))
    after = warnings(saved(tmp_path, kind, one.labeler.label_image(file(kind), only=only).content))
    assert sorted(set(after)) == sorted(before)


@pytest.mark.parametrize("kind", FORMATS)
def test_it_reads_the_one_record_that_is_left(one: Service, tmp_path: Path, kind: str) -> None:
    """A record of another producer that we keep is the only one that ExifTool sees, too."""
    data = one.labeler.label_image(with_record(file(kind), foreign_record())).content
    path = saved(tmp_path, kind, data)
    assert packet(path)[RECORD] == foreign_record()
    assert json.loads(packet(path)[RECORD])["ContentProducer"] == FOREIGN
    assert asked("-a", "-s3", "-XMP-TC260:AIGC", path).splitlines() == [foreign_record()]


@pytest.mark.parametrize("kind", FORMATS)
def test_what_it_writes_leaves_our_labels(one: Service, tmp_path: Path, kind: str) -> None:
    """A title that ExifTool writes into a labelled file takes nothing away: it counts as labelled."""
    path = saved(tmp_path, kind, one.labeler.label_image(file(kind)).content)
    asked("-q", "-overwrite_original", "-XMP-dc:Title=Katze – 猫", path)
    data = path.read_bytes()
    assert is_labelled(data)
    again = one.labeler.label_image(data)
    assert (again.content, again.outcome.reason) == (data, "labelled already")


@pytest.mark.parametrize("kind", FORMATS)
def test_what_it_wrote_stays(one: Service, tmp_path: Path, kind: str) -> None:
    """Metadata that ExifTool put into a file are there after the labels, as they were."""
    path = saved(tmp_path, kind, file(kind))
    asked(
        "-q",
        "-overwrite_original",
        "-XMP-dc:Title=Katze – 猫",
        "-XMP-dc:Subject=a",
        "-XMP-xmp:Rating=3",
        path,
    )
    before = packet(path)
    assert before["XMP-dc:Title"] == "Katze – 猫"
    data = one.labeler.label_image(path).content
    assert look_at(data).visible == WORDS
    after = packet(saved(tmp_path, kind, data))
    assert {name: value for name, value in after.items() if name not in (RECORD, VISIBLE, SOURCE)} == before
