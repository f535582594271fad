"""The filing notice (备案号, 上线编号): words for a page, a header, and an endpoint of the gateway."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import httpx2
from starlette.applications import Starlette

from labeler import Labeler
from labeler.gateway.app import gateway
from tests.asgi_tools import Scripted, answer, ask, chat, service
from tests.servers import serve

CONFIG = """
provider: {name: 示例科技有限公司, credit_code: 91350100M000100Y43}
filing:
  - {model: "deep*", title: 深海大模型, number: 网信算备110000000000000000001号}
  - {model: "app-*", title: 某某助手, number: Beijing-YY20260001, kind: registered}
"""
WORDS = "本服务使用已备案的生成式人工智能服务：深海大模型（备案号：网信算备110000000000000000001号）"


def test_an_answer_names_the_filing_of_its_model(tmp_path: Path) -> None:
    """As a Display String (RFC 9651, 3.3.8): the words in ASCII, percent-encoded."""
    got = service(tmp_path, CONFIG).call(Scripted(*answer(chat())), ask(model="deepsea-1"))
    field = got.headers["labeler-filing"]
    assert field.startswith('%"')
    assert unquote(field[2:-1]) == WORDS


def test_a_model_without_a_filing_has_no_such_header(tmp_path: Path) -> None:
    """Nor has any where it is turned off, or an error of the upstream."""
    here = service(tmp_path, CONFIG)
    assert "labeler-filing" not in here.call(Scripted(*answer(chat())), ask(model="m")).headers
    failed = here.call(Scripted(*answer(b"{}", status=500)), ask(model="deepsea-1"))
    assert "labeler-filing" not in failed.headers
    off = service(tmp_path, CONFIG + "headers: {filing: false}\n")
    assert "labeler-filing" not in off.call(Scripted(*answer(chat())), ask(model="deepsea-1")).headers


def test_the_gateway_tells_all_of_it(tmp_path: Path) -> None:
    """`/.well-known/aigc-disclosure`: provider, models with the words for a page, policies."""
    (tmp_path / "labeler.yaml").write_text(CONFIG, encoding="utf-8")
    labeler = Labeler.load(tmp_path / "labeler.yaml")
    with serve(Starlette()) as upstream, serve(gateway(labeler, upstream)) as url:
        told = httpx2.get(f"{url}/.well-known/aigc-disclosure").json()
        refused = httpx2.post(f"{url}/.well-known/aigc-disclosure").status_code
    assert told["provider"] == {"name": "示例科技有限公司", "code": "001191350100M000100Y4300000"}
    assert [one["notice"] for one in told["models"]] == [
        WORDS,
        "本服务使用已登记的生成式人工智能服务：某某助手（上线编号：Beijing-YY20260001）",
    ]
    assert {"general", "medical"} <= {one["id"] for one in told["policies"]}
    assert told == labeler.disclosure()
    assert told["revision"] == labeler.service.policies.revision
    assert refused == 405
