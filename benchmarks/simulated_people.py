"""People who are not there: they ask golden questions through the chat, and review what it answered, well or badly.

What they decide is pure, from a question and the answer that was shown; every review goes the way of a person's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings

from chat.answering import Answer, Asker, Question, answer
from chat.evaluation.measures import contains, plain_reply
from chat.golden import GoldenQuestion
from retrieval.text import split_sentences
from telemetry.exceptions import CorrectionInvalid
from telemetry.models import Review
from telemetry.reviews import decide

Verdict = Review.Verdict


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a reviewer says of an answer; `correction` is "" but where it is corrected."""

    verdict: Verdict
    correction: str = ""


Reviewer = Callable[[GoldenQuestion, Answer], Opinion]


def careful(question: GoldenQuestion, given: Answer) -> Opinion:
    """Approves what holds the golden answer, or says nothing where there is nothing to say; corrects by the whole
    sentence of the golden passage that holds it; rejects an answer to what the documents do not answer."""
    if not question.answerable:
        return Opinion(Verdict.APPROVED if given.used == "abstain" else Verdict.REJECTED)
    said = plain_reply(given.text)
    if given.used != "abstain" and any(contains(said, gold) for gold in question.answers):
        return Opinion(Verdict.APPROVED)
    return Opinion(Verdict.CORRECTED, sentence_with_answer(question))


def careless(question: GoldenQuestion, given: Answer) -> Opinion:
    """Corrects every answer by the first sentence of another passage that was shown beside it, the last that does not
    hold the answer: what the documents say, but to another question. Rejects where nothing else was shown."""
    others = [
        source
        for source in given.sources
        if source.number is not None and not any(contains(source.text, gold) for gold in question.answers)
    ]
    if not others:
        return Opinion(Verdict.REJECTED)
    return Opinion(Verdict.CORRECTED, split_sentences(others[-1].text)[0].text)


def sentence_with_answer(question: GoldenQuestion) -> str:
    """The first sentence of the golden passage that holds the short answer; the whole passage where none does."""
    sentences = (sentence.text for sentence in split_sentences(question.passage))
    return next((text for text in sentences if contains(text, question.answers[0])), question.passage)


def day(
    questions: Sequence[GoldenQuestion], askers: Sequence[int], reviewer: Reviewer, reviewer_id: int
) -> Counter[str]:
    """Ask in turn and review each answer; how many got which verdict. Raises what the chat path raises."""
    verdicts: Counter[str] = Counter()
    for place, question in enumerate(questions):
        given = answer(Question(question.text), asker=Asker(user_id=askers[place % len(askers)]))
        verdicts[_review(given, reviewer(question, given), reviewer_id)] += 1
    return verdicts


def _review(given: Answer, opinion: Opinion, reviewer_id: int) -> str:
    """The verdict that was kept; "skipped" for a correction that is what was answered already."""
    if given.event_id is None:
        raise ValueError("the answer was not recorded")
    try:
        decide(
            given.event_id,
            opinion.verdict,
            tenant=settings.PRIMARY_TENANT_ID,
            by=reviewer_id,
            correction=opinion.correction,
        )
    except CorrectionInvalid:
        return "skipped"
    return opinion.verdict.value
