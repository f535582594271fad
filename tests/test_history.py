"""Our own marks in earlier assistant turns: taken out on the way to the upstream, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.driver import JSON, SHIPPED, house, send
from tests.wire import MARK, NOTE, P, S, message

MEDICAL = SHIPPED.text("x", question="孩子发烧39度怎么办").content.partition("x")[2]
ENGLISH = SHIPPED.text("x", question="Hello").content.partition("x")
SHOP = SHIPPED.text("x", scenarios=["ecommerce"]).content.partition("x")[2]


def turns(content: Any, role: str = "assistant") -> dict[str, Any]:
    """A conversation with one earlier turn."""
    return {
        "model": "m",
        "messages": [
            {"role": "user", "content": f"{P}你好{S}"},
            {"role": role, "content": content},
            {"role": "user", "content": "再说一遍"},
        ],
    }


def reached(request: dict[str, Any] | bytes, **more: Any) -> bytes:
    """The request's body as the upstream gets it."""
    passed = send([message("Hi")], request, content_type=JSON, **more)
    fields, body = passed.upstream.received[0]
    assert fields["content-length"] == str(len(body))
    return body


def said(request: dict[str, Any]) -> Any:
    """The content of the earlier turn as the upstream gets it; the others are untouched."""
    body = json.loads(reached(request))
    content = body["messages"][1].pop("content")
    rest = json.loads(json.dumps(request))
    rest["messages"][1].pop("content")
    assert body == rest
    return content


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (f"{P}Hi{S}", "Hi"),
        (f"{P}Hi", "Hi"),
        (f"Hi{S}", "Hi"),
        (f"{MARK}Hi", "Hi"),
        (f"{MARK}\nHi", "Hi"),
        (f"{P}\n\n# T", "\n\n# T"),
        (f"{MARK}\r\n\r\nHi\r\n\r\n{NOTE}", "Hi"),
        (f"Hi{S}\n\n ", "Hi"),
        (f"Hi\n{NOTE}", "Hi"),
        (f"{P}{P}{P}Hi{S}{S}", "Hi"),
        (f"{P}{ENGLISH[0]}Hi{ENGLISH[2]}{S}", "Hi"),
        (f"{ENGLISH[0]}Hi{ENGLISH[2]}", "Hi"),
        (f"{P}Hi{MEDICAL}", "Hi"),
        (f"{P}Hi{SHOP}{MEDICAL}", "Hi"),
        (f"{{name}}\n\n{MARK}{S}", "{name}"),
        (f"<think>\na\n</think>\n\n{P}Hi{S}", "<think>\na\n</think>\n\nHi"),
        (f"<think>{MARK}</think>\n\nHi", f"<think>{MARK}</think>\n\nHi"),
        (f"\n<think>a</think>\n\n{P}Hi{S}", "\n<think>a</think>\n\nHi"),
        (f"\ufeff{P}Hi{S}", "\ufeffHi"),
        (f"{P}{S}", ""),
        (MARK, ""),
        (P + '"\\\n\t😀中\u2028' + S, '"\\\n\t😀中\u2028'),
    ],
)
def test_marks_are_taken_out_of_an_earlier_turn(content: str, wanted: str) -> None:
    """At its start and its end, in all languages and of all policies, piled up or not, each with the
    empty line that sets it off."""
    assert said(turns(content)) == wanted
    raw = json.dumps(turns(content), ensure_ascii=False, indent=1).encode()
    assert json.loads(reached(raw))["messages"][1]["content"] == wanted


@pytest.mark.parametrize(
    "text",
    [
        "Hi",
        "# T\n\n- a",
        "```\ncode",
        "\n\nHi\n",
        "[1] x",
        "{name}",
        "<think>a</think>\n\nHi",
        "AI生成",
        "🚀",
    ],
)
@pytest.mark.parametrize("times", [1, 3])
def test_what_we_said_comes_back_as_it_was(text: str, times: int) -> None:
    """A streamed answer that a client sends back reaches the upstream without our words; those that
    close a fence stay."""
    answer = text
    for _ in range(times):
        answer = "".join(SHIPPED.stream([answer]))
    assert said(turns(answer)) == text + ("\n```" if "```" in text else "")


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("end", ["</body></html>", "</body>\n</html>\n"])
def test_a_page_comes_back_as_it_was(end: str, times: int) -> None:
    """The paragraphs that we put before a page's `</body>` are taken out again, whatever was asked."""
    page = f"<!doctype html>\n<html><body><p>Hi</p>\n{end}"
    answer = page
    for question in ("孩子发烧39度怎么办", "Hello")[:times]:
        answer = SHIPPED.text(answer, question=question).content
    assert answer.count("<p>") > 1
    assert said(turns(answer)) == page


UNTOUCHED = [
    "Hi",
    "AI生成内容需要标识",
    "【AI生成内容】Hi",
    f"看，{MARK} 是标识",
    f"{NOTE}，这是常见的写法",
    f"{NOTE}：如上",
    "AI-generated text is text",
    "",
    None,
    [{"type": "image_url", "image_url": {"url": f"{MARK}"}}],
    [{"type": "text", "text": "Hi"}],
]


@pytest.mark.parametrize("content", UNTOUCHED, ids=repr)
def test_a_request_without_marks_goes_on_byte_for_byte(content: Any) -> None:
    """Only the exact mark at an end counts; spacing, key order and number spelling of the rest stay."""
    raw = json.dumps(turns(content), indent=3).replace('"m"', '"m",  "temperature": 1.0E-1').encode()
    assert reached(raw) == raw


@pytest.mark.parametrize("role", ["user", "system", "developer", "tool", "function"])
def test_other_turns_are_not_looked_at(role: str) -> None:
    """What the user or a tool says is theirs, marks and all."""
    raw = json.dumps(turns(f"{P}Hi{S}", role)).encode()
    assert reached(raw) == raw


def test_a_list_of_parts_is_cut_too() -> None:
    """Every part that is a text, and no other."""
    parts = [{"type": "text", "text": f"{P}A"}, {"type": "image_url"}, {"type": "text", "text": f"B{S}"}]
    assert said(turns(parts)) == [{"type": "text", "text": "A"}, parts[1], {"type": "text", "text": "B"}]
    others = [f"{P}A", {"type": "reasoning", "text": f"{P}hm"}, {"type": "output_text", "text": f"B{S}"}]
    assert said(turns(others)) == ["A", others[1], {"type": "output_text", "text": "B"}]


def test_every_earlier_turn_is_cut() -> None:
    """Long conversations, tool calls between, and the prefill at their end."""
    messages: list[dict[str, Any]] = [
        {
            "role": "assistant",
            "content": f"{P}A",
            "tool_calls": [{"id": "c", "function": {"arguments": MARK}}],
        },
        {"role": "tool", "content": f"{P}x"},
        {"role": "assistant", "content": f"{P}B{S}"},
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": f"{P}C"},
    ]
    got = json.loads(reached({"messages": messages}))["messages"]
    assert [one["content"] for one in got] == ["A", f"{P}x", "B", "?", "C"]
    assert got[0]["tool_calls"] == messages[0]["tool_calls"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"messages":[{"role":"assistant","content":"%s"}], "n":1.0E1,"n":2, "k": 12345678901234567890123 }',
        b'{"messages":[],"messages":[{"role":"user","role":"assistant","content":"x","content":"%s"}]}',
        b'{"messages":[{"role":"assistant","\\u0063ontent":"%s"},{"role":"user","content":"%s"}]}',
        b'\xef\xbb\xbf{"messages":[{"role":"assistant","content":"%s"}]}',
        b' {"messages" : [ {"role": "assistant", "content" :\n"%s" } ] }\n',
        b'{"messages":[{"role":"assistant","content":"%s"}],"x":NaN,"s":"\\ud83d"}',
    ],
)
@pytest.mark.parametrize("escape", [True, False])
def test_only_the_marks_are_gone(raw: bytes, escape: bool) -> None:
    """Whatever the document looks like, the marks are cut out of the literal and all other bytes stay."""
    words = [json.dumps(one, ensure_ascii=escape)[1:-1].encode() for one in (P, S)]
    user = words[0] + b"Hi" + words[1]
    filled = raw.replace(b"%s", user)
    wanted = raw.replace(b"%s", b"Hi", 1).replace(b"%s", user)
    passed = send([message("Hi")], filled, content_type=JSON)
    assert passed.asked == wanted
    assert passed.outcome.notes == ("history: marks taken out",)


SIGNED = [
    {"content-digest": "sha-256=:x:"},
    {"digest": "SHA-256=x"},
    {"content-md5": "x"},
    {"signature": "sig=:x:", "signature-input": "sig=()"},
    {"x-amz-content-sha256": "x"},
    {"authorization": "AWS4-HMAC-SHA256 Credential=x"},
    {"authorization": "TC3-HMAC-SHA256 Credential=x"},
    {"authorization": "ACS3-HMAC-SHA256 Credential=x"},
    {"authorization": "HMAC-SHA256 Credential=x"},
    {"authorization": "SDK-HMAC-SHA256 Access=x"},
    {"x-acs-content-sha256": "x"},
]


@pytest.mark.parametrize("headers", SIGNED, ids=repr)
def test_a_signed_request_is_left_alone(headers: dict[str, str]) -> None:
    """The body is covered by a signature or digest: it goes on as it is, and the outcome says so."""
    raw = json.dumps(turns(f"{P}Hi{S}")).encode()
    passed = send([message("Hi")], raw, content_type=JSON, headers=headers)
    assert passed.asked == raw
    assert passed.outcome.notes == ("history: signed",)
    assert json.loads(passed.body)["choices"][0]["message"]["content"] == f"{P}Hi{S}"


def test_a_bearer_token_is_no_signature() -> None:
    """The usual credentials do not cover the body."""
    assert json.loads(reached(turns(f"{P}Hi"), headers={"authorization": "Bearer AWS4-x"}))["messages"][
        1
    ] == {
        "role": "assistant",
        "content": "Hi",
    }


def test_former_wordings_are_known(tmp_path: Path) -> None:
    """`formerly:` and all places, of the house's own policy; the shipped words are not its own."""
    labeler = house(
        tmp_path, "formerly: [本文由AI生成, 【AI写作】]\ndisclaimers: [{words: Ask a doctor., place: start}]"
    )
    for content, wanted in (
        ("本文由AI生成\n\nHi", "Hi"),
        (f"{P}Ask a doctor.\n\n【AI写作】Hi\n\n本文由AI生成", "Hi"),
        ("本文由AI生成，仅供参考", "本文由AI生成，仅供参考"),
        ("Ask a doctor. Now.", "Ask a doctor. Now."),
        (f"Hi{S}", f"Hi{S}"),
    ):
        passed = send([message("Hi")], turns(content), labeler=labeler, content_type=JSON)
        assert json.loads(passed.asked)["messages"][1]["content"] == wanted


@pytest.mark.parametrize(
    ("raw", "headers", "reason"),
    [
        (b"not JSON", {}, "not JSON"),
        (b"[1]", {}, "not a JSON object"),
        (b"", {}, "not JSON"),
        (b"[" * 100_000, {}, "not JSON"),
        (b"x", {"content-type": "multipart/form-data; boundary=x"}, "multipart"),
        (b"x", {"content-encoding": "gzip"}, "compressed"),
    ],
)
def test_a_request_that_cannot_be_read_goes_on(raw: bytes, headers: dict[str, str], reason: str) -> None:
    """It reaches the upstream byte for byte, its answer is labelled, and the outcome says so."""
    passed = send([message("Hi")], raw, content_type=JSON, headers=headers)
    assert passed.asked == raw
    assert MARK in json.loads(passed.body)["choices"][0]["message"]["content"]
    assert passed.outcome.notes == (f"scenario: request unread ({reason})",)


def test_a_request_in_utf_16_is_not_cut() -> None:
    """RFC 8259, 8.1, knows UTF-8 alone; what Python reads all the same goes on as it is."""
    raw = json.dumps(turns(P)).encode("utf-16")
    assert reached(raw) == raw


@pytest.mark.parametrize(
    "messages",
    [
        [*[{"role": "assistant", "content": f"{P}Hi"}, {"role": "user", "content": "?"}] * 1000],
        [{"role": "assistant", "content": [{"type": "text", "text": f"{P}Hi"}] * 2000}],
        [{"role": "assistant", "content": "Hi" + NOTE * 20_000}],
        [{"role": "assistant", "content": P * 20_000}],
    ],
    ids=["turns", "parts", "marks at the end", "marks at the start"],
)
def test_a_long_history_costs_no_more_than_its_length(messages: list[Any]) -> None:
    """Every client may send one: of a length at which a walk for each turn would take minutes."""
    body = reached({"messages": messages})
    assert MARK not in json.loads(body)["messages"][0]["content"]


def test_observing_leaves_requests_alone(tmp_path: Path) -> None:
    """`mode: observe` changes nothing, in either direction."""
    labeler = house(tmp_path, settings="mode: observe")
    raw = json.dumps(turns(f"{P}Hi")).encode()
    passed = send([message("Hi")], raw, labeler=labeler, content_type=JSON)
    assert passed.asked == raw
    assert passed.body == message("Hi")
    assert passed.outcome.observed
