"""An engine for the really running server: answers at once, or waits for as long as it is asked to be patient."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from inference.backends.fake import FakeEngine
from inference.engine import GenerationPart, GenerationRequest, Waiting
from inference.exceptions import EngineBusy

PATIENT_WORD = "pacientemente"
FIRST_PASSAGE = re.compile(r"^\[1\] [^\n]*\n([^\n]+)", re.MULTILINE)  # a reply that its source supports
BUSY_WORD = "superlotado"


class PatientEngine(FakeEngine):
    """`PATIENT_WORD` makes it wait until it is cancelled, and leave a file then; `BUSY_WORD` finds a full queue."""

    def generate(
        self, request: GenerationRequest, *, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[GenerationPart]:
        asked = request.messages[-1].content
        if BUSY_WORD in asked:
            raise EngineBusy(retry_after_s=7)
        if PATIENT_WORD not in asked:
            if passage := FIRST_PASSAGE.search(asked):
                self.script(f"{passage[1].strip().rstrip('.')} [1].")
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
