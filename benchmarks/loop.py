"""One loop on FaQuAD: what staff corrected on some documents, and how much better questions on other documents are then
answered, end to end with retrieval, behind the gate.

Every document is installed, and questions on those that the loop may teach are asked through the chat path. Simulated
staff say the collection's own answer where the reply is another, and approve where it is the same; the demo's golden
questions are known as they are in a new installation. Of this the loop makes its own training set; as many of its rows
as the case names are trained on. What is asked afterwards is about documents that the loop keeps for its examination,
so nothing of them was seen. Beside it pure quotation on the same questions, and the demo's questions on its own kept
documents: answers there are to stay sentences, which F1 alone would not reward.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from benchmarks.engines import adapter_in, bare_engine
from benchmarks.lines import Line, beside, skipped
from benchmarks.options import NO_DATA, Options, spread
from benchmarks.questions import DEMO, QuestionSet, installed_sets, say
from chat import control, excerpts
from chat.answering import Question, answer
from chat.evaluation import Plan, contains, plain_reply, token_f1
from chat.evaluation.asking import EVALUATOR, Judged, ask_all
from chat.evaluation.intervals import Sample
from chat.golden import GoldenQuestion, GoldenSet, read_golden
from chat.golden.importing import import_questions
from chat.lessons import build, is_held_out
from chat.lessons.split import key_of
from chat.models import ChatSettingsRevision
from inference.backends.transformers import TransformersEngine
from inference.training import machine_profile, train
from inference.training_watch import Lines
from retrieval.ingestion import ingest, ingest_text
from retrieval.text import split_sentences
from telemetry.reviews import Verdict, decide

SIZES = (400, 200, 100, 50)
SEED = 17
Mode = ChatSettingsRevision.Mode
QUOTED = "quotation, whole"
CHOSEN = excerpts.TEMPERATURE, excerpts.HOLDS, excerpts.GIVEN, excerpts.ENDS_GIVEN
CHANGES = {  # what choosing among the excerpts is worth: temperature, holding the answer, words of the question
    "the likeliest excerpt": (0.01, 0.0, 0.0, 0.0),
    "the best of all, agreement alone": (excerpts.TEMPERATURE, 0.0, 0.0, 0.0),
    "the same, holding the answer counts": (excerpts.TEMPERATURE, excerpts.HOLDS, 0.0, 0.0),
    "the same, words of the question count less": CHOSEN,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions nothing of which was learned, and where they are asked."""

    name: str
    questions: Sequence[GoldenQuestion]
    collection: str


def measure(options: Options) -> Iterator[Line]:
    """A case for each number of reviewed examples."""
    if options.data is None:
        yield skipped("faquad", NO_DATA)
        return
    with installed_sets(options, "faquad", "demo") as sets, tempfile.TemporaryDirectory() as folder:
        asked = [_kept(own, options.limit) for own in sets.values()]
        reviewed = _converse(options, Path(folder))
        rows = reviewed.read_text(encoding="utf-8").splitlines()
        engine = bare_engine()
        quoted = {each.name: _ask(each, engine, Mode.QUOTE) for each in asked}
        for count in [len(rows), *(size for size in SIZES if size < len(rows))]:
            size = "all" if count == len(rows) else str(count)
            adapter, cost = _train(rows, count, Path(folder))
            engine.serve_adapter(adapter_in(adapter))
            for each in asked:
                ours = _ask(each, engine, Mode.EXCERPT)
                yield from _lines(f"{each.name}: {size} examples", ours, quoted[each.name], {"rows": count, **cost})
            if size == "all":
                yield from _changes(asked[0], engine)


def _kept(own: QuestionSet, limit: int | None) -> Asked:
    kept = [question for question in own.questions if question.answerable and is_held_out(key_of(question.document))]
    return Asked(own.name, spread(kept, limit), own.collection)


def _converse(options: Options, folder: Path) -> Path:
    """Install everything, ask what may be taught, review it, and return the loop's training set."""
    assert options.data is not None
    say("loop: installing the documents")
    tenant = settings.PRIMARY_TENANT_ID
    ingest([DEMO / "documents"], tenant=tenant)
    import_questions(read_golden(DEMO / "golden.jsonl"))
    staff = get_user_model().objects.create_user("simulado", is_staff=True)
    for file in ("faquad.json", "pira.jsonl"):
        golden = read_golden(options.data / file)
        for title, passages in golden.documents.items():
            ingest_text(title, tenant=tenant, passages=passages)
        say(f"loop: asking and reviewing {golden.name}")
        _review(golden, staff.pk)
    built = build(timezone.now(), target=folder / "training-set")
    left_out = {why: each["rows"] for why, each in built.manifest["excluded"].items()}
    say(f"loop: {built.rows} rows, left out: {left_out}")
    return built.path / "data.jsonl"


def _review(golden: GoldenSet, staff: int) -> None:
    """What the collection says, said by staff."""
    for question in golden.questions:
        if not question.answers or question.answerable is False or is_held_out(key_of(question.document)):
            continue
        with control.instead(answer_mode=Mode.QUOTE, fallback_allowed=False):
            given = answer(Question(text=question.text), asker=EVALUATOR)
        right = max(question.answers, key=len)
        same = max(token_f1(plain_reply(given.text), gold) for gold in question.answers) == 1.0
        verdict = Verdict.APPROVED if same else Verdict.CORRECTED
        assert given.event_id is not None
        decide(
            given.event_id,
            verdict,
            tenant=settings.PRIMARY_TENANT_ID,
            by=staff,
            correction="" if same else f"{right[:1].upper()}{right[1:].rstrip(' .;,:')}.",
        )


def _train(rows: Sequence[str], count: int, folder: Path) -> tuple[Path, dict[str, Any]]:
    """On `count` of the rows, the smaller numbers among the larger."""
    chosen = random.Random(SEED).sample(rows, len(rows))[:count]
    data = folder / f"{count}.jsonl"
    data.write_text("\n".join(chosen) + "\n", encoding="utf-8")
    say(f"loop: training on {count} examples")
    started = time.monotonic()
    trained = train(data, folder / f"adapter-{count}", machine_profile({}), watch=Lines(say))
    cost = {"training_s": round(time.monotonic() - started), "loss": trained.card["loss"]}
    return trained.folder, cost


def _ask(asked: Asked, engine: TransformersEngine, mode: str) -> list[Judged]:
    say(f"loop: {asked.name}, {mode}")
    plan = Plan(questions=asked.questions, collections=[asked.collection], masked=("document",))
    with control.instead(answer_mode=mode):
        return ask_all(plan, engine=engine)


def _lines(
    case: str, ours: Sequence[Judged], quoted: Sequence[Judged], conditions: Mapping[str, object]
) -> Iterator[Line]:
    peers = _figures(quoted)
    for metric, sample in _figures(ours).items():
        interval = sample.interval
        yield from beside(
            case,
            metric,
            fmean(sample.values),
            {QUOTED: fmean(peers[metric].values)},
            n=len(sample.values),
            interval_95=interval,
            **conditions,
        )


def _figures(judged: Sequence[Judged]) -> dict[str, Sample]:
    """Each with its documents, by which it is resampled."""
    answerable = [item for item in judged if item.asked == "answerable"]
    answered = [item for item in answerable if item.is_answered]
    hidden = [item for item in judged if item.asked == "masked"]
    tau = control.current().tau
    samples = {
        "f1_answered": (answered, [_best(token_f1, item) for item in answered]),
        "f1": (answerable, [_best(token_f1, item) * item.is_answered for item in answerable]),
        "contains": (answerable, [_best(contains, item) * item.is_answered for item in answerable]),
        "contains_answered": (answered, [_best(contains, item) for item in answered]),
        "answered": (answerable, [float(item.is_answered) for item in answerable]),
        "refused_hidden": (hidden, [float(not item.passes(tau)) for item in hidden]),
        "words": (answered, [float(len(plain_reply(item.answer.text).split())) for item in answered]),
        "whole_sentences": (answered, [float(_is_whole(item)) for item in answered]),
    }
    return {
        name: Sample(tuple(values), tuple(item.group for item in items)) for name, (items, values) in samples.items()
    }


def _best(measured: Any, item: Judged) -> float:
    return max(float(measured(plain_reply(item.answer.text), gold)) for gold in item.question.answers)


def _is_whole(item: Judged) -> bool:
    """Whether the answer is made of whole sentences of a cited passage, or of several lines."""
    said = plain_reply(item.answer.text).strip().rstrip(".")
    if "\n" in said:
        return True
    cited = [source.text for source in item.answer.sources if source.cited]
    sentences = [sentence.text.strip() for text in cited for sentence in split_sentences(text)]
    return any(said in sentence and len(said) >= len(sentence) - 2 for sentence in sentences)


def _changes(asked: Asked, engine: TransformersEngine) -> Iterator[Line]:
    """The adapter that serves, its excerpts chosen in other ways, and its own words."""
    try:
        for name, chosen in CHANGES.items():
            excerpts.TEMPERATURE, excerpts.HOLDS, excerpts.GIVEN, excerpts.ENDS_GIVEN = chosen
            yield from _change(name, _figures(_ask(asked, engine, Mode.EXCERPT)))
    finally:
        excerpts.TEMPERATURE, excerpts.HOLDS, excerpts.GIVEN, excerpts.ENDS_GIVEN = CHOSEN
    yield from _change("the model writes", _figures(_ask(asked, engine, Mode.GENERATE)))


def _change(name: str, figures: Mapping[str, Sample]) -> Iterator[Line]:
    for metric in ("f1_answered", "contains", "words"):
        sample = figures[metric]
        yield Line(
            f"change: {name}",
            metric,
            fmean(sample.values),
            conditions={"n": len(sample.values), "interval_95": sample.interval},
        )
