"""What hostile files do to an ingestion: truncated, encrypted, bombs, misnamed, and worse, made by seed
(`benchmarks/hostile.py`) and read in one go among sound ones.

A `crash` ends the ingestion with something other than a report; a `hang` is a file that takes longer than the limit; a
file is `unnamed` that the report leaves out, or refuses without a reason; a document is `half` whose chunks are not all
there. All of them should be 0."""

from __future__ import annotations

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.conf import settings
from django.db.models import Count, F

from benchmarks.hostile import HostileFile, hostile_files
from benchmarks.lines import Line
from benchmarks.options import Options
from benchmarks.questions import say
from retrieval.ingestion import DocumentOutcome, Progress, Status, ingest
from retrieval.models import Document
from retrieval.parsing.blocks import Limits

FILES, SEED = 1000, 2026
LIMITS = Limits(file_bytes=5 * 2**20, unpacked_bytes=20 * 2**20, text_chars=2_000_000, seconds=20)
GRACE_S = 10.0  # to start a process anew, and to embed what was read


def measure(options: Options) -> Iterator[Line]:
    """All files, then each kind by what became of it."""
    count = options.limit or FILES
    with tempfile.TemporaryDirectory(prefix="aion-hostile-") as folder:
        kinds = {path: file.kind for path, file in _written(Path(folder), count)}
        say(f"reading {count} hostile files")
        watch = Watch()
        outcomes, crashes = _read(list(kinds), watch)
    watch.close()
    hung = [path for path, seconds in watch.seconds.items() if seconds > LIMITS.seconds + GRACE_S]
    unnamed = [path for path in kinds if not _is_named(outcomes.get(str(path), []))]
    slowest = max(watch.seconds.items(), key=lambda item: item[1])
    conditions = {"n": count, "seed": SEED, "limit_s": LIMITS.seconds}
    yield Line("all", "crashes", crashes, conditions=conditions)
    yield Line("all", "hangs", len(hung), conditions=conditions | _slowest(slowest))
    yield Line("all", "unnamed", len(unnamed), conditions=conditions | {"files": [path.name for path in unnamed[:10]]})
    yield Line("all", "half", _half(), conditions=conditions)
    yield from _by_kind(kinds, outcomes)


class Watch:
    """How long each file took, by the report of progress."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._path, self._since = "", time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if progress.path != self._path:
            self.close()
            self._path, self._since = progress.path, time.monotonic()

    def close(self) -> None:
        if self._path:
            self.seconds[self._path] = time.monotonic() - self._since


def _written(folder: Path, count: int) -> Iterator[tuple[Path, HostileFile]]:
    for file in hostile_files(count, SEED):
        path = folder / file.name
        path.write_bytes(file.data)
        yield path, file


def _read(paths: Sequence[Path], watch: Watch) -> tuple[dict[str, list[DocumentOutcome]], int]:
    """What the report says of each file, and how often there was none: then it goes on after the file it was at."""
    outcomes: defaultdict[str, list[DocumentOutcome]] = defaultdict(list)
    crashes, left = 0, list(paths)
    while left:
        try:
            report = ingest(left, tenant=settings.PRIMARY_TENANT_ID, limits=LIMITS, progress=watch)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is what is counted here
            crashes += 1
            at = max(index for index, path in enumerate(left) if str(path) in watch.seconds or index == 0)
            say(f"crashed near {left[at].name}: {type(exc).__name__}: {exc}")
            left = left[at + 1 :]
            continue
        for outcome in report.documents:
            outcomes[outcome.path].append(outcome)
        left = []
    return outcomes, crashes


def _is_named(outcomes: Sequence[DocumentOutcome]) -> bool:
    return bool(outcomes) and all(one.reason for one in outcomes if one.status is Status.SKIPPED)


def _half() -> int:
    counted = Document.objects.annotate(there=Count("chunks"))
    return counted.exclude(there=F("chunk_count")).count()


def _slowest(slowest: tuple[str, float]) -> dict[str, object]:
    path, seconds = slowest
    return {"slowest": Path(path).name, "slowest_s": round(seconds, 1)}


def _by_kind(kinds: dict[Path, str], outcomes: dict[str, list[DocumentOutcome]]) -> Iterator[Line]:
    """The share of each kind that was refused, with the reasons."""
    for kind in dict.fromkeys(kinds.values()):
        paths = [path for path, of in kinds.items() if of == kind]
        codes = Counter(one.code or one.status.value for path in paths for one in outcomes.get(str(path), []))
        refused = sum(all(one.status is Status.SKIPPED for one in outcomes.get(str(path), [])) for path in paths)
        yield Line(kind, "refused", refused / len(paths), conditions={"n": len(paths)} | dict(codes))
