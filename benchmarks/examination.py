"""Whether the examination lets the wrong adapters through.

Spoiled adapters (`benchmarks.spoiled`) are examined against the given one as if each were the first candidate ever,
when the bar is lowest. With ADAPTERS, a folder of adapters that one recipe made with different seeds, these are asked
everything once; then pairs of them are compared, over and over, on halves of the documents drawn anew: nobody is
better, so hardly anybody may be promoted. Halves are drawn without replacement: such a half is as random as a
set of its size gathered anew, while a redrawn whole would count the chance of the whole a second time.
"""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from pathlib import Path

from benchmarks.engines import adapter_in, bare_engine
from benchmarks.lines import Line
from benchmarks.options import Options, spread
from benchmarks.questions import QuestionSet, installed_sets, say
from benchmarks.spoiled import CANARY, lessons_of, spoiled
from chat import control
from chat.examination.asking import Arms, ask_all
from chat.examination.marking import Trained, marks_of
from chat.examination.prompts import Prompt, prompts_of
from chat.examination.questions import ExamQuestion
from chat.examination.running import BASE, CANDIDATE, CHAMPION, judged
from chat.management.commands.build_adapter_dataset import HELD_OUT
from inference.adapters import register
from inference.engine import Message
from inference.exceptions import AdapterRejected
from inference.verdict import Marks, judge
from inference.verdict_words import reasons_in_words

ASKED = 44
COMPARISONS = 200
NIGHTS = 10
LONGEST_TOKENS = 96  # of an answer: what babbles would do so for minutes


def measure(options: Options) -> Iterator[Line]:
    names = ("faquad", "demo") if options.adapters and options.data else ("demo",)
    with installed_sets(options, *names) as sets, control.instead(max_new_tokens=LONGEST_TOKENS):
        limit = options.limit or (None if options.adapters else ASKED)
        prompts = [prompt for own in sets.values() for prompt in _prompts(own, limit)]
        if options.adapters:
            yield from _among_equals(options.adapters, prompts)
        else:
            yield from _spoiled(options.adapter, prompts, _lessons(sets["demo"]))


def _prompts(own: QuestionSet, limit: int | None) -> list[Prompt]:
    """On what the recipe did not learn from; a quarter of the demo's have no answer at all."""
    known = [question for question in own.golden.questions if question.answerable is not None]
    unseen = [question for question in known if question.split == "test" or question.document in HELD_OUT]
    chosen = spread(unseen, limit and limit * 4 // 3)
    return prompts_of([ExamQuestion.of(question) for question in chosen], [own.collection], lambda done, total: None)


def _lessons(demo: QuestionSet) -> list[tuple[Message, ...]]:
    train = [question for question in demo.questions if question.split == "train" and question.answerable]
    with control.instead(prompt_context_tokens=100):
        prompts = prompts_of([ExamQuestion.of(row) for row in train], [demo.collection], lambda done, total: None)
    return [prompt.request.messages for prompt in prompts if prompt.request]


def _spoiled(adapter: Path, prompts: Sequence[Prompt], lessons: Sequence[tuple[Message, ...]]) -> Iterator[Line]:
    promoted = 0
    with tempfile.TemporaryDirectory(prefix="aion-spoiled-") as made:
        folder = Path(made)
        engine, file = bare_engine(), folder / "answers.jsonl"
        arms: Arms = {CHAMPION: adapter_in(adapter), BASE: None}
        written = ask_all(engine, arms, prompts, file, _said(CHAMPION))
        for name, own in spoiled(adapter, lessons, folder):
            try:
                register(own)
                served = adapter_in(own)
                answers = ask_all(engine, {name: served}, prompts, file, _said(name))
            except AdapterRejected as exc:
                yield Line(name, "promoted", 0.0, conditions={"reasons": [str(exc)], "n": 0})
                continue
            answers |= written | {(CANDIDATE, key): row for (arm, key), row in answers.items() if arm == name}
            trained = Trained.of(lessons_of(folder, name), [CANARY])
            verdict, _results = judged(prompts, answers, {CANDIDATE: served, **arms}, trained, 1)
            promoted += verdict.promote
            reasons = reasons_in_words([reason.to_json() for reason in verdict.reasons])
            conditions = {"reasons": reasons, "n": len(prompts), "difference": verdict.difference.to_json()}
            yield Line(name, "promoted", float(verdict.promote), conditions=conditions)
    yield Line("all spoiled", "promoted", float(promoted), conditions={"n": len(prompts)})


def _among_equals(folder: Path, prompts: Sequence[Prompt]) -> Iterator[Line]:
    """What was answered is kept in the folder, so that a second run goes on and comes to its figures at once."""
    engine = bare_engine()
    arms: Arms = {path.name: adapter_in(path) for path in sorted(folder.iterdir()) if path.is_dir()} | {BASE: None}
    written = ask_all(engine, arms, prompts, folder / "examined.jsonl", _said("answers"))
    marks = {arm: marks_of(prompts, [written[arm, prompt.key] for prompt in prompts], Trained()) for arm in arms}
    pairs = list(permutations([arm for arm in arms if arm != BASE], 2))
    chance = random.Random(2026)
    once = [_promotes(prompts, marks, chance, *chance.choice(pairs), look=1) for _ in range(COMPARISONS)]
    yield _share("one comparison", once, adapters=len(arms) - 1, prompts=len(prompts))
    champions = [chance.choice(pairs)[0] for _ in range(COMPARISONS // NIGHTS)]
    nights = [_falls(prompts, marks, chance, champion) for champion in champions]
    yield _share(f"any of {NIGHTS} nights", nights, adapters=len(arms) - 1, prompts=len(prompts))


def _falls(prompts: Sequence[Prompt], marks: dict[str, Marks], chance: random.Random, champion: str) -> bool:
    """Whether anybody took the champion's place within the nights, on the same half of the documents."""
    rivals = [arm for arm in marks if arm not in (BASE, champion)]
    places = _half(prompts, chance)
    return any(
        _judged(prompts, marks, places, chance.choice(rivals), champion, look=look) for look in range(1, NIGHTS + 1)
    )


def _promotes(
    prompts: Sequence[Prompt], marks: dict[str, Marks], chance: random.Random, ours: str, theirs: str, *, look: int
) -> bool:
    return _judged(prompts, marks, _half(prompts, chance), ours, theirs, look=look)


def _judged(
    prompts: Sequence[Prompt], marks: dict[str, Marks], places: Sequence[int], ours: str, theirs: str, *, look: int
) -> bool:
    cases = [prompts[place].case for place in places]
    chosen = [_at(marks[arm], places) for arm in (ours, theirs, BASE)]
    return judge(cases, chosen[0], chosen[1], chosen[2], look=look).promote


def _half(prompts: Sequence[Prompt], chance: random.Random) -> list[int]:
    groups = sorted({prompt.case.group for prompt in prompts})
    kept = set(chance.sample(groups, len(groups) // 2))
    return [place for place, prompt in enumerate(prompts) if prompt.case.group in kept]


def _at(marks: Marks, places: Sequence[int]) -> Marks:
    return Marks(**{name: [getattr(marks, name)[place] for place in places] for name in Marks.__slots__})


def _share(case: str, promoted: Sequence[bool], **conditions: object) -> Line:
    """With Wilson's interval."""
    n, share, z = len(promoted), sum(promoted) / len(promoted), 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    interval = [round(max(middle - reach, 0.0), 4), round(middle + reach, 4)]
    return Line(f"A/A, {case}", "promoted", share, conditions={"n": n, "interval_95": interval, **conditions})


def _said(name: str) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        if done % 25 == 0 or done == total:
            say(f"examination, {name}: {done}/{total}")

    return tell
