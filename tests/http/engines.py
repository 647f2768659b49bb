"""An engine for the really running server: answers at once, or waits for as long as it is asked to be patient."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from inference.backends.fake import FakeEngine
from inference.engine import GenerationPart, GenerationRequest, Waiting
from inference.exceptions import EngineBusy

PATIENT_WORD = "devagar"
BUSY_WORD = "lotado"


class PatientEngine(FakeEngine):
    """A question with "devagar" waits until it is cancelled, and leaves a file that says so; "lotado" finds a full queue."""

    def generate(
        self, request: GenerationRequest, *, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[GenerationPart]:
        asked = request.messages[-1].content
        if BUSY_WORD in asked:
            raise EngineBusy(retry_after_s=7)
        if PATIENT_WORD not in asked:
            yield from super().generate(request, cancelled=cancelled)
            return
        marks = Path(os.environ["AION_VAR_DIR"])
        (marks / "generating").touch()
        try:
            while not cancelled():
                yield Waiting("queued")
                time.sleep(0.1)
        finally:
            (marks / "freed").touch()
