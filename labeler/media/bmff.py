"""HEIF, HEIC and AVIF: ISO media files whose meta box lists coded pictures, EXIF and XMP as items (ISO/IEC
23008-12, TC260-PG-20259A for HEIF; AVIF 1.1 is the same with other pictures).

The XMP packet is an item of type `mime` that describes the primary picture.
"""

from __future__ import annotations

from collections.abc import Iterator

from labeler.media import xmp
from labeler.media.base import Container, Found, Head
from labeler.media.bmff_boxes import NAME
from labeler.media.bmff_file import C2PA, File, records
from labeler.media.bmff_write import written
from labeler.media.carrier import others
from labeler.media.spans import distinct, joined


class _Bmff:
    """Stills and sequences, whatever codes their pictures."""

    name: str
    media_type: str
    carries = True
    cut: bool
    """Whether readers show no more than the clean aperture: encoders of HEVC fill up their pictures to whole
    blocks and say so by it. Pillow's reader of AVIF does not look at it."""

    def head(self, data: bytes) -> Head:
        """Size and orientation of the primary picture, from its properties; the frames of the longest track
        of pictures."""
        file = File(data)
        shape = file.shape
        width, height = shape.cut if self.cut else (shape.width, shape.height)
        frames = max((one.frames(data) for one in file.moving), default=1)
        return Head(width, height, max(frames, 1), shape.orientation)

    def found(self, data: bytes) -> list[Found]:
        """Records in XMP packets and in EXIF."""
        file = File(data)
        found = [record for run in file.packets() for record in xmp.found(joined(data, run))]
        return found + [record for run in file.exifs() for record in records(data, run)]

    def packet(self, data: bytes) -> bytes:
        """The primary picture's packet, without padding."""
        run = File(data).packet()
        return xmp.unpadded(joined(data, *distinct([run], len(data), NAME))) if run else b""

    def lost(self, data: bytes) -> int:
        """Those of further meta boxes, which refer to the new packet, too."""
        file = File(data)
        return others(joined(data, run) for run in map(file.main, file.metas) if run)

    def write(self, data: bytes, packet: bytes) -> bytes:
        """The packet takes the old one's place, or becomes an item whose bytes stand at the end."""
        return written(File(data), packet)

    def signed(self, data: bytes) -> bool:
        """A uuid box with C2PA's name (C2PA 2.1, appendix A)."""
        return bool(File(data).uuids(C2PA))

    def essence(self, data: bytes) -> Iterator[memoryview]:
        """The bytes of the primary item, of all others but XMP and EXIF, and of frames; then the properties of
        items, and the coding and timing of frames."""
        view = memoryview(data)
        return (view[start:end] for run in File(data).pictures() for start, end in run)


class _Heif(_Bmff):
    """HEIF, mostly with HEVC in it (HEIC)."""

    name = "heif"
    media_type = "image/heif"
    cut = True


class _Avif(_Bmff):
    """AVIF: AV1 in it."""

    name = "avif"
    media_type = "image/avif"
    cut = False


HEIF: Container = _Heif()
AVIF: Container = _Avif()
