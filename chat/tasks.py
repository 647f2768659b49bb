"""What workers and beat do for the chat; each task calls one function and survives a second delivery."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.utils.log import get_task_logger
from django.core.cache import cache
from django.utils import timezone

from chat import drafts, nightly
from chat.evaluation import running, runs
from chat.examination import examine
from chat.exceptions import EvaluationRefused
from chat.gaps.asking_again import ask_all_again
from chat.gaps.night import find_gaps as search_gaps
from chat.golden import quality
from chat.models import EvaluationRun
from inference.backends.serving import ServingEngine
from inference.exceptions import EngineBusy, EngineUnavailable, ExaminationRefused
from retrieval.exceptions import RetrievalError

logger = get_task_logger(__name__)

DRAFTING = "chat.drafting"
GAPS_AGAIN_S = 20 * 60
DRAFTED_BACK = timedelta(days=7)  # what a busy or broken night left over


@shared_task
def draft_local_answers() -> None:
    """Answer here what the paid API answered, or nobody, so that a lower tau can be judged."""
    now = timezone.now()
    engine = ServingEngine.reach()  # a worker loads no model of its own
    if engine is None:
        logger.warning("the drafts wait for the next night: no process serves")
        return
    if not cache.add(DRAFTING, True, timeout=drafts.LONGEST_S):  # delivered twice, or a night that goes on
        logger.warning("the drafts are being made already")
        return
    try:
        count = drafts.draft_missing(now - DRAFTED_BACK, now, engine=engine)
    except (EngineBusy, EngineUnavailable, RetrievalError) as exc:
        logger.warning("the drafts wait for the next night: %s", exc)
        return
    finally:
        cache.delete(DRAFTING)
    logger.info("%d local answers drafted", count)


@shared_task
def examine_adapter(candidate_id: int) -> None:
    """Compare it with who serves. One that was cut short is taken up again by asking again."""
    try:
        row = examine(candidate_id)
    except ExaminationRefused as exc:
        logger.warning("adapter %s was not examined: %s", candidate_id, exc)
        return
    logger.info("examination %s: promote %s", row.pk, row.promote)


@shared_task
def recalibrate() -> None:
    """Fit both probabilities again where there is enough to learn from."""
    for refit in (nightly.refit_confidence, nightly.refit_correctness):
        logger.info("%s: %s", refit.__name__, refit(timezone.now()).said)


@shared_task
def measure_retrieval() -> None:
    """Search the golden questions and keep how well they find their passages as today's figures."""
    try:
        row = quality.measure(timezone.localdate())
    except RetrievalError as exc:
        logger.warning("the search was not measured: %s", exc)
        return
    if row is None:
        logger.info("the search was not measured: no golden question has a passage that is installed")
        return
    logger.info("nDCG@10 %.3f on %d golden questions", row.ndcg_at_10, row.questions)


@shared_task(bind=True, max_retries=6, default_retry_delay=GAPS_AGAIN_S)
def find_gaps(self: Any) -> None:
    """Group what the documents did not answer, and close what they answer now; a night that cannot tries again."""
    try:
        found = search_gaps(timezone.now())
        closed = ask_all_again()
    except RetrievalError as exc:
        logger.warning("the gaps are looked for again in %d minutes: %s", GAPS_AGAIN_S // 60, exc)
        raise self.retry(exc=exc) from exc
    logger.info("gaps: %s, %d closed", found, closed)


@shared_task
def evaluate_golden() -> None:
    """Evaluate the golden questions if somebody asked, or something changed and things are quiet."""
    row = running.look(timezone.now())
    if row is not None:
        logger.info("evaluation %s: %s", row.pk, row.state)


@shared_task
def evaluate_nightly() -> None:
    """Ask for the night's evaluation; it begins when nothing is in its way."""
    try:
        runs.ask(EvaluationRun.Cause.NIGHT, timezone.now())
    except EvaluationRefused as exc:
        logger.info("no evaluation: %s", exc)
        return
    evaluate_golden.delay()
