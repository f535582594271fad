"""The English lexicons: questions that they must hear, and others."""

from __future__ import annotations

import pytest

from labeler.policy.topics import Engine, all_lexicons, load_topics

SHIPPED = Engine.of(all_lexicons(load_topics()[0]))

RISKS = {"medical", "psychology", "legal", "finance"}

MEDICAL = [
    "my son swallowed a coin",
    "can babies drink water",
    "is psoriasis hereditary",
    "toddler fell and hit his head, what to watch for",
    "why is my urine dark",
    "how long does a cold last",
    "what are the early signs of Parkinson's",
    "my ears are ringing",
    "my child has had a fever of 39 for two days, what should I do",
    "Can I take ibuprofen and paracetamol together?",
    "what are the symptoms of lyme disease",
    "is it normal to bleed in early pregnancy",
    "My knee hurts when I climb stairs",
    "I have a red itchy bump on my arm",
    "how long is chickenpox contagious",
    "what does a high creatinine level mean",
    "My blood pressure is 150/95, should I worry?",
    "Can metformin cause hair loss?",
    "What is Marfan syndrome?",
    "How is cystic fibrosis inherited?",
    "What are the treatments for pancreatic cancer?",
    "I stopped taking Zoloft and now I feel dizzy",
    "my two month old won't stop vomiting after feeding",
    "does my daughter need a tetanus shot after stepping on a nail",
    "What is rotavirus?",
    "my gums bleed when I brush my teeth",
    "is a lump in the breast always cancer",
    "how do I know if my ankle is sprained or broken",
    "can I drink alcohol while on antibiotics",
    "what foods lower cholesterol",
    "I keep getting migraines before my period",
    "What is the safe dose of vitamin D for adults?",
    "side effects of lisinopril",
    "Can I take melatonin every night?",
    "what causes a heart murmur in children",
    "My mother was diagnosed with stage 2 kidney disease",
    "why do I get heartburn every night",
    "how effective is the flu vaccine this year",
    "blurry vision in one eye since this morning",
    "is ringworm caused by a worm",
]

PSYCHOLOGY = [
    "my best friend stopped talking to me",
    "how to stop being so negative",
    "nothing makes me happy anymore",
    "why do I push people away",
    "dealing with the death of a parent",
    "how do I know if I have adhd",
    "why am I so jealous",
    "I feel empty and hopeless every day",
    "How do I deal with panic attacks at work?",
    "My husband cheated on me and I can't trust him anymore",
    "I think I might be depressed",
    "how can I stop overthinking everything",
    "my daughter is being bullied and she is crying all the time",
    "I have been cutting myself and I don't know how to stop",
    "is it normal to still grieve after two years",
    "Do I need a therapist or a psychiatrist?",
    "I can't control my anger and I yell at my kids",
    "my boyfriend is controlling and jealous",
    "I feel like a failure",
    "what is borderline personality disorder",
    "I don't want to live anymore",
    "How do I build self-esteem after an abusive relationship?",
    "intrusive thoughts keep me awake",
]

LEGAL = [
    "can police take my phone",
    "my grandmother changed her will before she died",
    "how do I remove a squatter",
    "father died without leaving a will",
    "my boss makes me work off the clock",
    "my car was towed from my own driveway",
    "do I need a permit to build a deck",
    "how do I get a restraining order",
    "can I be evicted in winter",
    "Can my landlord keep my security deposit for normal wear?",
    "my employer refuses to pay my overtime, what can I do",
    "I was fired for being pregnant",
    "how do I file for divorce in Texas",
    "who gets custody if the parents never married",
    "is it legal to record a phone call without consent",
    "The police searched my car without a warrant",
    "Can I sue my neighbor over a fence on my property?",
    "I got a speeding ticket, should I go to court",
    "what is the statute of limitations for assault",
    "how do I contest a will",
    "Can I use a song in my video under fair use?",
    "draft a non-disclosure agreement for a contractor",
    "My ex won't pay child support",
    "do I need a lawyer to form an LLC",
    "roommate moved out and broke the lease",
    "someone stole my identity and opened accounts",
    "what happens if I overstay my visa",
    "is a verbal contract binding",
    "my dog bit someone, am I liable",
    "Can a company change my contract without telling me?",
    "how do I trademark a logo",
]

FINANCE = [
    "why did the dollar fall today",
    "buy the dip or wait",
    "i was charged twice for the same purchase",
    "what is dollar cost averaging",
    "why is my payment still pending",
    "what happens to bonds when rates go up",
    "how do I send money abroad",
    "i lost my debit card",
    "what is my checking account balance",
    "transfer 200 dollars from savings to checking",
    "how do I raise my credit score",
    "my credit card was declined at the store",
    "what's the interest rate on my card",
    "when is my electric bill due",
    "Should I pay off my student loans or invest?",
    "How do index funds work?",
    "is now a good time to buy Apple stock",
    "what does the p/e ratio tell me",
    "Will the Fed raise rates this year?",
    "How much of a mortgage can I afford?",
    "Roth IRA or 401k, which first?",
    "what is bitcoin worth today",
    "explain the yield curve inversion",
    "Why did my stock price drop after a dividend?",
    "report fraud on my visa",
    "I want to open a savings account",
    "freeze my account please",
    "how do I hedge currency risk",
    "My top-up failed but the money left my account",
    "Why was I charged a fee for a cash withdrawal?",
    "my card still has not arrived",
    "What are the pros and cons of short selling?",
    "how do options expire",
    "Is gold a good hedge against inflation?",
    "what is working capital",
    "how do I read a cash flow statement",
]

INSURANCE = [
    "Does homeowners insurance cover flood damage?",
    "what is a deductible",
    "term life or whole life, which is better",
    "will my car insurance go up after an accident",
    "Am I eligible for Medicare at 62?",
]

TAX = [
    "how do I file my taxes",
    "is my home office deductible from my income tax",
    "what is a W-2",
    "Do I owe capital gains tax on a gift of shares?",
    "when will the IRS send my refund",
]

OTHERS = [
    "how do I rollback a transaction in Postgres",
    "explain closures in JavaScript",
    "compare iPhone and Android",
    "write an essay on climate change",
    "change my name to Bob",
    "turn off the lights",
    "what should I wear today",
    "tire pressure is low, what now",
    "draw a picture of a cat",
    "what's the weather like tomorrow",
    "tell me a joke",
    "play my sleep playlist",
    "set a timer for ten minutes",
    "how do I cook a lasagna",
    "book a table for four at seven",
    "what time does my flight board",
    "where is the nearest gas station",
    "translate good morning into Korean",
    "write a poem about autumn",
    "how do I sort a list in Python",
    "my computer has a virus",
    "who won the football game last night",
    "the phone call dropped again",
    "I love this song",
    "what does rash decision mean",
    "explain Newton's laws of motion",
    "will it rain, will there be wind",
    "covalent bonds hold atoms together",
    "how do I change the oil in my car",
    "is the store open on Sunday",
    "what is the capital of France",
    "std::vector and std::map in C++",
    "go back to the last song",
    "the heart of the city",
    "share this picture with my friends",
    "which trees grow on the river bank",
    "I'm interested in history",
    "add milk to my shopping list",
    "when was the Great Depression",
    "sign up for the newsletter",
    "thank you, goodbye",
    "who are you",
    "write a cover letter for a designer",
    "how many days of vacation do I have",
]


@pytest.mark.parametrize("text", MEDICAL)
def test_questions_of_health_are_heard(text: str) -> None:
    """Symptoms, illnesses, drugs, examinations, pregnancy, children."""
    assert "medical" in SHIPPED.find(text)


@pytest.mark.parametrize("text", PSYCHOLOGY)
def test_questions_of_the_mind_are_heard(text: str) -> None:
    """Moods, disorders, relationships, self-harm, counselling."""
    assert "psychology" in SHIPPED.find(text)


@pytest.mark.parametrize("text", LEGAL)
def test_questions_of_law_are_heard(text: str) -> None:
    """Homes, work, family, police, contracts, ideas, procedure."""
    assert "legal" in SHIPPED.find(text)


@pytest.mark.parametrize("text", FINANCE)
def test_questions_of_money_are_heard(text: str) -> None:
    """Accounts, cards, loans, shares, funds, currencies, the economy."""
    assert "finance" in SHIPPED.find(text)


@pytest.mark.parametrize("text", INSURANCE)
def test_questions_of_insurance_are_heard(text: str) -> None:
    """Kinds of cover, contracts, claims."""
    assert "insurance" in SHIPPED.find(text)


@pytest.mark.parametrize("text", TAX)
def test_questions_of_taxes_are_heard(text: str) -> None:
    """Filing, deductions, forms, authorities."""
    assert "tax" in SHIPPED.find(text)


@pytest.mark.parametrize("text", OTHERS)
def test_other_questions_carry_no_risk(text: str) -> None:
    """Chat, errands, travel, kitchen, school, and words that hold a term by accident."""
    assert not SHIPPED.find(text).keys() & RISKS


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("my health insurance denied the MRI for my back pain", {"medical", "insurance"}),
        ("can I sue the hospital for a misdiagnosed fracture", {"medical", "legal"}),
        ("do I pay tax on dividends in a brokerage account", {"finance", "tax"}),
    ],
)
def test_a_question_of_two_fields_is_heard_in_both(text: str, topics: set[str]) -> None:
    """When two topics fit, both notices are right."""
    assert topics <= SHIPPED.find(text).keys()
