"""`extends:` in a policy file: what it does not say itself, the policy that it changes says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from labeler.policy.document import WHOLE, Document

Find = Callable[[str, Document], "Document | None"]
"""The document that a name in a file stands for; None where there is none."""


def inherited(document: Document, find: Find) -> Document:
    """The document with what it inherits; a name that leads nowhere or in a circle becomes a problem."""
    chain, seen = [document], {document.path}
    while isinstance(name := chain[-1].data.get("extends"), str):
        base = find(name, chain[-1])
        if base is None:
            hint = "name a shipped policy by its id, or a file beside this one (./house.yaml)"
            return document.with_problem(("extends",), f"there is no policy '{name}' to extend", hint)
        if base.path in seen:
            return document.with_problem(("extends",), f"'{name}' extends itself", "remove one `extends`")
        seen.add(base.path)
        chain.append(base)
    whole = chain.pop()
    while chain:
        own = chain.pop()
        whole = own.over(_united(whole.data, own.data), whole)
    return whole


def _united(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` over `base`: mappings are united key by key, all else is replaced, null takes away."""
    united = dict(base)
    for name, value in own.items():
        below = united.get(name)
        if value is None:
            united.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(below, Mapping) and name not in WHOLE:
            united[name] = _united(below, value)
        else:
            united[name] = value
    return united
