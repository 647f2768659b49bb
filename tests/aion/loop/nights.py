"""Steps and facts of nights for tests: no models, no files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from aion.autopilot import Examined, Made, Steps, Trained
from aion.loop.decision import Measured, NightFacts, NightPolicy
from telemetry.models import new_id

CALM = NightFacts(
    asked=400,
    fallback_share=0.1,
    abstained_share=0.05,
    ndcg_golden=Measured(0.9, 60),
    ndcg_judged=Measured(0.95, 30),
    new_rows=40,
    trained_before=True,
    drift=None,
    paused=False,
    training=False,
    unfinished=False,
    champion_tainted=False,
    clean_since_taint=False,
    free_bytes=50 * 1024**3,
    served_elsewhere=False,
)
POLICY = NightPolicy(tau_fallback=0.18, tau_ndcg=0.82, min_new_rows=30, least_free_bytes=2 * 1024**3)


@dataclass
class Rooms:
    """What the rooms do in a test, and the order they were asked in. `at` runs something instead of a step."""

    facts: NightFacts = CALM
    promotes: bool = True
    clean: bool = True
    asked: list[str] = field(default_factory=list)
    at: dict[str, Callable[[], None]] = field(default_factory=dict)

    def steps(self) -> Steps:
        return Steps(
            export=lambda now: self._do("export", "12 linhas"),
            gather=self._gather,
            is_clean=lambda training_set: self.clean,
            build=lambda now: self._do("build", Made(new_id(), "40 linhas")),
            request=lambda training_set: self._do("request", 7),
            train=lambda run: self._do(f"train {run}", Trained(70, "perda 0,9")),
            examine=lambda adapter, night: self._do("examine", Examined(700, self.promotes, "melhor")),
            promote=lambda examination: self._do(f"promote {examination}", "no ar"),
            refit=lambda now: self._do("refit", "refeita"),
        )

    def _gather(self, now: datetime) -> tuple[NightFacts, NightPolicy]:
        from aion.loop.facts import unfinished_night

        self._do("gather", None)
        return replace(self.facts, unfinished=self.clean and unfinished_night() is not None), POLICY

    def _do(self, name: str, result: Any) -> Any:
        self.asked.append(name)
        if instead := self.at.get(name.split()[0]):
            instead()
        return result
