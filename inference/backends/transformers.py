"""The in-process engine: one model, requests in a bounded queue, worker threads that take them from it.

On a processor there is one worker and everything happens in turn; on a GPU there are several, whose greedy answers are
decoded together. A swap of adapters is a piece of work before everything that waits: what runs finishes on the old one,
what follows starts on the new one, and no cached keys and values live across it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch
from django.conf import settings
from django.utils.translation import gettext as _

from inference.backends.batching import AT_ONCE, Batch
from inference.backends.forward import Forward, forward_of
from inference.backends.generation import Job, Served, answer, parts_of
from inference.backends.job_queue import JobQueue
from inference.backends.lora import attach_adapter, load_merged
from inference.backends.model_loading import choose_device, load_model, load_tokenizer
from inference.backends.prefixes import PrefixCache
from inference.backends.preparation import PreparedModels
from inference.backends.prompting import prefix_length, prompt_ids
from inference.base_models import base_model_path, base_sha256
from inference.bundled import BUNDLED_NAME
from inference.engine import EngineState, EngineStatus, GenerationPart, GenerationRequest, ServedAdapter, Waiting
from inference.exceptions import AdapterRejected, EngineUnavailable, GenerationFailed, InferenceError, PromptTooLong

logger = logging.getLogger(__name__)


class TransformersEngine:
    """See `inference.engine.Engine`. Cheap to make; `load` reads the weights."""

    def __init__(
        self,
        base_model: str = "",
        *,
        dtype: torch.dtype | None = None,
        four_bit: bool | None = None,
        batches: bool | None = None,
    ) -> None:
        """What is None suits the machine: `batches` is whether answers are decoded together."""
        self._base_model = base_model or str(settings.AION_BASE_MODEL)
        self._dtype, self._four_bit = dtype, four_bit
        self._batches = choose_device() != "cpu" if batches is None else batches
        self._choosing = threading.Lock()
        self._loading = threading.Lock()
        self._swapping = threading.Lock()
        self._state = EngineState.UNLOADED
        self._error = ""
        self._sha256 = ""
        self._base: Served | None = None
        self._served: Served | None = None
        self._prepared = PreparedModels()
        self._queue = JobQueue()

    def load(self) -> None:
        with self._loading:
            if self._state in (EngineState.READY, EngineState.SWAPPING):
                return
            self._state = EngineState.LOADING
            try:
                self._read_model()
            except Exception as exc:  # whatever it is, nobody is to wait for a model that does not come
                self._state, self._error = EngineState.FAILED, str(exc) or type(exc).__name__
                if isinstance(exc, InferenceError):
                    raise
                raise GenerationFailed(f"the model could not be loaded: {self._error}") from exc
            self._queue = JobQueue()
            for _number in range(AT_ONCE if self._batches else 1):
                threading.Thread(target=self._queue.run, name="inference-worker", daemon=True).start()
            self._state, self._error = EngineState.READY, ""

    def unload(self) -> None:
        """What runs is finished; who waits gets `EngineUnavailable`."""
        with self._loading, self._swapping:
            with self._choosing:
                served, self._served, self._base = self._served, None, None
            self._state = EngineState.UNLOADED
            self._queue.close()
            _close(served)
            self._prepared.clear()

    def status(self) -> EngineStatus:
        served = self._served
        adapter = served.adapter if served else None
        return EngineStatus(
            state=self._state,
            base_model=self._base_model or BUNDLED_NAME,
            base_sha256=self._sha256,
            adapter=adapter.name if adapter else "",
            adapter_digest=adapter.digest if adapter else "",
            merged=adapter.merged if adapter else False,
            device=str(served.model.device) if served else "",
            dtype=_precision(served.model) if served else "",
            queue_length=len(self._queue),
            queued_tokens=self._queue.tokens,
            retry_after_s=self._queue.retry_after_s,
            context_window=served.window if served else 0,
            can_point=served is not None and getattr(served.tokenizer, "is_fast", False),  # a slow one tells no offsets
            error=self._error,
        )

    def count_tokens(self, text: str) -> int:
        return len(self._ready().tokenizer(text, add_special_tokens=False)["input_ids"])

    def generate(
        self, request: GenerationRequest, *, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[GenerationPart]:
        served = self._ready()
        prompt = prompt_ids(served.tokenizer, request.messages)
        job = Job(request, prompt, prefix_length(served.tokenizer, request.messages, prompt))
        if job.cost_tokens > served.window:
            raise PromptTooLong(len(job.prompt), request.max_new_tokens, served.window)
        ticket = self._queue.put(lambda: self._serve(job), tokens=job.cost_tokens, priority=request.priority)
        try:
            yield Waiting("queued")  # at once: it was taken
            yield from parts_of(job, cancelled)
        finally:
            job.abandoned.set()
            self._queue.discard(ticket)

    def serve_adapter(self, adapter: ServedAdapter | None) -> None:
        with self._swapping:
            base = self._ready()
            if self._state == EngineState.FAILED:
                raise EngineUnavailable(self._error)
            self._state, self._error = EngineState.SWAPPING, ""
            try:
                self._switch(self._made_ready(base, adapter))
            except AdapterRejected as exc:
                self._error = str(exc)
                raise
            finally:
                if self._state == EngineState.SWAPPING:  # a request may have found the device dead meanwhile
                    self._state = EngineState.READY

    def _read_model(self) -> None:
        folder = base_model_path(self._base_model)
        self._sha256 = base_sha256(folder)
        model = load_model(folder, dtype=self._dtype, four_bit=self._four_bit)
        self._base = Served(forward_of(model), load_tokenizer(folder), self._base_model or BUNDLED_NAME)
        self._served = self._with_empty_cache(self._base)

    def _ready(self) -> Served:
        base = self._base
        if base is None:
            raise EngineUnavailable(self._error or "the model is not loaded yet")
        return base

    def _made_ready(self, base: Served, adapter: ServedAdapter | None) -> Served:
        """Made aside, while what serves goes on serving. Raises `AdapterRejected`, whatever went wrong."""
        try:
            return self._with_empty_cache(self._with_adapter(base, adapter) if adapter else base)
        except AdapterRejected:
            raise
        except Exception as exc:  # no memory, a full disk: who wished for it is to be told, and not to wish for ever
            logger.exception("%s could not be made ready to serve", adapter or base.name)
            reason = str(exc) or type(exc).__name__
            message = _("What is to serve could not be made ready: %(error)s") % {"error": reason}
            raise AdapterRejected("not_ready", message) from exc

    def _with_adapter(self, base: Served, adapter: ServedAdapter) -> Served:
        def make() -> Forward:
            if not adapter.merged:
                return forward_of(attach_adapter(base.model, self._sha256, adapter))
            folder = base_model_path(self._base_model)
            merged = load_merged(folder, self._sha256, adapter, dtype=self._dtype, four_bit=self._four_bit)
            return forward_of(merged)

        return Served(self._prepared.model_with(adapter, make), base.tokenizer, base.name, adapter)

    def _switch(self, following: Served) -> None:
        """Between two requests, by a worker itself, which must not fail: nobody would be left to work."""
        done: Future[None] = Future()

        def switch() -> bool:
            with self._choosing:
                before, self._served = self._served, following
            _close(before)
            done.set_result(None)
            return True

        self._queue.put_first(switch)
        done.result()

    def _with_empty_cache(self, served: Served) -> Served:
        """Keys and values belong to the weights that made them."""
        batch = Batch(served.model) if self._batches else None
        return replace(served, prefixes=PrefixCache(), batch=batch, alone=threading.Lock())

    @contextmanager
    def _in_use(self) -> Iterator[Served]:
        """What serves now; it stays usable for the block even if something else serves meanwhile."""
        with ExitStack() as uses:
            with self._choosing:
                served = self._served or self._ready()
                if served.batch is not None and served.batch.has_ended:
                    served.batch.close()
                    served = self._served = replace(served, batch=Batch(served.model))
                if served.batch is not None:
                    uses.enter_context(served.batch.in_use())
            yield served

    def _serve(self, job: Job) -> bool:
        """The worker's edge: whatever happens becomes a part, which the caller gets. Whether it was a whole answer."""
        try:
            job.check()
            job.stage = "prefill"
            with self._in_use() as served:
                for part in answer(job, served):
                    job.parts.put(part)
            return True
        except InferenceError as exc:
            job.parts.put(exc)
        except Exception as exc:
            logger.exception("generation failed")
            job.parts.put(self._failure(exc))
        return False

    def _failure(self, exc: Exception) -> GenerationFailed:
        if isinstance(exc, torch.OutOfMemoryError):
            torch.cuda.empty_cache()
            return GenerationFailed("the model ran out of memory on this request")
        if "CUDA error" in str(exc):  # only a new process helps
            self._state, self._error = EngineState.FAILED, str(exc)
        return GenerationFailed(f"the model failed on this request: {exc}")


def _close(served: Served | None) -> None:
    """Free the batch of what no longer serves, once the last who uses it is done."""
    if served is not None and served.batch is not None:
        threading.Thread(target=served.batch.close, name="inference-batch-end", daemon=True).start()


def _precision(model: Any) -> str:
    if getattr(model, "is_loaded_in_4bit", False):
        return "nf4"
    return str(model.dtype).removeprefix("torch.")
