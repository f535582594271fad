"""What the shipped policies say in an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler import Labeler

CODE = "```python\nprint(1)\n```"
HELP_LINES = "12356、110、120"


@pytest.fixture(scope="module")
def shipped() -> Labeler:
    """A service with the shipped policies and nothing else."""
    return Labeler.load()


def told(service: Labeler, question: str) -> tuple[str, ...]:
    """The scenarios that a question by itself leads to."""
    verdict = service.text("好的。", question=question).outcome.verdict
    assert verdict is not None
    return verdict.scenarios


@pytest.mark.parametrize(
    "question", ["重疾险和医疗险有什么区别", "车险理赔需要什么材料", "how do I file an insurance claim"]
)
def test_insurance_is_finance_too(shipped: Labeler, question: str) -> None:
    """A question about insurance falls under both, and both are said."""
    assert {"finance", "insurance"} <= set(told(shipped, question))
    text = shipped.text("看条款。", question=question, language="zh").content
    assert "不构成投资建议" in text
    assert "保险责任以保险合同条款为准" in text


@pytest.mark.parametrize(
    ("question", "scenario"),
    [
        ("五年级的应用题怎么讲", "education"),
        ("My son is a third grader, how do I explain fractions?", "education"),
        ("帮我写一条广告词", "advertising"),
        ("We need an ad for our bakery", "advertising"),
        ("双十一的直播间话术怎么写", "live"),
        ("最近有什么国际新闻", "news"),
        ("Draft a press release about our new office", "news"),
        ("请把这段话翻译成日语", "translation"),
        ("Summarize the following text", "translation"),
        ("给这款保健品写一段推广文案", "health-ads"),
    ],
)
def test_words_tell_a_scenario(shipped: Labeler, question: str, scenario: str) -> None:
    """Questions that say what they are for."""
    assert scenario in told(shipped, question)


@pytest.mark.parametrize(
    "question",
    [
        "广告法第九条讲的是什么",
        "直播是怎么计费的",
        "翻译官是一部什么剧",
        "作业帮是哪家公司的",
        "新闻联播几点开始",
        "Is translation a good career?",
        "What is the news cycle?",
        "The advertiser left",
        "写一个快速排序",
    ],
)
def test_words_that_only_sound_like_it(shipped: Labeler, question: str) -> None:
    """Questions about advertising, news or translation are none of them."""
    scenarios = {"education", "advertising", "live", "news", "translation", "health-ads"}
    assert not scenarios & set(told(shipped, question))


def test_a_prescription_is_answered_by_a_sentence(shipped: Labeler) -> None:
    """The answer stays as it is; the guard's words follow it."""
    answer = "布洛芬混悬液每次5ml，每6小时一次。"
    text = shipped.text(answer, question="孩子发烧39度怎么办").content
    assert answer in text
    assert text.index(answer) < text.index("以上内容不构成处方，用药请遵医嘱")
    assert "不替代医生诊断" in text


def test_an_answer_about_self_harm_gets_the_help_lines(shipped: Labeler) -> None:
    """Whatever was asked: the answer's own words lead to the policy."""
    text = shipped.text("听到您说想自杀，我很担心。", question="随便聊聊吧").content
    assert HELP_LINES in text


def test_suicide_in_history_is_no_cry_for_help(shipped: Labeler) -> None:
    """The words for answers are narrow."""
    text = shipped.text("项羽在乌江自杀，楚汉之争结束。", question="项羽是怎么死的").content
    assert HELP_LINES not in text


def test_nothing_follows_code(shipped: Labeler) -> None:
    """The line before it stays, the words after it are said beside the answer."""
    text = shipped.text(CODE, scenarios=["code"]).content
    assert text.startswith("【AI生成】")
    assert text.endswith(CODE)


def test_a_service_of_code_alone_returns_code_alone(tmp_path: Path) -> None:
    """As the comment in code.yaml says: the policy in place of the general one."""
    (tmp_path / "labeler.yaml").write_text("policies: [code]\ndefault: code\n", encoding="utf-8")
    labelled = Labeler.load(tmp_path / "labeler.yaml").text(CODE, question="写一个快速排序")
    assert labelled.content == CODE
    assert labelled.outcome.state == "applied"


def test_customer_service_names_the_way_to_a_person(shipped: Labeler) -> None:
    """It says that it is an AI, and how one gets to a person."""
    text = shipped.text("您的快递在路上。", scenarios=["service"]).content
    assert "我是AI智能客服" in text
    assert text.endswith("如需人工服务，请输入「转人工」")


def test_general_words_yield(shipped: Labeler) -> None:
    """Where a scenario has words of its own, the general ones are not said besides."""
    assert "请仔细甄别" not in shipped.text("好的。", scenarios=["legal"]).content
    assert "请仔细甄别" in shipped.text("好的。", question="今天天气怎么样").content
