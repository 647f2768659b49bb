"""An engine whose failures repeat what was asked, as those of libraries do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from inference.engine import GenerationPart, GenerationRequest
from inference.exceptions import GenerationFailed
from tests.http.engines import PatientEngine

BREAKING, UNEXPECTED = "quebrado", "inesperado"


class TalkativeEngine(PatientEngine):
    """`BREAKING` fails as engines may, `UNEXPECTED` as nobody expected."""

    def generate(
        self, request: GenerationRequest, *, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[GenerationPart]:
        asked = request.messages[-1].content
        if BREAKING in asked:
            raise GenerationFailed(f"cannot answer {asked}")
        if UNEXPECTED in asked:
            raise RuntimeError(f"cannot answer {asked}")
        yield from super().generate(request, cancelled=cancelled)
