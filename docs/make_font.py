"""Make the font that travels along: the glyphs of Noto Sans that the words of visible labels need.

    python docs/make_font.py NotoSansSC-Medium.ttf NotoSans-Medium.ttf NotoSansKR-Medium.ttf

The sources are static TrueType files under the SIL Open Font License 1.1, for instance those of the
npm packages `@expo-google-fonts/noto-sans-sc`, `…/noto-sans` and `…/noto-sans-kr`. Needs fonttools.
Hints and features are left out. The family has a name of its own, as the licence asks of a changed
font with a reserved name; the sources' copyright and licence records stay.
"""

from __future__ import annotations

import argparse
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from fontTools import merge, subset
from fontTools.ttLib import TTFont

FONTS = Path(__file__).parent.parent / "labeler" / "pixels" / "fonts"
FAMILY = "AIGC Labeler Sans"
BLOCKS = ((0x20, 0x7E), (0xA0, 0x17F), (0x386, 0x3CE), (0x410, 0x44F))
"""ASCII, Latin-1 and Latin Extended-A, and the Greek and Cyrillic alphabets."""
MARKS = "，。、：；！？「」『』【】（）《》〈〉·・…—–‘’“”％＋－／０１２３４５６７８９ＡＩ①②③※★●○→㎡"
SLIM = range(0x370, 0x530)
"""Greek and Cyrillic, which fonts for East Asia have as wide as ideographs: such glyphs are passed over."""
EM = 1000
KEPT_NAMES = (0, 7, 8, 9, 10, 11, 13, 14)
"""Copyright, trademark, makers, description, licence."""


def wanted() -> set[int]:
    """The code points that the font shall have: the blocks, the marks, and all of words.txt."""
    words = (FONTS / "words.txt").read_text(encoding="utf-8")
    blocks = {code for first, last in BLOCKS for code in range(first, last + 1)}
    assigned = {code for code in blocks if unicodedata.category(chr(code)) not in ("Cn", "Cc", "Cf")}
    return assigned | {ord(one) for one in words + MARKS if one != "\n"}


def part(source: Path, codes: set[int], target: Path) -> set[int]:
    """Write those of the glyphs that `source` has to `target`; return the code points that it lacks."""
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, name_IDs=["*"])
    options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "STAT", "gasp", "vhea", "vmtx"]
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    widths, cmap = font["hmtx"], font.getBestCmap()
    found = {code for code in codes & set(cmap) if not (code in SLIM and widths[cmap[code]][0] == EM)}
    subsetter.populate(unicodes=found)
    subsetter.subset(font)
    subset.save_font(font, target, options)
    return codes - found


def name(font: TTFont, sources: Iterable[Path]) -> None:
    """Give the font its own name, and keep whose work it is and under which licence."""
    tables = [TTFont(source)["name"] for source in sources]
    font["name"].names = []
    own = {1: FAMILY, 2: "Regular", 3: f"{FAMILY} 1.0", 4: FAMILY, 5: "Version 1.0", 6: "AIGCLabelerSans"}
    kept = {number: [table.getDebugName(number) or "" for table in tables] for number in KEPT_NAMES}
    for number, text in own.items() | {(n, "; ".join(dict.fromkeys(said))) for n, said in kept.items()}:
        font["name"].setName(text, number, 3, 1, 0x409)


def main() -> None:
    """Read the sources, each for what the ones before it lack, and write the merged font."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="+", type=Path)
    sources = parser.parse_args().sources
    left = wanted()
    with TemporaryDirectory() as folder:
        parts = [Path(folder, f"{number}.ttf") for number in range(len(sources))]
        for source, target in zip(sources, parts, strict=True):
            left = part(source, left, target)
        font = merge.Merger().merge(list(map(str, parts)))
    name(font, sources)
    made = TTFont(sources[0])["head"].modified
    font["head"].created = font["head"].modified = made  # the same sources make the same bytes
    font.recalcTimestamp = False
    font.save(FONTS / "AIGCLabelerSans.ttf")
    print(f"{len(font.getBestCmap())} characters; not found: {''.join(map(chr, sorted(left))) or 'none'}")


if __name__ == "__main__":
    main()
