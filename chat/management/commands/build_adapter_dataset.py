"""`manage.py build_adapter_dataset`: what the shipped adapter is trained on, packed exactly as AION packs a prompt."""

from __future__ import annotations

import json
import random
import uuid
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.evidence import Packed, pack, term_weights
from chat.lessons.packing import BUDGETS, REFUSAL, as_line, best_answer, idf_over, weigh_evidence
from chat.prompts import DEFAULT_SYSTEM_PROMPT
from retrieval.results import QueryTerm, RetrievedChunk
from retrieval.text import tokens

DISTRACTORS = (0, 1, 1, 2, 3)
HELD_OUT = ("POSCOMP", "TCC", "MEC", "EXERCICIOS_DOMICILIARES", "MONOGRAFIA")


@dataclass(frozen=True, slots=True)
class Example:
    """A question, the passage (by index) that answers it, and the answers people gave."""

    id: str
    question: str
    passage: int
    answers: tuple[str, ...]
    whole_sentences: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """Passages with titles, and questions about them."""

    titles: tuple[str, ...]
    passages: tuple[str, ...]
    examples: tuple[Example, ...]


class Command(BaseCommand):
    help = (
        "Make train.jsonl and heldout.jsonl for `train_adapter`: each question with the evidence AION would pack - the "
        "passage that answers it among similar ones, cut to its best sentences - and the answer with its citation. "
        "Documents held out never appear in train.jsonl; of golden questions only the train split does."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("squad", type=Path, help="questions in SQuAD JSON")
        parser.add_argument("--golden", type=Path, help="golden questions in JSON lines (demo/golden.jsonl)")
        parser.add_argument("--hold-out", nargs="*", default=list(HELD_OUT), metavar="TITLE")
        parser.add_argument("--out", type=Path, required=True, help="folder for the two files")
        parser.add_argument("--limit", type=int, help="examples to train on, default all")
        parser.add_argument("--refusals", type=float, default=0.0, help="share of questions whose passage is left out")
        parser.add_argument("--seed", type=int, default=17)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            train, heldout = read_squad(options["squad"], set(options["hold_out"]))
            golden = read_golden(options["golden"]) if options["golden"] else None
        except (OSError, ValueError, KeyError) as exc:
            raise CommandError(f"the questions cannot be read: {exc}") from exc
        rng = random.Random(options["seed"])  # noqa: S311
        refusals = options["refusals"]
        rows = [*packed_rows(train, rng, refusals), *(packed_rows(golden, rng, refusals) if golden else [])]
        rng.shuffle(rows)
        options["out"].mkdir(parents=True, exist_ok=True)
        write_rows(options["out"] / "train.jsonl", rows[: options["limit"]])
        count = write_rows(options["out"] / "heldout.jsonl", packed_rows(heldout, rng))
        self.stdout.write(f"train {len(rows[: options['limit']])}, held out {count}: {options['out']}")


def read_squad(path: Path, held_out: set[str]) -> tuple[Collection, Collection]:
    """The documents to train on and those held out by title."""
    data = json.loads(path.read_text())["data"]
    return (
        _squad_collection(entry for entry in data if entry["title"] not in held_out),
        _squad_collection(entry for entry in data if entry["title"] in held_out),
    )


def _squad_collection(entries: Iterable[Any]) -> Collection:
    titles: list[str] = []
    passages: list[str] = []
    examples: list[Example] = []
    for entry in entries:
        for paragraph in entry["paragraphs"]:
            for qa in paragraph["qas"]:
                answers = tuple(dict.fromkeys(answer["text"] for answer in qa["answers"]))
                if answers:
                    examples.append(Example(qa["id"], qa["question"], len(passages), answers))
            titles.append(entry["title"])
            passages.append(paragraph["context"])
    return Collection(tuple(titles), tuple(passages), tuple(examples))


def read_golden(path: Path) -> Collection:
    """The answerable questions of the train split that stand on one passage and need no earlier turn."""
    rows = [json.loads(line) for line in path.read_text().split("\n") if line.strip()]
    kept = [
        row
        for row in rows
        if row["split"] == "train" and row["answerable"] and "also" not in row and not row.get("conversation")
    ]
    examples = [Example(row["id"], row["question"], at, tuple(row["answers"]), True) for at, row in enumerate(kept)]
    titles = tuple(Path(row["document"]).stem.replace("-", " ").capitalize() for row in kept)
    return Collection(titles, tuple(row["passage"] for row in kept), tuple(examples))


def packed_rows(collection: Collection, rng: random.Random, refusals: float = 0.0) -> Iterator[dict[str, Any]]:
    """One row a question whose answer is among the evidence packed for it; of a share of them the passage is left out
    and the answer says so."""
    stems = [frozenset(tokens(passage)) for passage in collection.passages]
    idf = idf_over(stems)
    for example in collection.examples:
        refused = rng.random() < refusals
        distractors = rng.choice(DISTRACTORS) or int(refused)
        chunks = _retrieved(collection, example, _overlaps(example.question, stems, idf), distractors)
        if refused:
            chunks = [chunk for chunk in chunks if chunk.chunk_id != example.passage]
        terms = [QueryTerm(term, idf.get(term, 0.0)) for term in dict.fromkeys(tokens(example.question))]
        weights = term_weights(terms, len(collection.passages))
        packed = pack(chunks, weigh_evidence(example.question, chunks, weights), rng.choice(BUDGETS))
        reply = REFUSAL if refused else _reply(example, packed)
        if reply:
            line = as_line(example.id, example.question, packed.passages, reply, system_prompt=DEFAULT_SYSTEM_PROMPT)
            yield line | {"answers": list(example.answers)}


def _reply(example: Example, packed: Packed) -> str | None:
    numbered = zip(packed.passages, packed.chunks, strict=True)
    gold = next((passage for passage, chunk in numbered if chunk.chunk_id == example.passage), None)
    said = gold and best_answer(example.answers, gold.text, whole=example.whole_sentences)
    return f"{said} [{gold.number}]." if gold and said else None


def _retrieved(
    collection: Collection, example: Example, overlaps: Sequence[float], distractors: int
) -> list[RetrievedChunk]:
    """The gold passage and those most like it to the question, best first: the gold one is not always on top."""
    best = sorted(range(len(overlaps)), key=lambda at: -overlaps[at])
    chosen = {example.passage, *[at for at in best if at != example.passage][:distractors]}
    order = [at for at in best if at in chosen]
    return [
        RetrievedChunk(
            chunk_id=at,
            document_id=uuid.UUID(int=at),
            title=collection.titles[at],
            section="",
            page=None,
            text=collection.passages[at],
            url="",
            labels=(),
            rank=rank,
            score=overlaps[at],
            similarity=0.0,
            text_score=overlaps[at],
            dense_rank=None,
            text_rank=rank,
        )
        for rank, at in enumerate(order, start=1)
    ]


def _overlaps(question: str, passages: Sequence[frozenset[str]], idf: Mapping[str, float]) -> list[float]:
    """The idf of the question's stems found in each passage."""
    asked = set(tokens(question))
    return [sum(idf[stem] for stem in asked & stems) for stems in passages]


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Written aside and renamed; returns how many."""
    aside = path.with_suffix(".partial")
    count = 0
    with aside.open("w") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    aside.replace(path)
    return count
