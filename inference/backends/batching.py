"""Greedy answers decoded together by transformers' continuous batching: for a GPU, where one answer alone leaves most
of it idle. On a processor it brings nothing, so there requests run one at a time."""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from transformers import ContinuousBatchingConfig, GenerationConfig

from inference.backends.decoding import Token
from inference.backends.model_loading import share_weights

AT_ONCE = 16  # answers decoded together
MEMORY_SHARE = 0.5  # of what the weights leave free, for keys and values; the rest is for what runs alone
LOOK_S = 0.05  # how often a waiting answer looks whether it is still wanted


class Batch:
    """Decodes for up to `AT_ONCE` threads with one model. Thread-safe.

    The attention is switched to one that works by blocks, hence on a copy of the modules; the weights are shared.
    Blocks of a common beginning are reused, and belong to this batch alone: a swap makes a new one.
    """

    def __init__(self, model: Any) -> None:
        self._manager = share_weights(model).init_continuous_batching(
            GenerationConfig(do_sample=False, pad_token_id=0, eos_token_id=-1),
            ContinuousBatchingConfig(
                return_logprobs=True, max_memory_percent=MEMORY_SHARE, max_requests_per_batch=AT_ONCE
            ),
        )
        self._outputs: dict[str, queue.SimpleQueue[Any]] = {}
        self._changed = threading.Condition()
        self._users = 0
        self._started = self._closed = False

    @property
    def has_ended(self) -> bool:
        """Whether its own thread failed: nothing more comes of this batch, another one has to take its place."""
        status = self._manager.background_thread_status
        return self._started and (not self._manager.is_running() or status.can_accept_new_requests() is not None)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While the block runs the batch stays open. The first one starts it."""
        with self._changed:
            if not self._started:
                self._manager.start()
                self._started = True
                threading.Thread(target=self._deliver, name="inference-batch", daemon=True).start()
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    def tokens(
        self, prompt: Sequence[int], *, max_new_tokens: int, end_ids: Collection[int], check: Callable[[], None]
    ) -> Iterator[Token]:
        """As `decoding.decode`; `check` is called every `LOOK_S`. Raises RuntimeError; see `has_ended`."""
        name = uuid.uuid4().hex
        outputs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._outputs[name] = outputs
        finished = False
        try:
            self._manager.add_request(  # which takes nothing once the batch has ended, and says so to nobody
                list(prompt), name, max_new_tokens=max_new_tokens, streaming=True, eos_token_id=sorted(end_ids)
            )
            count = 0
            while not finished:
                check()
                try:
                    output = outputs.get(timeout=LOOK_S)
                except queue.Empty:
                    self._raise_if_dead()
                    continue
                if output.error:
                    raise RuntimeError(output.error)
                finished = output.is_finished()
                new = zip(output.generated_tokens[count:], output.logprobs[count:], strict=True)
                count = len(output.generated_tokens)
                yield from (Token(token, logprob) for token, logprob in new)
        finally:
            del self._outputs[name]
            if not finished:
                self._manager.cancel_request(name)

    def close(self) -> None:
        """Wait for those who use it, then free its memory; of one that has ended at once."""
        with self._changed:
            self._changed.wait_for(lambda: not self._users or self.has_ended)
            self._closed = True
        if self._started:
            self._manager.stop()  # `destroy` frees nothing where the thread has failed
            self._manager.destroy()

    def _deliver(self) -> None:
        """Hand each output to who waits for it. Who waits for a batch that died finds out by itself."""
        while not self._closed and self._manager.is_running():
            output = self._manager.get_result(timeout=LOOK_S)
            waiting = self._outputs.get(output.request_id) if output is not None else None
            if waiting is not None:
                waiting.put(output)

    def _raise_if_dead(self) -> None:
        if not self._manager.is_running():
            reason = self._manager.background_thread_status.fatal_error or "its thread has ended"
            raise RuntimeError(f"the answers decoded together were lost: {reason}")
