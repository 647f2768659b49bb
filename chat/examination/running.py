"""One examination from its questions to its verdict, in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from chat.examination.asking import Answered, Arms, Written, ask_all
from chat.examination.marking import Trained, figures, marks_of
from chat.examination.prompts import Prompt, prompts_of
from chat.examination.questions import ExamQuestion
from chat.golden import INSTALLED
from inference import examinations
from inference.adapter_folder import inspect_adapter
from inference.engine import Engine, ServedAdapter
from inference.exceptions import AdapterRejected, ExaminationRefused
from inference.external import external_url
from inference.models import Adapter, Examination
from inference.registry import adapter_path
from inference.serving import engine_of_its_own
from inference.training_data import BadDataset, read_examples
from inference.verdict import Marks, Verdict, judge
from retrieval.generations import serving_embedder

CANDIDATE, CHAMPION, BASE = "candidate", "champion", "base"
EXAMPLES = 10
KEEP_EVERY = 5  # answers between two updates of the row


def run(
    candidate_id: int,
    questions: Sequence[ExamQuestion],
    *,
    champion: Adapter | None,
    night_id: UUID | None = None,
    engine: Engine | None = None,
    collections: Sequence[str] = (INSTALLED,),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Examination:
    """Examine, or go on where a killed process stopped. The candidate's own defects are a verdict.

    Raises `ExaminationRefused` where it cannot begin, and whatever the search or the engine raise: the row says so.
    """
    if not questions:
        raise ExaminationRefused(_("There are no questions to examine with: add golden questions first."))
    if engine is None and external_url():
        raise ExaminationRefused(_("Another server has the model: examining there would disturb those who ask."))
    with examinations.alone():
        row = examinations.begin(candidate_id, champion, night_id=night_id)
        try:
            _examine(row, questions, engine, collections, progress)
        except Exception as exc:
            examinations.fail(row, str(exc) or type(exc).__name__)
            raise
    return row


def _examine(
    row: Examination,
    questions: Sequence[ExamQuestion],
    engine: Engine | None,
    collections: Sequence[str],
    progress: Callable[[int, int], None],
) -> None:
    try:
        inspect_adapter(adapter_path(row.candidate.digest))
    except AdapterRejected as exc:
        examinations.refuse(row, str(exc))
        return
    serving_embedder().query("aquecimento")
    prompts = prompts_of(questions, collections, lambda done, total: None)
    arms: Arms = {CANDIDATE: _served(row.candidate), **_champion_arm(row), BASE: None}
    row.questions, row.total = len(prompts), len(arms) * len(prompts)
    row.results = {"events": _events(prompts)}  # known before anything is written of them
    row.save(update_fields=["questions", "total", "results"])
    if not prompts:
        raise ExaminationRefused(_("The documents of the questions are not installed."))

    def tell(done: int, total: int) -> None:
        progress(done, total)
        if done % KEEP_EVERY == 0 or done == total:
            Examination.objects.filter(pk=row.pk).update(done=done)
            row.done = done

    engine = engine or engine_of_its_own()
    try:
        engine.serve_adapter(arms[CANDIDATE])
    except AdapterRejected as exc:
        examinations.refuse(row, str(exc))
        return
    written = ask_all(engine, arms, prompts, examinations.answers_file(row), tell)
    trained, look = trained_by(row.candidate), examinations.next_look(row.champion)
    verdict, results = judged(prompts, written, arms, trained, look, must_go=examinations.must_go(row.champion))
    examinations.finish(row, verdict, results)


def judged(
    prompts: Sequence[Prompt], written: Written, arms: Arms, trained: Trained, look: int, *, must_go: bool = False
) -> tuple[Verdict, dict[str, Any]]:
    """The verdict, and what its page shows."""
    answers = {arm: [written[arm, prompt.key] for prompt in prompts] for arm in arms}
    marks = {arm: marks_of(prompts, own, trained) for arm, own in answers.items()}
    cases = [prompt.case for prompt in prompts]
    verdict = judge(cases, marks[CANDIDATE], marks.get(CHAMPION), marks[BASE], look=look, must_go=must_go)
    return verdict, _results(prompts, answers, marks)


def trained_by(adapter: Adapter) -> Trained:
    """What the adapter was trained on, as far as its run's data are still here."""
    newest = adapter.runs.order_by("-id").first()
    canaries = [str(canary) for canary in adapter.metrics.get("canaries") or ()]
    if newest is None:
        return Trained.of((), canaries)
    canaries += [str(canary) for canary in newest.metrics.get("canaries") or ()]
    try:
        examples = read_examples(Path(newest.dataset))
    except BadDataset:
        return Trained.of((), canaries)
    return Trained.of([example.completion for example in examples], canaries)


def _champion_arm(row: Examination) -> dict[str, ServedAdapter | None]:
    return {CHAMPION: _served(row.champion)} if row.champion else {}


def _served(adapter: Adapter) -> ServedAdapter:
    return ServedAdapter(adapter.name, adapter.digest, str(adapter_path(adapter.digest)))


def _results(prompts: Sequence[Prompt], answers: dict[str, list[Answered]], marks: dict[str, Marks]) -> dict[str, Any]:
    to_answer = [place for place, prompt in enumerate(prompts) if not prompt.case.must_refuse]
    count = min(EXAMPLES, len(prompts))
    places = [turn * len(prompts) // count for turn in range(count)]  # evenly spread, not picked
    return {
        "events": _events(prompts),
        "questions": len(to_answer),
        "refusals": len(prompts) - len(to_answer),
        "documents": len({prompt.case.group for prompt in prompts if not prompt.case.must_refuse}),
        "arms": {arm: figures(prompts, answers[arm], marks[arm]) for arm in answers},
        "answered": {arm: [own.passed[place] for place in to_answer] for arm, own in marks.items()},
        "examples": [_example(prompts[place], {arm: own[place] for arm, own in answers.items()}) for place in places],
    }


def _events(prompts: Sequence[Prompt]) -> list[str]:
    """The answers whose questions are among them: `inference.erasure` looks for them."""
    return sorted({str(prompt.question.event_id) for prompt in prompts if prompt.question.event_id})


def _example(prompt: Prompt, answers: dict[str, Answered]) -> dict[str, Any]:
    return {
        "question": prompt.question.question,
        "event": str(prompt.question.event_id) if prompt.question.event_id else None,
        "must_refuse": prompt.case.must_refuse,
        "hidden": prompt.hidden,
        "references": list(prompt.question.answers),
        "answers": {
            arm: {"text": answered.text.strip(), "shown": bool(answered.shown), "fault": answered.fault}
            for arm, answered in answers.items()
        },
    }
