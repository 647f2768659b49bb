"""The question sets that benchmarks ask: FaQuAD's and Pirá's where a folder of them was given, and the demo's."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from django.conf import settings

from benchmarks.lines import Line, skipped
from benchmarks.options import BASE_DIR, NO_DATA, Options, spread
from chat.golden import GoldenQuestion, GoldenSet, read_golden, scratch
from chat.management.commands.build_adapter_dataset import HELD_OUT
from retrieval.ingestion import ingest

DEMO = BASE_DIR / "demo"


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions, and the collection that holds the documents they are about."""

    name: str
    golden: GoldenSet
    collection: str

    @property
    def questions(self) -> tuple[GoldenQuestion, ...]:
        """Without those that lean on earlier turns: by itself nothing answers such a one."""
        return tuple(question for question in self.golden.questions if not question.follows_up)


def missing_sets(options: Options) -> Iterator[Line]:
    """Says which sets a benchmark goes without."""
    if options.data is None:
        yield from (skipped(name, NO_DATA) for name in ("faquad", "pira"))


def examined(own: QuestionSet, limit: int) -> Sequence[GoldenQuestion]:
    """Of what the shipped adapter was not trained on: documents held out, and the part that the file calls test."""
    titles = {question.document for question in own.questions}
    held_out = titles & set(HELD_OUT)
    kept = [
        question
        for question in own.questions
        if question.split in ("", "test") and (not held_out or question.document in held_out)
    ]
    return spread(kept, limit)


@contextmanager
def installed_sets(options: Options) -> Iterator[dict[str, QuestionSet]]:
    """The sets by name, their documents searchable while the block runs."""
    with ExitStack() as stack:
        sets = {}
        for name, file in (("faquad", "faquad.json"), ("pira", "pira.jsonl")):
            if options.data is not None:
                golden = read_golden(options.data / file)
                say(f"reading {len(golden.documents)} documents of {file}")
                sets[name] = QuestionSet(name, golden, stack.enter_context(scratch(golden)))
        say("reading the demo's documents")
        sets["demo"] = QuestionSet("demo", read_golden(DEMO / "golden.jsonl"), stack.enter_context(installed_demo()))
        yield sets


@contextmanager
def installed_demo() -> Iterator[str]:
    """A collection with the demo's documents, read from their files as an owner's would be."""
    with scratch(GoldenSet("demo", (), {})) as collection:
        ingest([DEMO / "documents"], tenant=settings.PRIMARY_TENANT_ID, collection=collection)
        yield collection


def say(what: str) -> None:
    """Progress, on stderr: stdout is for the lines."""
    print(what, file=sys.stderr, flush=True)
