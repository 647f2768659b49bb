"""One evaluation of the golden questions, from the moment its time has come to its figures. Through the same functions
as `manage.py evaluate`; with the model of the process that serves, after everybody who chats.

All questions are asked of the same model and settings, or the run says that it was interrupted. Nothing of it is seen
before it is whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import close_old_connections, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.errors import problem_of
from chat.evaluation import figures, measures, runs
from chat.evaluation.alarm import tell
from chat.evaluation.asking import Judged, Plan, ask_all
from chat.evaluation.conditions import Conditions, answering, changed, present
from chat.evaluation.intervals import Sample
from chat.evaluation.report import is_right, report_of
from chat.evaluation.standing import Result, Standing, standing
from chat.exceptions import EvaluationRefused
from chat.golden import INSTALLED, InstalledQuestion, installed_questions
from chat.models import EvaluationAnswer, EvaluationFloor, EvaluationRun
from inference import examinations
from inference.backends.serving import ServingEngine
from inference.engine import Engine
from inference.training_lock import is_training_here
from retrieval.models import GoldenQuestion

logger = logging.getLogger(__name__)
State = EvaluationRun.State

LONGEST = timedelta(hours=2)
MOST_ASKED = 500
LAST_RUNS = 7  # a set is held against the median of these
LOOK_EVERY_S = 5.0
KEPT = ("retrieval", "gate", "answer", "timings_ms", "intervals", "model", "adapter", "embedder", "documents", "chunks")


class ConditionsChanged(Exception):
    """Something else answers than at the beginning."""


def look(now: datetime, *, reach: Callable[[], Engine | None] = ServingEngine.reach) -> EvaluationRun | None:
    """Notice what changed, and evaluate if the time has come and nothing is in the way; return what was evaluated."""
    runs.notice_changes(now)
    try:
        with runs.alone():
            runs.close_interrupted(now)
            row = runs.due(now)
            if row is None or is_in_the_way():
                return None
            engine = reach()
            if engine is None:
                logger.warning("the evaluation waits: no process serves")
                return None
            _run(row, engine, now)
    except EvaluationRefused:  # another worker is at it
        return None
    runs.forget_old_answers(now)
    return row


def is_in_the_way() -> bool:
    """Whether a training or an examination of adapters runs on this machine."""
    return is_training_here() or examinations.is_running()


def chosen(questions: Sequence[InstalledQuestion]) -> list[InstalledQuestion]:
    """At most `MOST_ASKED`, in an order by chance that is always the same: where time runs out early, what was asked is
    a fair sample, and most of it is asked again the next time."""
    return sorted(questions, key=lambda one: one.key)[:MOST_ASKED]


def _run(row: EvaluationRun, engine: Engine, now: datetime) -> None:
    conditions, asked = present(), chosen(installed_questions())
    runs.begin(row, conditions, now)
    plan = Plan(
        questions=[one.question for one in asked],
        collections=(INSTALLED,),
        masked=("document",),
        examples=0,
        progress=_Progress(row),
        goes_on=_Patience(conditions),
    )
    try:
        judged = ask_all(plan, engine)
        if not judged:
            raise EvaluationRefused(_("No question could be asked: a training or an examination took all the time."))
        _finish(row, asked, judged, report_of(plan, judged, engine))
    except ConditionsChanged:
        error = _("What answers was changed meanwhile; a new run begins when things are quiet.")
        runs.close(row, State.INTERRUPTED, error)
    except EvaluationRefused as exc:
        runs.close(row, State.FAILED, str(exc))
    except Exception as exc:  # noqa: BLE001 - the outermost edge of a task: logged there, and said in the row
        runs.close(row, State.FAILED, problem_of(exc).message)


class _Progress:
    """Writes how far the run is."""

    def __init__(self, row: EvaluationRun) -> None:
        self._row = row

    def __call__(self, done: int, total: int) -> None:
        self._row.done, self._row.total = done, total
        EvaluationRun.objects.filter(pk=self._row.pk).update(done=done, total=total)


class _Patience:
    """Looked at before each question: waits while something is in the way, ends with the time.

    Raises `ConditionsChanged` where another model or other settings answer; documents may come and go.
    """

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._until = time.monotonic() + LONGEST.total_seconds()

    def __call__(self) -> bool:
        while is_in_the_way() and time.monotonic() < self._until:
            close_old_connections()
            time.sleep(LOOK_EVERY_S)
        if set(changed(self._conditions, answering())) - {"corpus", "golden"}:
            raise ConditionsChanged
        return time.monotonic() < self._until


def _finish(
    row: EvaluationRun, asked: Sequence[InstalledQuestion], judged: Sequence[Judged], report: dict[str, Any]
) -> None:
    """Answers, figures and standings at once. A question that was erased meanwhile leaves no answer."""
    by_question = {one.question: one for one in asked}
    answers = [_answer(row, by_question[item.question], item) for item in judged if item.mask is None]
    standings = _standings(row, answers)
    with transaction.atomic():
        mine = EvaluationRun.objects.select_for_update().filter(pk=row.pk, state=State.RUNNING)
        if not mine.exists():  # its lock was lost with the database, and another run began
            return
        ids = [answer.golden_id for answer in answers]
        there = set(GoldenQuestion.objects.select_for_update().filter(pk__in=ids).values_list("pk", flat=True))
        EvaluationAnswer.objects.bulk_create([answer for answer in answers if answer.golden_id in there])
        row.state, row.finished_at = State.DONE, timezone.now()
        row.figures = _with_right({name: report[name] for name in KEPT}, answers)
        row.sets = [one.to_json() for one in standings]
        row.save(update_fields=["state", "finished_at", "figures", "sets"])
        tell(row)


def _with_right(report: dict[str, Any], answers: Sequence[EvaluationAnswer]) -> dict[str, Any]:
    """The report with the share of questions that were answered, or refused, rightly."""
    judged = [(float(one.right), one.place) for one in answers if one.right is not None]
    right = Sample(tuple(value for value, _place in judged), tuple(place for _value, place in judged))
    intervals = {**report["intervals"], "right": {"share": right.interval}}
    return {**report, "right": {"n": len(judged), "share": right.mean}, "intervals": intervals}


def _answer(row: EvaluationRun, one: InstalledQuestion, item: Judged) -> EvaluationAnswer:
    given, gold = item.answer, item.source.hidden_passage.chunk_ids
    judgeable = item.asked == "answerable" and bool(item.question.answers)
    return EvaluationAnswer(
        run=row,
        golden_id=one.id,
        key=one.key,
        set_name=one.question.set_name,
        place=item.group,
        question=one.question.text,
        expected=list(one.question.answers),
        answerable=one.question.answerable,
        reply=given.text,
        route=given.used,
        mode=given.mode,
        reason=given.reason_text,
        confidence=given.confidence,
        f1=figures.over_answers(item, measures.token_f1) if judgeable else None,
        contains=figures.over_answers(item, measures.contains) if judgeable else None,
        found=any(chunk_id in gold for chunk_id in given.ranking[: figures.TOP]) if gold else None,
        right=is_right(item),
        total_ms=given.timings["total"],
    )


def _standings(row: EvaluationRun, answers: Sequence[EvaluationAnswer]) -> list[Standing]:
    """Of each set of which anything can be said, by name."""
    by_set: dict[str, list[Result]] = {}
    for answer in answers:
        if answer.right is not None:
            by_set.setdefault(answer.set_name, []).append(Result(answer.key, answer.place, answer.right))
    floors = dict(EvaluationFloor.objects.filter(tenant=row.tenant).values_list("set_name", "share"))
    earlier = _earlier(row)
    return [standing(name, results, earlier, floors.get(name)) for name, results in sorted(by_set.items())]


def _earlier(row: EvaluationRun) -> list[dict[str, bool]]:
    """The last runs before this one: whether each question was answered rightly."""
    last = list(runs.runs().filter(state=State.DONE, pk__lt=row.pk)[:LAST_RUNS])
    found: dict[int, dict[str, bool]] = {one.pk: {} for one in last}
    known = EvaluationAnswer.objects.filter(run__in=last, right__isnull=False)
    for run_id, key, right in known.values_list("run_id", "key", "right"):
        found[run_id][key] = bool(right)
    return list(found.values())
