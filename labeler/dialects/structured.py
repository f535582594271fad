"""Requests whose answer is for a machine: structured output, forced tool calls."""

from __future__ import annotations

from typing import Any

from labeler.dialects.base import Doc

_STRUCTURED = frozenset(
    {
        "guided_json",
        "guided_regex",
        "guided_choice",
        "guided_grammar",
        "structured_outputs",
        "regex",
        "json_schema",
        "ebnf",
        "grammar",
    }
)


def structured(doc: Doc) -> str:
    """Why the answer to this request is for a machine: structured output or a forced tool call."""
    wanted = doc.get("response_format")
    if isinstance(wanted, dict) and wanted.get("type", "text") != "text":
        return "structured output"
    if not _STRUCTURED.isdisjoint(doc) and any(doc.get(name) for name in _STRUCTURED):
        return "structured output"
    if _forced(doc.get("tool_choice")) or isinstance(doc.get("function_call"), dict):
        return "forced tool call"
    return ""


def _forced(choice: Any) -> bool:
    if not isinstance(choice, dict):
        return choice in ("required", "any")
    allowed = choice.get("allowed_tools")
    if isinstance(allowed, dict):
        return allowed.get("mode") == "required"
    return choice.get("type") not in ("auto", "none", "allowed_tools")
