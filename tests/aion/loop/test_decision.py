"""What a night decides, as a table of facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aion.loop.decision import Code, Drift, Measured, decide
from aion.loop.words import reason_in_words
from tests.aion.loop.nights import CALM, POLICY

LOW = Measured(0.6, 60)
UNKNOWN = Measured(0.2, 5)


@pytest.mark.parametrize(
    ("found", "code", "train"),
    [
        ({}, Code.TRAIN, True),
        ({"new_rows": 30}, Code.TRAIN, True),
        ({"new_rows": 29}, Code.WAIT, False),
        ({"new_rows": 15, "fallback_share": 0.3}, Code.TRAIN_EAGERLY, True),
        ({"new_rows": 14, "fallback_share": 0.3}, Code.WAIT, False),
        ({"new_rows": 15, "fallback_share": 0.3, "asked": 49}, Code.WAIT, False),
        ({"new_rows": 15, "fallback_share": 0.18}, Code.WAIT, False),
        ({"trained_before": False}, Code.TRAIN, True),
        ({"trained_before": False, "new_rows": 29}, Code.WAIT, False),
        ({"ndcg_golden": LOW}, Code.RETRIEVAL_LOW, False),
        ({"ndcg_golden": Measured(0.82, 20)}, Code.TRAIN, True),
        ({"ndcg_golden": UNKNOWN}, Code.TRAIN, True),
        ({"ndcg_golden": UNKNOWN, "ndcg_judged": LOW}, Code.RETRIEVAL_LOW, False),
        ({"ndcg_golden": Measured(0.9, 60), "ndcg_judged": LOW}, Code.TRAIN, True),
        ({"ndcg_golden": Measured(None, 0), "ndcg_judged": Measured(None, 0)}, Code.TRAIN, True),
        ({"paused": True}, Code.PAUSED, False),
        ({"paused": True, "ndcg_golden": LOW, "champion_tainted": True}, Code.PAUSED, False),
        ({"training": True}, Code.BUSY, False),
        ({"free_bytes": 1024}, Code.NO_ROOM, False),
        ({"served_elsewhere": True, "champion_tainted": True}, Code.ELSEWHERE, False),
        ({"unfinished": True, "new_rows": 0}, Code.RESUME, True),
        ({"unfinished": True, "ndcg_golden": LOW}, Code.RETRIEVAL_LOW, False),
        ({"champion_tainted": True, "new_rows": 0}, Code.TRAIN_CLEAN, True),
        ({"champion_tainted": True, "clean_since_taint": True, "new_rows": 0}, Code.WAIT, False),
        ({"champion_tainted": True, "clean_since_taint": True}, Code.TRAIN, True),
        ({"champion_tainted": True, "ndcg_golden": LOW}, Code.RETRIEVAL_LOW, False),
    ],
)
def test_it_decides_by_the_first_fact_that_holds(found: dict[str, Any], code: Code, train: bool) -> None:
    decision = decide(replace(CALM, **found), POLICY)
    assert (decision.code, decision.train) == (code, train)


@pytest.mark.parametrize(
    ("found", "alarms"),
    [({"ndcg_golden": LOW}, True), ({"free_bytes": 1024}, True), ({"new_rows": 0}, False), ({"paused": True}, False)],
)
def test_only_what_staff_must_mend_raises_the_alarm(found: dict[str, Any], alarms: bool) -> None:
    assert decide(replace(CALM, **found), POLICY).alarm is alarms


def codes(**found: Any) -> list[str]:
    return [reason.code for reason in decide(replace(CALM, **found), POLICY).reasons]


def test_it_notes_what_did_not_decide() -> None:
    moved = Drift("question_terms", 0.31, 500, 300, is_large=True)
    assert codes(drift=moved, new_rows=0) == ["too_few_rows", "drift"]
    assert codes(drift=replace(moved, is_large=False), new_rows=0) == ["too_few_rows"]
    assert codes(fallback_share=0.4) == ["enough_rows", "fallback_high"]
    assert codes(champion_tainted=True, clean_since_taint=True) == ["enough_rows", "still_tainted"]
    assert codes(ndcg_golden=UNKNOWN, ndcg_judged=UNKNOWN) == ["enough_rows", "retrieval_unknown"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"new_rows": 1}, "1 resposta revisada desde o último treino; são necessárias 30"),
        ({"ndcg_golden": LOW}, "nDCG 0,60 em 60 perguntas de referência; o limite é 0,82"),
        ({"free_bytes": 1024**3}, "1,0\xa0GB livres"),
        ({"fallback_share": 0.31}, "31\xa0% das perguntas foram para a API paga; o limite é 18\xa0%"),
        ({"champion_tainted": True}, "dados foram apagados"),
        ({"paused": True}, "Retomar piloto automático"),
    ],
)
def test_its_reasons_are_sentences_with_the_numbers(found: dict[str, Any], said: str) -> None:
    decision = decide(replace(CALM, **found), POLICY)
    kept = [{"code": reason.code, "values": dict(reason.values)} for reason in decision.reasons]
    assert said in " ".join(reason_in_words(reason) for reason in kept)
