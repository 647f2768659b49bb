"""Examinations in the panel: the verdict in words, and promoting against it under one's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from inference import promotion
from inference.models import Adapter, DesiredState, Examination
from inference.verdict import Case, Marks, judge
from retrieval.models import GoldenQuestion

PROMOTE = "promote-adapter"
ARMS = {"candidate": {"utility": {"value": 0.61, "low": 0.55, "high": 0.67}, "leaks": 0, "latency_ms": 1300.0}}


@pytest.fixture(autouse=True)
def _own_root(settings, tmp_path: Path) -> None:
    settings.AION_TRAIN_ROOT = tmp_path


@pytest.fixture
def examined(db: None) -> Examination:
    """Worse on every question: the base has half a point more."""
    candidate = Adapter.objects.create(name="noite-7", digest="7" * 64, base_model="m", rank=8, size_bytes=1)
    cases = [Case(f"d{place % 9}", False, (f"document:d{place % 9}", "asked:answerable")) for place in range(90)]
    verdict = judge(cases, _marks(0.2), None, _marks(0.7))
    answer = {"text": "Custa 95 euros [1].", "shown": True, "fault": ""}
    example = {"question": "Quanto custa?", "must_refuse": False, "hidden": False, "references": ["95 euros"]}
    results = {"arms": ARMS, "examples": [example | {"answers": {"candidate": answer}}], "questions": 90}
    return Examination.objects.create(
        candidate=candidate,
        state="done",
        promote=verdict.promote,
        reasons=[reason.to_json() for reason in verdict.reasons],
        results=results | {"documents": 9, "refusals": 0, "verdict": verdict.to_json()},
    )


def _marks(value: float) -> Marks:
    utility = [value + 0.02 * (place % 3) for place in range(90)]
    return Marks(utility, [True] * 90, [True] * 90, [True] * 90, [False] * 90, [False] * 90, [900.0] * 90)


def test_the_page_tells_the_verdict_with_its_reasons_figures_and_examples(owning: Client, examined) -> None:
    page = owning.get(reverse("admin:inference_examination_change", args=[examined.pk])).content.decode()
    for shown in ("não é melhor", "0,610 (0,550 a 0,670)", "Custa 95 euros [1].", "documento: d3", 'class="worse"'):
        assert shown in page, shown
    assert "Promover mesmo assim" in page


def test_overruling_needs_a_reason(owning: Client, examined, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(promotion, "promote", lambda pk, **kwargs: asked.append(pk))
    address = reverse("admin:panel_action", args=[PROMOTE])
    refused = owning.post(address, {"examination": examined.pk, "reason": " ", "confirmed": "yes"})
    assert refused.status_code == 200
    assert not asked
    owning.post(address, {"examination": examined.pk, "reason": "campanha de verão", "confirmed": "yes"})
    assert asked == [examined.pk]


def test_whoever_may_only_look_cannot_promote(staff_with: Callable[..., Client], examined) -> None:
    client = staff_with("inference.view_examination")
    page = client.get(reverse("admin:inference_examination_change", args=[examined.pk])).content.decode()
    assert "Promover mesmo assim" not in page
    assert client.post(reverse("admin:panel_action", args=[PROMOTE]), {"examination": examined.pk}).status_code == 403
    assert not DesiredState.objects.exists()


def test_a_golden_question_is_written_with_an_answer_a_line(owning: Client, owner: User) -> None:
    address = reverse("admin:retrieval_goldenquestion_add")
    values = {"question": "Quanto custa?", "answers": "95 euros\nR$ 570\n", "answerable": "true", "is_active": "on"}
    owning.post(address, values)
    row = GoldenQuestion.objects.get()
    assert (row.answers, row.tenant, row.created_by, row.origin) == (["95 euros", "R$ 570"], "default", owner, "staff")
    assert owning.post(address, values).status_code == 200  # the same again is refused
    assert GoldenQuestion.objects.count() == 1
