"""Pillow's TIFF reader without its check of the size: in other formats the check stands in Pillow's
`open`, here it also stands in the reader itself (see labeler.pixels.base on who checks instead)."""

from __future__ import annotations

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile


class TiffFile(TiffImageFile):
    """As its base, and silent about large pictures."""

    def load_prepare(self) -> None:
        """Allocate the picture, which the base does behind its check."""
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size).im
        super().load_prepare()
