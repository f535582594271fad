"""The Chinese lexicons of law, money, insurance and taxes: questions that they must hear, and others."""

from __future__ import annotations

import pytest

from labeler.policy.topics import Engine, all_lexicons, load_topics

SHIPPED = Engine.of(all_lexicons(load_topics()[0]))

LEGAL = [
    "婚后父母给买的房算谁的",
    "催收爆通讯录犯法吗",
    "证人不愿意出庭怎么办",
    "中介隐瞒房屋抵押",
    "被执行人名下没有财产怎么办",
    "签了竞业协议还能去同行上班吗",
    "正当防卫的界限是什么",
    "快递员把我的包裹弄丢了",
    "打印店能不能刻公章",
    "公司拖欠我三个月工资怎么办",
    "试用期被辞退能拿补偿吗",
    "没签劳动合同可以要双倍工资吗",
    "公司强制调岗降薪,我可以拒绝吗",
    "上班路上摔伤算不算工伤",
    "离婚后孩子归谁",
    "婚前买的房离婚要分一半吗",
    "彩礼能要回来吗",
    "父亲去世没留遗嘱,房子怎么分",
    "爷爷的宅基地孙子能继承吗",
    "朋友借钱不还,只有微信聊天记录",
    "担保人要替别人还债吗",
    "借条没写还款日期有效吗",
    "房东不退押金找谁",
    "租房合同没到期,房东要赶我走",
    "开发商延期交房怎么索赔",
    "楼上漏水把我家天花板泡了,谁负责",
    "追尾了对方不肯赔钱怎么处理",
    "电动车撞了行人,责任怎么划分",
    "酒驾被查会拘留几天",
    "被人打成轻微伤,对方会坐牢吗",
    "网上卖二手被骗两千块,报警有用吗",
    "偷了三千块钱会判几年",
    "帮信罪一般判多久",
    "取保候审期间可以出省吗",
    "邻居家的狗咬了我孩子,可以要求赔偿吗",
    "超市买到过期食品怎么赔",
    "健身房跑路了,会员费怎么追回",
    "未成年人充值游戏的钱能退吗",
    "别人用我的照片做广告,侵犯肖像权吗",
    "店名和别人的商标一样会被告吗",
    "股东退出公司怎么办手续",
    "公司注销后债务谁来还",
    "村里征地补偿标准是多少",
    "对行政处罚不服,多久内可以复议",
    "起诉状怎么写",
    "法院传票不去会怎么样",
    "民间借贷的诉讼时效是几年",
    "《民法典》第1062条讲的是什么",
    "帮我起草一份保密协议",
    "劳务派遣和外包有什么区别",
    "孩子在学校受伤,学校有没有责任",
    "被公司开除,离职证明不给开",
    "签了三方协议想毁约要赔多少",
    "遺囑需要公證嗎",
]

MONEY = [
    "大盘3000点能守住吗",
    "美联储缩表对a股的影响",
    "存折丢了怎么补办",
    "二套房首付比例",
    "月薪五千怎么存钱",
    "学生能办信用卡吗",
    "征信花了怎么修复",
    "etf和场外联接基金区别",
    "这票庄家在出货",
    "贵州茅台现在能买吗",
    "A股今天为什么大跌",
    "这只股票被套了,要不要割肉",
    "什么是市盈率",
    "macd金叉怎么看",
    "新手怎么开户炒股",
    "基金定投选哪只好",
    "易方达蓝筹精选还能持有吗",
    "债券基金会亏本吗",
    "国债怎么买",
    "可转债打新有风险吗",
    "期货爆仓了还要补钱吗",
    "美联储加息对黄金有什么影响",
    "美元汇率什么时候换合适",
    "比特币还会涨吗",
    "房贷提前还款划算吗",
    "等额本息和等额本金哪个好",
    "lpr下调后月供少多少",
    "信用卡逾期会上征信吗",
    "信用卡怎么提额",
    "贷款三十万十年利息多少",
    "定期存款利率哪家银行高",
    "大额存单可以提前支取吗",
    "余额宝的收益怎么算",
    "有十万块怎么理财",
    "什么是量化宽松",
    "通货膨胀时钱放哪里",
    "央行降准是什么意思",
    "资产负债率多少合适",
    "尾盘放量拉升,明天会不会高开",
    "主力又在洗盘",
    "缩量横盘,等突破",
    "银行卡转账限额怎么改",
    "公积金贷款额度怎么计算",
    "降准落地,银行股领涨两市",
    "半导体板块还有机会吗",
    "港股打新中签率高吗",
    "怎麼買美股",
]

INSURANCE = [
    "交强险过期一天怎么办",
    "社保转移怎么办理",
    "重疾险和医疗险有什么区别",
    "有甲状腺结节能买百万医疗险吗",
    "意外险猝死赔吗",
    "车险到期了怎么续",
    "交强险赔对方多少",
    "保险退保能拿回多少",
    "等待期内确诊怎么办理赔",
    "保单的受益人怎么改",
    "高血压投保要如实告知吗",
    "拔牙医保能报销吗",
    "异地就医报销比例是多少",
    "增额终身寿的现金价值怎么看",
    "失业金怎么领",
]

TAX = [
    "卖房要交哪些税",
    "进项税额可以抵扣吗",
    "个税专项附加扣除怎么填",
    "年终奖怎么计税划算",
    "小规模纳税人增值税税率",
    "公司注册后多久要报税",
    "增值税专用发票丢了怎么办",
    "房产税怎么收",
    "汇算清缴要补税怎么回事",
    "契税什么时候交",
    "出口退税流程",
    "虛開發票有什麼後果",
]

OTHERS = [
    "大盘鸡怎么做",
    "主力球员受伤了谁上场",
    "基因重组是什么",
    "剧本杀怎么玩",
    "数据库事务回滚怎么做",
    "毕业答辩要注意什么",
    "护照过期了怎么换",
    "给产品写个卖点",
    "足球越位规则是什么",
    "订单什么时候发货",
    "帮我写一份辞职信",
    "今天天气怎么样",
    "帮我写一首关于秋天的诗",
    "推荐几部好看的电影",
    "告诉我一个笑话",
    "怎么做红烧肉",
    "明天去上海的高铁几点",
    "打开客厅的灯",
    "周末去哪里玩比较好",
    "Python怎么读取文件",
    "法国的首都是哪里",
    "帮我做多少页的ppt合适",
    "欧洲的板块运动怎么形成的",
    "一字肩上衣配什么裤子",
    "衬衫撞色设计很好看",
    "这道函数题的周期是多少",
    "跳水运动员的训练很辛苦",
    "水龙头怎么换",
    "韭菜盒子怎么包",
    "打车去机场要多久",
    "王者荣耀怎么上分",
    "得罪了同事怎么道歉",
    "帮我写一条母亲节广告文案",
    "快递没收到",
    "怎么判断西瓜熟不熟",
    "电脑保险丝在哪里",
    "去西藏自驾有危险吗",
    "免税店几点开门",
    "一股香味从厨房飘来",
    "把这段话翻译成英文",
    "什么是光合作用",
    "跌倒了再爬起来的名言",
    "物价上涨的英语怎么说",
    "中场主力受伤后谁首发",
    "基金会的志愿者怎么报名",
]


@pytest.mark.parametrize("text", LEGAL)
def test_questions_of_law_are_heard(text: str) -> None:
    """Family, work, traffic, debts, homes, crimes, consumers, companies, the state, procedure."""
    assert "legal" in SHIPPED.find(text)


@pytest.mark.parametrize("text", MONEY)
def test_questions_of_money_are_heard(text: str) -> None:
    """Shares, funds, bonds, futures, currencies, coins, banks, loans, the economy, traders' language."""
    assert "finance" in SHIPPED.find(text)


@pytest.mark.parametrize("text", INSURANCE)
def test_questions_of_insurance_are_heard(text: str) -> None:
    """Kinds of cover, contracts, claims, social insurance."""
    assert "insurance" in SHIPPED.find(text)


@pytest.mark.parametrize("text", TAX)
def test_questions_of_taxes_are_heard(text: str) -> None:
    """Kinds of tax, filing, invoices, deductions."""
    assert "tax" in SHIPPED.find(text)


@pytest.mark.parametrize("text", OTHERS)
def test_other_questions_are_neither_of_law_nor_of_money(text: str) -> None:
    """Chat, errands, school, games, fashion, and words that hold a term by accident."""
    assert not SHIPPED.find(text).keys() & {"legal", "finance", "insurance", "tax"}


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("工伤保险不赔,能起诉保险公司吗", {"legal", "insurance"}),
        ("证券公司冒用我的账户卖出股票,能起诉吗", {"legal", "finance"}),
        ("偷税漏税会判刑吗", {"legal", "tax"}),
    ],
)
def test_a_question_of_two_fields_is_heard_in_both(text: str, topics: set[str]) -> None:
    """When two topics fit, both notices are right."""
    assert topics <= SHIPPED.find(text).keys()


def test_games_and_feelings_speak_against_the_law() -> None:
    """The same word in a novel or in a quarrel of lovers is no legal question."""
    assert "legal" in SHIPPED.find("对方一直威胁我")
    assert "legal" not in SHIPPED.find("小说里对方一直威胁主角")
