"""Make docs/contact-sheet.webp: the visible label on many kinds of pictures, drawn by the real functions.

    python docs/contact_sheet.py [FILE]

Every cell is a file (PNG, JPEG or WebP) that went through `labeler.pixels.draw` and was read again; turned
ones are shown as a viewer shows them, transparent ones over a checkerboard.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from math import sin
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from labeler.media.base import Head
from labeler.pixels import draw
from labeler.pixels.font import font
from labeler.values import Look, Position

WIDTH, GAP, CAPTION = 1260, 14, 22
LONG = "图片由AI生成，请以实物为准；内容由AI生成，仅供参考，请仔细甄别"
POSITIONS: tuple[Position, ...] = (
    *("top-left", "top", "top-right", "left"),
    *("right", "bottom-left", "bottom", "bottom-right"),
)
LANGUAGES = (
    *("图片由AI生成\n请以实物为准", "人工智慧生成", "AIによる生成", "AI로 생성된 이미지", "AI-generated"),
    *("Généré par IA", "Vytvořeno umělou inteligencí", "Δημιουργήθηκε από ΤΝ"),
)


class Cell(NamedTuple):
    """One picture before it is labelled. `turn`: the EXIF orientation to store it in."""

    caption: str
    ground: Image.Image
    look: Look = Look()
    format: str = "png"
    turn: int = 1


def photo(width: int, height: int) -> Image.Image:
    """A landscape: sky, sun, hills and some grain."""
    slope = Image.linear_gradient("L").resize((width, height))
    picture = ImageOps.colorize(slope, "#5b8fd0", "#fbe3c0")
    pen, side = ImageDraw.Draw(picture), min(width, height)
    pen.ellipse((width * 0.68, height * 0.12, width * 0.68 + side / 5, height * 0.12 + side / 5), "#fff6d8")
    for base, colour in ((0.55, "#8fa7b8"), (0.68, "#5f8a6b"), (0.82, "#37573f")):
        ridge = [(x, height * (base + 0.07 * sin(x * 9 / width + base * 20))) for x in range(width)]
        pen.polygon([(0, height), *ridge, (width, height)], colour)
    grain = Image.effect_noise((width, height), 5).convert("RGB")
    return ImageChops.overlay(picture, grain)


def busy(width: int, height: int) -> Image.Image:
    """Coarse noise from black to white."""
    bands = [Image.effect_noise((width, height), 220).filter(ImageFilter.BoxBlur(1)) for _ in "RGB"]
    return ImageOps.autocontrast(Image.merge("RGB", bands))


def transparent(width: int, height: int) -> Image.Image:
    """A disc on nothing."""
    picture = Image.new("RGBA", (width, height))
    ImageDraw.Draw(picture).ellipse((20, 20, width - 20, height - 20), (220, 120, 40))
    return picture


def rows() -> Iterator[list[Cell]]:
    """The cells, grouped by what they show."""
    size = (296, 200)
    yield [
        Cell("light, PNG", Image.new("RGB", size, (250, 250, 246))),
        Cell("dark, PNG", Image.new("RGB", size, (12, 12, 18))),
        Cell("mid grey, JPEG", Image.new("L", size, 119), format="jpeg"),
        Cell("busy, JPEG", busy(*size), format="jpeg"),
        Cell("photo, WebP", photo(*size), format="webp"),
        Cell("transparent, PNG", transparent(*size)),
        Cell("transparent, WebP", transparent(*size), format="webp"),
        Cell("palette, PNG", photo(*size).quantize(64)),
    ]
    yield [Cell(one, photo(296, 160), Look(position=one)) for one in POSITIONS]
    yield [Cell(one.partition("\n")[0], photo(*size), Look(words=one)) for one in LANGUAGES]
    yield [
        Cell("light plate", photo(*size), Look(colour="#101010", plate="#ffffff", opacity=0.8)),
        Cell("outline, no plate", photo(*size), Look(plate="", outline="#000000")),
        Cell("outline on noise", busy(*size), Look(plate="", outline="#000000")),
        Cell("size: 0.1", photo(*size), Look(size=0.1)),
        Cell("long text", photo(*size), Look(words=LONG)),
        *(
            Cell(f"EXIF orientation {turn}, JPEG", photo(*size), format="jpeg", turn=turn)
            for turn in (3, 6, 8)
        ),
    ]
    yield [
        Cell("64 x 64", photo(64, 64)),
        Cell("64 x 64", photo(64, 64), Look(words="AI-generated")),
        Cell("64 x 64", photo(64, 64), Look(words="图片由AI生成，请以实物为准")),
        Cell("600 x 64, wide", photo(600, 64), Look(words=LONG)),
        Cell("64 x 280, tall", photo(64, 280), Look(words=LONG)),
        Cell("24 x 280", photo(24, 280)),
        Cell("24 x 280", photo(24, 280), Look(words="AI-generated")),
    ]


def labelled(cell: Cell) -> Image.Image:
    """The cell's picture as a viewer shows it after it was stored, labelled and read again."""
    turned = cell.ground
    if cell.turn > 1:
        exif = Image.Exif()
        exif[0x0112] = {6: 8, 8: 6}.get(cell.turn, cell.turn)  # the way back
        turned.info["exif"] = exif.tobytes()
        turned = ImageOps.exif_transpose(turned)
    exif = Image.Exif()
    exif[0x0112] = cell.turn
    stored = BytesIO()
    turned.save(stored, cell.format, exif=exif, quality=92)
    head = Head(turned.width, turned.height, orientation=cell.turn)
    drawn = draw(stored.getvalue(), cell.format, head, cell.look)
    return ImageOps.exif_transpose(Image.open(BytesIO(drawn.data))).convert("RGBA")


def checkerboard(width: int, height: int) -> Image.Image:
    """What shows through a transparent picture."""
    board = Image.new("RGB", (width, height), (255, 255, 255))
    for x in range(0, width, 8):
        for y in range(x % 16, height, 16):
            board.paste((204, 204, 204), (x, y, x + 8, y + 8))
    return board


def placed(cells: list[Cell], top: int) -> Iterator[tuple[int, int, Cell, Image.Image]]:
    """Where each cell of a group stands; the group begins at `top`."""
    left = lowest = 0
    for cell in cells:
        picture = labelled(cell)
        across = max(picture.width, round(font("", 13).getlength(cell.caption)))
        if left + across > WIDTH - 2 * GAP:
            left, top = 0, lowest
        yield left + GAP, top, cell, picture
        left += across + GAP
        lowest = max(lowest, top + picture.height + CAPTION + GAP)


def sheet() -> Image.Image:
    """All groups, one below the other."""
    page, top = Image.new("RGB", (WIDTH, 4000), (236, 238, 240)), GAP
    write = ImageDraw.Draw(page)
    for group in rows():
        bottom = top
        for x, y, cell, picture in placed(group, top):
            page.paste(checkerboard(*picture.size), (x, y + CAPTION))
            page.paste(picture, (x, y + CAPTION), picture)
            write.text((x, y), cell.caption, (60, 60, 60), font("", 13))
            bottom = max(bottom, y + CAPTION + picture.height + GAP)
        top = bottom + GAP
    return page.crop((0, 0, WIDTH, top))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("contact-sheet.webp")
    sheet().save(target, quality=80, method=6)
    print(f"{target}: {target.stat().st_size} bytes")
