"""Plain text: routes that opt in, whole and in chunks, and the library's texts and streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from labeler import BlockedError, Labeler, Outcome, undo
from tests.driver import SHIPPED, Passed, house, send
from tests.wire import MARK, NOTE, P, S, bytewise

TEXT = "text/plain; charset=utf-8"
ROUTES = "routes: [{path: /answer, dialect: text}]"


@pytest.fixture(scope="module")
def labeler(tmp_path_factory: pytest.TempPathFactory) -> Labeler:
    """The shipped policies and one route of plain text."""
    file = tmp_path_factory.mktemp("text") / "labeler.yaml"
    file.write_text(ROUTES, encoding="utf-8")
    return Labeler.load(file)


def answer(labeler: Labeler, chunks: list[bytes], request: Any = b"{}", **more: Any) -> Passed:
    """What leaves `/answer` where the app behind it says `chunks`."""
    return send(chunks, request, labeler=labeler, path="/answer", **{"content_type": TEXT, **more})


CASES = {
    "你好，世界": f"{P}你好，世界{S}",
    "# T\n\ntext": f"{P}# T\n\ntext{S}",
    "\n  indented": f"{P}\n  indented{S}",
    f"{MARK}\n\nHi": f"{P}Hi{S}",
    f"Hi{S}": f"{P}Hi{S}",
    "AI生成内容需要标识": f"{P}AI生成内容需要标识{S}",
    "【AI绘画】": f"{P}【AI绘画】{S}",
    '{"a": 1}': '{"a": 1}',
    '{"a": 1': f'{{"a": 1\n\n{MARK}{S}',
    "<think>a</think>\n\nHi": f"<think>a</think>\n\n{P}Hi{S}",
    "```\ncode": f"{P}```\ncode\n```{S}",
    "": "",
    " \n": " \n",
    "é😀": f"{P}é😀{S}",
}


@pytest.mark.parametrize("text", CASES, ids=repr)
def test_a_route_that_opts_in_is_labelled(labeler: Labeler, text: str) -> None:
    """The body is the answer: labels before its first and after its last byte, however it is cut."""
    body = text.encode()
    for chunks in ([body], bytewise(body), [body[:1], body[1:4], body[4:]]):
        passed = answer(labeler, chunks)
        assert passed.body.decode() == CASES[text]
        assert answer(labeler, [passed.body]).body == passed.body


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("type_", ["text/plain", "text/markdown", "text/plain;charset=UTF-8;format=flowed"])
def test_other_types_of_text(labeler: Labeler, method: str, type_: str) -> None:
    """Markdown is text too, and a question may be asked with GET."""
    assert answer(labeler, [b"Hi"], method=method, content_type=type_).body.decode() == f"{P}Hi{S}"


def test_the_text_goes_out_as_it_comes(labeler: Labeler) -> None:
    """Every chunk leaves at once; a character cut in two waits for its rest, and no longer length is
    promised than is kept."""
    passed = answer(
        labeler, ["你".encode()[:2], "你".encode()[2:], b"a", b"b"], headers={"content-length": "5"}
    )
    assert passed.waiting == [0]
    assert passed.reply.bodies == [f"{P}你".encode(), b"a", b"b", S.encode()]
    assert "content-length" not in passed.reply.headers


def test_gbk_stays_gbk(labeler: Labeler) -> None:
    """The labels are written in the charset of the text."""
    body = "你好".encode("gbk")
    passed = answer(labeler, bytewise(body), content_type="text/plain; charset=GBK")
    assert passed.body.decode("gbk") == f"{P}你好{S}"


@pytest.mark.parametrize(
    "charset",
    [
        *("latin-1", "utf-16", "utf-16-le", "utf-32", "no-such-thing", "base64", "rot13"),
        *(
            "iso-2022-jp",
            "iso2022_kr",
            "hz",
            "utf-7",
        ),  # in which a byte's meaning depends on what stood before
    ],
)
def test_charsets_that_cannot_hold_the_label(labeler: Labeler, tmp_path: Path, charset: str) -> None:
    """Such a text is withheld, or passes as it came where the policy says so."""
    blocked = answer(labeler, [b"Hi"], content_type=f"text/plain; charset={charset}")
    assert b"Hi" not in blocked.body
    assert blocked.reply.status == 502 or not blocked.reply.whole
    lenient = house(tmp_path, "on_failure: pass", ROUTES)
    passed = answer(lenient, [b"Hi"], content_type=f"text/plain; charset={charset}")
    assert passed.body == b"Hi"
    assert passed.outcome.state == "failed"


@pytest.mark.parametrize("body", [b"\xff\xfeHi\xc3", b"Hi\xe4\xbd", b"\x80"])
def test_bytes_that_are_no_text_pass(labeler: Labeler, body: bytes) -> None:
    """What is not of the charset stays as it is, within the labels."""
    for chunks in ([body], bytewise(body)):
        assert answer(labeler, chunks).body == P.encode() + body + S.encode()


@pytest.mark.parametrize("ends", ["raises", "stops"])
def test_a_text_that_breaks_off_has_no_disclaimer(labeler: Labeler, ends: str) -> None:
    """It must not look complete; what was held leaves."""
    assert answer(labeler, [b"Hi"], ends=ends).body.decode() == f"{P}Hi"
    passed = answer(labeler, ["【AI".encode()], ends=ends)
    assert passed.body.decode() == f"{P}【AI"
    assert not passed.reply.whole


def test_other_content_on_the_route_is_a_failure(labeler: Labeler) -> None:
    """A route of plain text that answers with a picture is withheld, not passed unlabelled."""
    assert answer(labeler, [b"x"], content_type="image/png").reply.status == 502


@pytest.mark.parametrize(
    "request_", [{"question": "孩子发烧39度怎么办"}, {"messages": [{"role": "user", "content": "我发烧了"}]}]
)
def test_the_question_tells_the_scenario(labeler: Labeler, request_: dict[str, Any]) -> None:
    """It stands in the request's JSON under one of the usual names."""
    assert "不替代医生诊断" in answer(labeler, [b"Hi"], request_).body.decode()


def test_a_route_that_does_not_opt_in_is_left_alone() -> None:
    """Plain text elsewhere passes, and is counted as unclaimed."""
    passed = send([b"Hi"], path="/answer", content_type=TEXT)
    assert passed.body == b"Hi"
    assert (passed.outcome.state, passed.outcome.reason) == ("skipped", "unclaimed")


# The library.


@pytest.mark.parametrize("text", CASES, ids=repr)
def test_the_library_streams_like_the_middleware(text: str) -> None:
    """A stream of pieces, synchronous or not, joins to the labelled text, wherever it is cut."""
    for pieces in ([text], list(text), [text[:3], text[3:]], ["", text, ""]):
        assert "".join(SHIPPED.stream(pieces)) == CASES[text]
        assert asyncio.run(gathered(pieces)) == CASES[text]


async def gathered(pieces: list[str]) -> str:
    """What the asynchronous stream gives."""

    async def source() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece

    return "".join([out async for out in SHIPPED.astream(source())])


@pytest.mark.parametrize("text", [text for text in CASES if text != '{"a": 1'], ids=repr)
def test_a_whole_text_is_labelled(text: str) -> None:
    """`Labeler.text` gives the labelled text and an outcome whose edits undo it."""
    done = SHIPPED.text(text)
    assert done.content == CASES[text]
    assert undo(done.content.encode(), done.outcome.edits).decode() == text
    assert SHIPPED.text(done.content).content == done.content


def test_a_whole_text_that_only_begins_like_json_is_marked_at_its_start() -> None:
    """Where all of it is there, nothing has to be guessed."""
    assert SHIPPED.text('{"a": 1').content == f'{P}{{"a": 1{S}'


@pytest.mark.parametrize("text", ["\ud83d\ude00", "Hi \ud83d", "\udcff", "\ude00 \ud83d"])
def test_half_characters_survive(text: str) -> None:
    """Strings that hold halves of characters go in and out as they are."""
    assert SHIPPED.text(text).content == f"{P}{text}{S}"
    assert "".join(SHIPPED.stream(list(text))) == f"{P}{text}{S}"


def test_a_json_text_in_halves_is_still_json() -> None:
    """A character cut in two between pieces does not make JSON something else."""
    assert (
        "".join(SHIPPED.stream(['{"a":"\ud83d', '\ude00"}']))
        .encode("utf-16", "surrogatepass")
        .decode("utf-16")
        == '{"a":"😀"}'
    )


def test_what_is_known_about_a_text_decides() -> None:
    """Question, scenarios, a human author: the caller says what the middleware reads from a request."""
    assert "不替代医生诊断" in SHIPPED.text("多喝水", question="孩子发烧39度怎么办").content
    assert "详情页" in SHIPPED.text("新品", scenarios=["ecommerce"]).content
    assert SHIPPED.text("Hi", human=True).content == "Hi"
    assert SHIPPED.text("Hi", question="Hello").content.startswith("【AI生成】 AI-generated\n\n")


def test_a_stream_that_is_left_is_broken_off() -> None:
    """A consumer that leaves: the outcome still comes, and says that the text did not end."""
    outcomes: list[Outcome] = []
    labeler = Labeler(SHIPPED.service, on_outcome=outcomes.append)
    stream = labeler.stream(iter(["Hi", " you"]))
    assert next(stream) == f"{P}Hi"
    stream.close()  # type: ignore[attr-defined]
    assert [one.state for one in outcomes] == ["degraded"]
    assert "broke" in outcomes[0].reason


def test_a_json_text_may_be_forbidden(tmp_path: Path) -> None:
    """`structured: block` holds for the library too."""
    labeler = house(tmp_path, "structured: block")
    with pytest.raises(BlockedError, match="JSON"):
        labeler.text('{"a": 1}')
    with pytest.raises(BlockedError, match="JSON"):
        list(labeler.stream(['{"a"', ": 1}"]))
    assert labeler.text("Hi").content == f"{P}Hi"


def test_disclaimers_are_said_once() -> None:
    """A text that ends with its disclaimer does not get a second one."""
    assert SHIPPED.text(f"Hi\n\n{NOTE}").content.count(NOTE) == 1
