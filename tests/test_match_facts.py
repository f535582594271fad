"""Conditions on whose request it is and on what its JSON says: they may add a scenario, never take one away."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from labeler import PolicyError
from tests.asgi_tools import GENERAL, JSON, Scripted, Service, answer, ask, chat, said, service

KEY = "sk-acme-1"
HASH = hashlib.sha256(KEY.encode()).hexdigest()
TENANTS = f"tenants:\n  - {{name: acme, keys: [{HASH}]}}\n"


def house(folder: Path, match: Any, config: str = TENANTS) -> Service:
    """A service whose policy `extra` applies where `match` says."""
    extra = {
        "id": "extra",
        "version": "1",
        "title": "t",
        "match": {"any": [match, {"route": "/extra"}]},
        "disclaimers": [{"words": "EXTRA"}],
        "examples": [{"ask": "x", "route": "/extra", "scenarios": ["extra"]}],
    }
    (folder / "extra.yaml").write_text(json.dumps(extra), encoding="utf-8")
    return service(folder, f"policies: [general, ./extra.yaml]\n{config}")


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"authorization": f"Bearer {KEY}"}, True),
        ({"x-api-key": KEY}, True),
        ({"api-key": KEY}, True),
        ({"authorization": "Bearer sk-other"}, False),
        ({"authorization": f"Basic {KEY}"}, False),
        ({"x-tenant": "acme"}, False),
        ({}, False),
    ],
)
def test_a_tenant_is_told_by_the_hash_of_its_key(
    tmp_path: Path, headers: dict[str, str], found: bool
) -> None:
    """Only the key counts, wherever APIs have it; a header that names the tenant does not."""
    here = house(tmp_path, {"tenant": "ac*"})
    got = here.call(Scripted(*answer(chat())), headers=JSON | headers)
    assert said(got.body).endswith("EXTRA" if found else GENERAL)


def test_the_app_may_name_the_tenant(tmp_path: Path) -> None:
    """`scope["labeler"]` says whose request it is; what the app says replaces what the keys tell."""

    def name(scope: Any) -> None:
        scope["labeler"] = {"tenant": "acme"}

    here = house(tmp_path, {"tenant": "acme"})
    got = here.call(Scripted(name, *answer(chat())))
    assert said(got.body).endswith("EXTRA")


def test_the_key_itself_stands_nowhere(tmp_path: Path) -> None:
    """A tenant's key has to be a hash; a key that was written down is refused and not repeated."""
    with pytest.raises(PolicyError) as caught:
        house(tmp_path, {"tenant": "acme"}, "tenants:\n  - {name: acme, keys: [sk-secret]}\n")
    (problem,) = caught.value.problems
    assert problem.field == "tenants[0].keys[0]"


@pytest.mark.parametrize(
    ("member", "body", "found"),
    [
        ({"path": "scene"}, {"scene": "shop"}, True),
        ({"path": "scene"}, {}, False),
        ({"path": "metadata.scene", "value": "SHOP*"}, {"metadata": {"scene": "shop-1"}}, True),
        ({"path": "metadata.scene", "value": "shop*"}, {"metadata": "shop"}, False),
        ({"path": "tools.function.name", "pattern": "^pay"}, {"tools": [{"function": {"name": "pay_now"}}]}, True),
        ({"path": "n", "value": "2"}, {"n": 2}, True),
        ({"path": "stream_options.include_usage", "value": "true"}, {"stream_options": {"include_usage": True}}, True),
        ({"path": "metadata"}, {"metadata": {"scene": 1}}, False),
    ],
)  # fmt: skip
def test_a_field_of_the_request_can_add_a_scenario(
    tmp_path: Path, member: dict[str, str], body: dict[str, Any], found: bool
) -> None:
    """A dotted path, through lists too; a glob or a pattern over the value as JSON spells it."""
    got = house(tmp_path, {"field": member}).call(Scripted(*answer(chat())), ask(**body))
    assert said(got.body).endswith("EXTRA" if found else GENERAL)


@pytest.mark.parametrize("leaf", [{"tenant": "acme"}, {"field": {"path": "a"}}, {"header": {"name": "a"}}])
def test_what_a_client_sends_cannot_take_a_scenario_away(tmp_path: Path, leaf: Any) -> None:
    """None of them may stand under `not`."""
    with pytest.raises(PolicyError) as caught:
        house(tmp_path, {"not": leaf})
    (problem,) = caught.value.problems
    assert "may not stand under `not`" in problem.message
    assert "take a label away" in problem.hint
