"""Looks and words for the tests of the visible label, and how a tile is read."""

from __future__ import annotations

from typing import get_args

from labeler.pixels.mark import Mark
from labeler.values import Look, Position

WORDS = tuple(
    dict.fromkeys(
        (
            *(
                "AI生成",
                "【AI生成】",
                "人工智能合成",
                "图片由AI生成，请以实物为准",
                "AI生成\n图片由AI生成，请以实物为准",
            ),
            *(
                "AI生成圖片",
                "人工智慧產生",
                "この画像はAIによって作成されました",
                "AI 생성",
                "AI로 생성된 이미지",
            ),
            *(
                "AI-generated",
                "KI-generiert",
                "Image générée par IA",
                "Tekoälyn luoma",
                "Δημιουργήθηκε από ΤΝ",
            ),
            "内容由AI生成 · AI-generated content, for reference only",
        )
    )
)
POSITIONS: tuple[Position, ...] = get_args(Position)
LOOKS = {
    "default": Look(),
    "light": Look(colour="#101010", plate="#f4f4f4", opacity=0.8),
    "coloured": Look(colour="#ffe000", plate="#003366", opacity=0.85),
    "solid": Look(plate="#c00000", opacity=1),
    "outline": Look(plate="", outline="#000000"),
    "dark outline": Look(colour="#000000", plate="", outline="#ffffff", size=0.1),
    "both": Look(plate="#888888", opacity=0.3, outline="#000000"),
}


def lines_of(found: Mark) -> list[tuple[int, int]]:
    """First and last row of each band of white ink in a white-on-black tile."""
    rows = found.image.getchannel("R").point([0] * 128 + [255] * 128)
    inked = [bool(rows.crop((0, y, rows.width, y + 1)).getbbox()) for y in range(rows.height)]
    starts = [y for y, ink in enumerate(inked) if ink and not inked[y - 1]]
    ends = [y for y, ink in enumerate(inked) if ink and not inked[y + 1]]
    return list(zip(starts, ends, strict=True))
