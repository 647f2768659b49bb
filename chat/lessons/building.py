"""The training selection of a night: reviewed answers and golden questions become lessons, lessons rows, rows a set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from chat import calibration, control
from chat.lessons.gathering import Left, Material, lessons_to_teach, material
from chat.lessons.lesson import Lesson
from chat.lessons.rows import SEED, Form, Row, row_of
from chat.lessons.selection import DOCUMENT_PARTS, SECTION_PARTS, balanced, distinct, in_training_order
from chat.lessons.similar import NEAR
from chat.lessons.split import HELD_OUT_SHARE
from inference.bundled import BUNDLED_NAME
from inference.training_profile import TrainingProfile
from retrieval.generations import serving_embedder_id
from telemetry import loop_settings
from telemetry.dataset import EXAMPLES
from telemetry.loop_settings import LoopPolicy
from telemetry.recorded import unreviewed
from telemetry.training_sets import Exclusion, excluded, sets_folder, tainted_sets, write_training_set


@dataclass(frozen=True)
class BuiltSet:
    """A training set as it lies in its folder; `manifest` goes without the provenance of each row."""

    training_set_id: UUID
    path: Path
    rows: int
    manifest: Mapping[str, Any]


def build(now: datetime, *, target: Path | None = None) -> BuiltSet:
    """Write the training set of `now` into the new folder `target`, by default a dated one in AION_TRAIN_ROOT.

    A set may have no rows; its manifest says why. Raises `ExportFailed`, `EmbeddingFailed`, `SearchFailed`.
    """
    return build_from(material(now), target=target)


def build_from(given: Material, *, target: Path | None = None) -> BuiltSet:
    """`build` from what is given."""
    policy, left = loop_settings.current(), Left()
    rows = in_training_order(_rows(given, policy, left))
    manifest = _manifest(given, policy, rows, left)
    stamp = f"{timezone.localtime(given.now):%Y-%m-%d-%H%M%S}"
    written = write_training_set(
        [row.as_new() for row in rows],
        tenant=settings.PRIMARY_TENANT_ID,
        now=given.now,
        target=target or sets_folder() / stamp,
        manifest=manifest,
        readme=_readme(manifest, len(rows), given.now),
    )
    return BuiltSet(written.pk, Path(written.path), written.rows, written.manifest)


def _rows(given: Material, policy: LoopPolicy, left: Left) -> list[Row]:
    lessons = lessons_to_teach(given, left, include_provider=policy.include_provider)
    form = _form(policy)
    answers = left.rest_of(distinct(_written((each for each in lessons if not each.is_refusal), form, left)))
    answers = left.rest_of(balanced(answers))
    wanted = round(len(answers) * policy.refusal_share / (1 - policy.refusal_share))
    refusals = _refusals([each for each in lessons if each.is_refusal], wanted, form, left)
    return [*answers, *refusals, *_hidden(answers, wanted - len(refusals), form)]


def _written(lessons: Iterable[Lesson], form: Form, left: Left) -> list[Row]:
    rows = (left.out_or(lesson.id, row_of, lesson, form) for lesson in lessons)
    return [row for row in rows if row is not None]


def _refusals(lessons: Sequence[Lesson], wanted: int, form: Form, left: Left) -> list[Row]:
    """Up to `wanted` of the questions that the documents are known not to answer."""
    rows = left.rest_of(distinct(_written(lessons, form, left))) if wanted else []
    too_many = (row.lesson.id for row in rows[wanted:]) if wanted else (lesson.id for lesson in lessons)
    left[Exclusion.REFUSAL_SHARE.value] += too_many
    return rows[:wanted]


def _hidden(answers: Sequence[Row], wanted: int, form: Form) -> list[Row]:
    """Up to `wanted` of the questions once more, without the documents that answer them. One that does not lend itself
    to that is not left out of anything: it is there with its answer."""
    rows: list[Row] = []
    for row in in_training_order(answers):
        if len(rows) >= wanted:
            break
        rows += _written([row.lesson.hidden()], form, Left())
    return rows


def _form(policy: LoopPolicy) -> Form:
    answering = control.current()
    return Form(
        system_prompt=answering.system_prompt,
        context_tokens=answering.evidence_tokens,
        max_tokens=int(policy.profile.get("max_length", TrainingProfile().max_length)),
    )


def _manifest(given: Material, policy: LoopPolicy, rows: Sequence[Row], left: Left) -> dict[str, Any]:
    tenant = settings.PRIMARY_TENANT_ID
    fitted = calibration.in_force()
    seen = {review.event_id for review in given.reviewed}
    count, newest = unreviewed(tenant, given.since, given.now, seen, examples=EXAMPLES)
    nobody = {Exclusion.NOT_REVIEWED.value: {"rows": count, "examples": list(newest)}} if count else {}
    tainted = tainted_sets(tenant)
    return {
        "codeVersion": settings.SPECTACULAR_SETTINGS["VERSION"],
        "window": {"since": given.since.isoformat(), "until": given.now.isoformat()},
        "considered": {"reviewed": len(given.reviewed), "golden": len(given.known)},
        "origins": dict(Counter(row.lesson.origin.value for row in rows)),
        "excluded": {**nobody, **excluded(left)},
        "masked": dict(Counter(kind for row in rows for kind in row.masked)),
        "includeProvider": policy.include_provider,
        "refusalShare": policy.refusal_share,
        "heldOutShare": HELD_OUT_SHARE,
        "nearDuplicates": NEAR,
        "balance": {"documentShare": 1 / DOCUMENT_PARTS, "sectionShare": 1 / SECTION_PARTS},
        "seed": SEED,
        "calibration": fitted.pk if fitted else "shipped",
        "embedder": serving_embedder_id(),
        "baseModel": str(settings.AION_LORA_BASE or BUNDLED_NAME),
        "erasures": [
            {"trainingSet": str(old.pk), "at": old.tainted_at.isoformat(), "reason": old.taint_reason}
            for old in tainted
            if old.tainted_at
        ],
    }


def _readme(manifest: Mapping[str, Any], rows: int, now: datetime) -> str:
    labels = dict(Exclusion.choices)
    moment = date_format(timezone.localtime(now), "SHORT_DATETIME_FORMAT")
    lines = [
        "# " + _("What AION may learn from on %(moment)s") % {"moment": moment},
        "",
        _("Rows: %(rows)d, from %(reviewed)d reviewed answers and %(golden)d golden questions.")
        % {"rows": rows, **manifest["considered"]},
        "",
        _(
            "Each line of `data.jsonl` has the question with the passages that AION showed the model, and the answer "
            "that is right. Personal data was masked by placeholders such as [CPF_1], as far as it was found; treat "
            "the file as confidential all the same. `manifest.json` says where each row comes from."
        ),
        "",
        "## " + _("Left out"),
        "",
        *(f"- {labels[reason]}: {each['rows']}" for reason, each in manifest["excluded"].items()),
        "",
    ]
    return "\n".join(lines)
