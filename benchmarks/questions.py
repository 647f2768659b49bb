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
FILES = {"faquad": "faquad.json", "pira": "pira.jsonl"}


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


def missing_sets(options: Options, *names: str) -> Iterator[Line]:
    """Says which of the sets a benchmark goes without."""
    if options.data is None:
        yield from (skipped(name, NO_DATA) for name in names if name in FILES)


def examined(questions: Sequence[GoldenQuestion], limit: int) -> Sequence[GoldenQuestion]:
    """Of what the shipped adapter was not trained on: the part that the file calls test, else the documents held out.

    A file with neither was not trained on at all.
    """
    test = [question for question in questions if question.split == "test"]
    held_out = [question for question in questions if question.document in HELD_OUT]
    return spread(test or held_out or questions, limit)


@contextmanager
def installed_sets(options: Options, *names: str) -> Iterator[dict[str, QuestionSet]]:
    """Those of the sets that there are, by name, their documents searchable while the block runs."""
    with ExitStack() as stack:
        sets = {}
        for name in names:
            if name in FILES and options.data is not None:
                golden = read_golden(options.data / FILES[name])
                say(f"reading {len(golden.documents)} documents of {golden.name}")
                sets[name] = QuestionSet(name, golden, stack.enter_context(scratch(golden)))
        if "demo" in names:
            sets["demo"] = stack.enter_context(installed_demo())
        yield sets


@contextmanager
def installed_demo() -> Iterator[QuestionSet]:
    """The demo's documents, read from their files as an owner's would be."""
    say("reading the demo's documents")
    with scratch(GoldenSet("demo", (), {})) as collection:
        ingest([DEMO / "documents"], tenant=settings.PRIMARY_TENANT_ID, collection=collection)
        yield QuestionSet("demo", read_golden(DEMO / "golden.jsonl"), collection)


def say(what: str) -> None:
    """Progress, on stderr: stdout is for the lines."""
    print(what, file=sys.stderr, flush=True)
