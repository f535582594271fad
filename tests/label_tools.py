"""What the tests of `labeler label` share: files, the call, a look at what it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from labeler.cli import main
from tests.pixel_pictures import saved, scene
from tests.test_provider_code import CREDIT

MARKER = "【AI生成】"
PICTURE = saved(scene(), "PNG")
OTHER = saved(scene(turn=1), "PNG")
TRUNCATED = PICTURE[:200]
PROVIDER = f"provider: {{name: 示例科技有限公司, credit_code: {CREDIT}}}\n"
"""A configuration under which pictures get a record."""


def label(*arguments: str | Path) -> int:
    return main(["label", *map(str, arguments)])


def put(path: Path, content: bytes | str) -> Path:
    """A file, with the folders that it stands in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def tree(folder: Path) -> list[str]:
    """The files below a folder, hidden ones too, with `/` between the names."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def plain(text: str) -> Any:
    """What was printed as JSON."""
    return json.loads(text)
