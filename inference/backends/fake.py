"""An engine without a model, for tests and for work on everything else: scripted, deterministic, light to import."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from inference.engine import (
    Delta,
    EngineState,
    EngineStatus,
    Excerpt,
    GenerationPart,
    GenerationRequest,
    GenerationResult,
    Pointing,
    ServedAdapter,
    Usage,
    Waiting,
)
from inference.exceptions import AdapterRejected, DeadlineExceeded, GenerationCancelled

_PIECES = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """What one call does: wait `waiting_s`, stream `text` with `delay_s` between words, raise `error` after them."""

    text: str = ""
    error: Exception | None = None
    waiting_s: float = 0.0
    delay_s: float = 0.0
    mean_logprob: float = -0.2
    min_logprob: float = -1.0


class FakeEngine:
    """Answers calls with what `script` was given, in order, and after that with `DEFAULT_REPLY`. Asked to point,
    it points at the reply where a text holds it.

    Script and record belong to the class, since whoever needs an engine makes it by its dotted path.
    """

    DEFAULT_REPLY: ClassVar[str] = "Resposta do modelo de teste [1]."
    requests: ClassVar[list[GenerationRequest]] = []
    rejected_digests: ClassVar[set[str]] = set()
    _script: ClassVar[deque[ScriptedReply]] = deque()

    def __init__(self) -> None:
        self._adapter: ServedAdapter | None = None
        self._loaded = False

    @classmethod
    def script(cls, *replies: str | Exception | ScriptedReply) -> None:
        """Queue replies: a text, an exception to raise, or a `ScriptedReply`."""
        for reply in replies:
            cls._script.append(_scripted(reply))

    @classmethod
    def reset(cls) -> None:
        cls._script.clear()
        cls.requests.clear()
        cls.rejected_digests.clear()

    def load(self) -> None:
        self._loaded = True

    def unload(self) -> None:
        self._loaded = False

    def status(self) -> EngineStatus:
        adapter = self._adapter
        return EngineStatus(
            state=EngineState.READY if self._loaded else EngineState.UNLOADED,
            base_model="fake",
            base_sha256="0" * 64,
            adapter=adapter.name if adapter else "",
            adapter_digest=adapter.digest if adapter else "",
            merged=adapter.merged if adapter else False,
            context_window=8192,
            can_point=True,
        )

    def count_tokens(self, text: str) -> int:
        return len(_PIECES.findall(text))

    def generate(
        self, request: GenerationRequest, *, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[GenerationPart]:
        type(self).requests.append(request)
        reply = self._script.popleft() if self._script else ScriptedReply(self.DEFAULT_REPLY)
        started = time.monotonic()
        yield from _wait(reply.waiting_s, started, request, cancelled)
        if request.pointing is not None and reply.error is None:
            yield replace(self._result(reply, "", request, started), excerpts=_pointed(reply.text, request.pointing))
            return
        pieces: list[str] = []
        for piece in _PIECES.findall(_before_stop(reply.text, request.stop))[: request.max_new_tokens]:
            _give_up_if_asked(started, request, cancelled)
            time.sleep(reply.delay_s)
            pieces.append(piece)
            yield Delta(piece)
        if reply.error is not None:
            raise reply.error
        yield self._result(reply, "".join(pieces), request, started)

    def serve_adapter(self, adapter: ServedAdapter | None) -> None:
        if adapter and adapter.digest in self.rejected_digests:
            raise AdapterRejected("adapter_invalid", "the test refuses this adapter")
        self._adapter = adapter

    def _result(self, reply: ScriptedReply, text: str, request: GenerationRequest, started: float) -> GenerationResult:
        complete = text == _before_stop(reply.text, request.stop)
        return GenerationResult(
            text=text,
            finish_reason="stop" if complete else "length",
            usage=Usage(
                input_tokens=sum(self.count_tokens(message.content) for message in request.messages),
                output_tokens=self.count_tokens(text),
            ),
            model="fake",
            adapter=self._adapter.name if self._adapter else "",
            adapter_digest=self._adapter.digest if self._adapter else "",
            queue_ms=0.0,
            time_to_first_token_ms=reply.waiting_s * 1000,
            generate_ms=(time.monotonic() - started) * 1000,
            mean_logprob=reply.mean_logprob,
            min_logprob=reply.min_logprob,
        )


def _pointed(reply: str, pointing: Pointing) -> tuple[Excerpt, ...]:
    places = [(number, text.find(reply)) for number, text in enumerate(pointing.texts)]
    return tuple(Excerpt(number, at, at + len(reply), 0.0) for number, at in places if at >= 0)


def _scripted(reply: str | Exception | ScriptedReply) -> ScriptedReply:
    if isinstance(reply, ScriptedReply):
        return reply
    return ScriptedReply(error=reply) if isinstance(reply, Exception) else ScriptedReply(reply)


def _before_stop(text: str, stop: tuple[str, ...]) -> str:
    ends = [at for at in (text.find(word) for word in stop) if at >= 0]
    return text[: min(ends)] if ends else text


def _wait(
    waiting_s: float, started: float, request: GenerationRequest, cancelled: Callable[[], bool]
) -> Iterator[Waiting]:
    until = started + waiting_s
    while (left := until - time.monotonic()) > 0:
        yield Waiting("queued")
        time.sleep(min(left, 0.05))
        _give_up_if_asked(started, request, cancelled)


def _give_up_if_asked(started: float, request: GenerationRequest, cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise GenerationCancelled("whoever asked went away")
    if time.monotonic() - started > request.deadline_s:
        raise DeadlineExceeded(f"no complete answer within {request.deadline_s:.0f} s")
