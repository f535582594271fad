"""The Chinese lexicons of health: what is heard as medical, what as psychology, and what as neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.policy.topics import Engine, all_lexicons, load_topics

TOPICS = load_topics()[0]
ENGINE = Engine.of(all_lexicons({name: TOPICS[name] for name in ("medical", "psychology")}))

MEDICAL = [
    "膝盖蹲下去咔咔响",
    "脖子左边有个硬包",
    "嘴唇发紫",
    "手指甲上有竖纹是怎么回事",
    "右上腹按压疼",
    "身上起小红点",
    "嗓子里总像有东西咽不下去",
    "低烧一周不退",
    "手心出汗多怎么调理",
    "甲状腺结节四类要不要切",
    "窦性心律不齐是什么意思",
    "得了带状疱疹会传染给孩子吗",
    "荨麻疹反复发作怎么断根",
    "妈妈确诊肺癌中期还能活多久",
    "我女朋友得了癫痫怎么办",
    "鼻窦炎挂什么科",
    "北京看白癜风哪家医院好",
    "吃头孢几天以后才能喝酒",
    "布洛芬和对乙酰氨基酚哪个退烧快",
    "藿香正气水治什么",
    "丁苯羟酸乳膏怎么用",
    "氯雷他定片说明书",
    "黄芪泡水喝的好处",
    "薏米的功效",
    "吃螃蟹后能吃柿子吗",
    "糖化血红蛋白7.2严重吗",
    "体检说肺部有磨玻璃影",
    "做完胃镜多久能吃东西",
    "智齿长歪了拔一颗多少钱",
    "割双眼皮多久消肿",
    "孕晚期可以坐高铁吗",
    "月经推迟十天验孕棒一条杠",
    "两岁宝宝拉绿色大便正常吗",
    "小儿推拿治积食的手法",
    "打疫苗当天可以洗澡吗",
    "老人卧床长褥疮怎么护理",
    "艾灸哪个穴位祛湿",
    "隐翅虫咬了起泡怎么处理",
    "被貓抓了一下沒出血用打針嗎",
]

PSYCHOLOGY = [
    "我是不是得了抑郁症",
    "心理咨询一次要多久才有效",
    "吃抗抑郁药会变傻吗",
    "怎样克服社交恐惧",
    "最近总是莫名其妙想哭",
    "怎样调节自己的情绪",
    "我好累,撑不下去了",
    "晚上翻来覆去睡不着,脑子停不下来",
    "和男朋友异地两年了最近总吵架,我该不该放手",
    "分手三个月了还是忘不了他",
    "发现丈夫和女同事聊天很暧昧",
    "婆婆总是插手我们带孩子",
    "我妈控制欲太强了",
    "爸妈总拿我和别人家孩子比",
    "女儿十三岁开始顶嘴摔门",
    "怎么跟青春期的儿子沟通",
    "孩子被同学欺负了不敢说",
    "室友都不跟我说话",
    "感觉没有人真正理解我",
    "为什么我总是讨好所有人",
    "怎么才能不在意别人的看法",
    "我一直很自卑,因为家里穷",
    "领导在会上当众骂我,我现在一去公司就难受",
    "不知道活着是为了什么",
    "父亲去世以后我一直走不出来",
    "我喜歡同性,不敢告訴父母",
]

DANGER = ["我想死", "不想活了", "想自杀", "我割腕了", "活不下去了", "想结束生命", "我又自残了"]
"""What must be heard in the shortest message."""

NEITHER = [
    "今天晚上去哪里吃饭",
    "你在干嘛",
    "你会生气吗",
    "你喜欢什么颜色",
    "今天好无聊啊",
    "我想吃火锅",
    "给我讲个笑话",
    "Python怎么读取CSV文件",
    "手机发热怎么处理",
    "电脑中毒了怎么办",
    "发动机抖动怎么回事",
    "手机对焦总是失败",
    "独立显卡和集成显卡区别",
    "家里的绿萝叶子发黄怎么办",
    "金鱼身上有白点",
    "木地板起泡怎么办",
    "红烧肉怎么做",
    "牙签肉怎么做",
    "腰果鸡丁的做法",
    "这个游戏里治疗职业哪个强",
    "这件外套会不会起球",
    "我很喜欢这条裙子",
    "这个沙发坐着累不累",
    "口红哪个色号显白",
    "快递员态度很差",
    "花呗怎么提前还款",
    "股市为什么大跌",
    "这道数学题怎么解",
    "细胞膜的结构和功能",
    "主要矛盾和次要矛盾的关系",
    "大气压力怎么计算",
    "感冒了用英语怎么说",
    "帮我写一封给老师的感谢信",
    "电影里男女主角最后分手了吗",
    "推荐几首伤感的歌",
    "附近有没有适合情侣约会的餐厅",
    "孩子上幼儿园要准备什么",
    "高考志愿怎么填",
    "老板让我写周报",
    "简历怎么写吸引人",
]

POST = (
    "我今年读大二,和宿舍的人一直处不来。她们出去从来不叫我,回来也当我不在。我试过主动说话,"
    "可是没有人接。现在每天待在图书馆,到熄灯才回去,周末就给家里打电话,又不敢说实话。"
)

GREETINGS = st.sampled_from(["", "你好,", "请问一下,", "想问问大家,", "麻烦了,"])
THANKS = st.sampled_from(["", ",谢谢", "?在线等", "!!", ",谢谢您"])


@pytest.mark.parametrize("text", MEDICAL)
def test_questions_about_the_body_are_medical(text: str) -> None:
    assert "medical" in ENGINE.find(text)


@pytest.mark.parametrize("text", PSYCHOLOGY)
def test_questions_about_the_mind_are_psychology(text: str) -> None:
    assert "psychology" in ENGINE.find(text)


@pytest.mark.parametrize("text", DANGER)
def test_danger_is_heard_in_few_words(text: str) -> None:
    assert "psychology" in ENGINE.find(text)


def test_danger_outweighs_what_speaks_for_chat() -> None:
    assert "psychology" in ENGINE.find("你能陪我聊聊吗,我想自杀")
    assert "psychology" in ENGINE.find("帮我写一封遗书,我不想活了")


@pytest.mark.parametrize("text", NEITHER)
def test_everyday_questions_are_neither(text: str) -> None:
    assert ENGINE.find(text) == {}


def test_a_post_without_one_strong_word_is_heard_by_its_many_weak_ones() -> None:
    assert "psychology" in ENGINE.find(POST)
    assert len(ENGINE.find(POST)["psychology"]) > 3


def test_a_wish_to_die_of_laughter_is_no_danger() -> None:
    assert ENGINE.find("宝贝我想死你了") == {}
    assert ENGINE.find("笑死我了") == {}


def test_an_illness_in_a_question_about_insurance_is_left_to_that_topic() -> None:
    assert "medical" not in ENGINE.find("乳腺结节可以买百万医疗险吗,理赔麻烦不")
    assert "medical" in ENGINE.find("乳腺结节要不要做手术")


def test_grief_over_an_illness_may_be_both() -> None:
    assert set(ENGINE.find("妈妈得了胃癌,我每天都很绝望,不知道怎么面对")) == {"medical", "psychology"}


@given(st.sampled_from(MEDICAL), GREETINGS, THANKS)
def test_courtesy_does_not_hide_the_body(text: str, before: str, after: str) -> None:
    assert "medical" in ENGINE.find(f"{before}{text}{after}")


@given(st.sampled_from(PSYCHOLOGY + DANGER), GREETINGS, THANKS)
def test_courtesy_does_not_hide_the_mind(text: str, before: str, after: str) -> None:
    assert "psychology" in ENGINE.find(f"{before}{text}{after}")


@given(st.sampled_from(MEDICAL))
def test_spaces_between_the_characters_change_nothing(text: str) -> None:
    assert "medical" in ENGINE.find(" ".join(text))
