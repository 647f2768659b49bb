"""Adapters on an external server, through the calls that vLLM has for it while it runs.

`POST /v1/load_lora_adapter` and `/v1/unload_lora_adapter`, there when vLLM was started with `--enable-lora` and
`VLLM_ALLOW_RUNTIME_LORA_UPDATING=True`. A loaded adapter is asked for by its name, as if it were a model. The folder is
read by the server, so it must lie at the same path on its machine.

An adapter's name there is made of its digest. Other bytes so have another name, and never meet what vLLM keeps of
prompts by adapter's name; it also makes `load_inplace` needless, which in some versions reads the folder at every step.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from django.utils.translation import gettext as _

from inference.adapter_folder import inspect_adapter
from inference.engine import ServedAdapter
from inference.exceptions import AdapterRejected

logger = logging.getLogger(__name__)

LOAD_S = 60.0  # reading a large adapter from a network's disk
UNLOAD_S = 5.0


class RuntimeAdapters:
    """Which adapter the server is asked for, and which ones it holds for this process. Thread-safe."""

    def __init__(self, client: httpx.Client, server: str) -> None:
        self._client, self._server = client, server
        self._calls = threading.Lock()  # held while the server is told to load or unload
        self._counting = threading.Lock()
        self._current: ServedAdapter | None = None
        self._running: Counter[str] = Counter()
        self._retired: set[str] = set()

    @property
    def current(self) -> ServedAdapter | None:
        return self._current

    @property
    def is_switching(self) -> bool:
        return self._calls.locked()

    def switch(self, adapter: ServedAdapter | None) -> None:
        """Serve `adapter` from the next request on; the one before goes after its last. Raises `AdapterRejected`."""
        if adapter is not None:
            _check_folder(adapter)
        with self._calls:
            if adapter is not None:
                self._load(adapter)
            with self._counting:
                if self._current is not None:
                    self._retired.add(name_of(self._current))
                if adapter is not None:
                    self._retired.discard(name_of(adapter))
                self._current = adapter
        self._unload_idle()

    @contextmanager
    def in_use(self) -> Iterator[ServedAdapter | None]:
        """The current adapter, which stays loaded while the block runs."""
        with self._counting:
            adapter = self._current
            name = name_of(adapter) if adapter else ""
            self._running[name] += 1
        try:
            yield adapter
        finally:
            with self._counting:
                self._running[name] -= 1
            if self._idle():  # told aside, or whoever used it last would wait for the server
                threading.Thread(target=self._unload_idle, name="adapter-unload", daemon=True).start()

    def restore(self, adapter: ServedAdapter) -> None:
        """Load again what a restarted server has lost. Raises `AdapterRejected`."""
        with self._calls:
            self._load(adapter)

    def _load(self, adapter: ServedAdapter) -> None:
        name, path = name_of(adapter), str(Path(adapter.path).resolve())
        try:
            answer = self._post("load_lora_adapter", {"lora_name": name, "lora_path": path}, LOAD_S)
            if answer.is_success or (answer.status_code == httpx.codes.BAD_REQUEST and self._holds(name, path)):
                return
        except httpx.HTTPError as exc:
            message = _("The server %(server)s did not answer when it was asked to load the adapter: %(reason)s")
            details = {"server": self._server, "reason": str(exc) or type(exc).__name__}
            raise AdapterRejected("server_unreachable", message % details) from exc
        raise self._rejection(answer, name, path)

    def _holds(self, name: str, path: str) -> bool:
        """Whether the server has `name` already, from the same folder: an earlier process of ours asked for it."""
        cards = model_cards(self._client.get("models", timeout=UNLOAD_S))
        return any(card.get("id") == name and card.get("root") == path for card in cards)

    def _rejection(self, answer: httpx.Response, name: str, path: str) -> AdapterRejected:
        reason = reason_of(answer)
        details = {"server": self._server, "path": path, "reason": reason}
        if answer.status_code in (404, 405, 501) and name not in reason:
            message = _(
                "The server %(server)s cannot load adapters while it runs. vLLM can, started with --enable-lora and "
                "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True."
            )
            return AdapterRejected("no_runtime_adapters", message % details)
        if answer.status_code == httpx.codes.NOT_FOUND:
            message = _(
                "The server %(server)s does not find the adapter's folder. It must lie at %(path)s on that machine "
                "too: %(reason)s"
            )
            return AdapterRejected("not_found_there", message % details)
        return AdapterRejected(
            "refused_by_server", _("The server %(server)s refused the adapter: %(reason)s") % details
        )

    def _unload_idle(self) -> None:
        """Unload what is retired and no longer used. Whoever is loading at this moment does it when done."""
        while self._idle() and self._calls.acquire(blocking=False):
            try:
                for name in self._idle():
                    self._unload(name)
                    with self._counting:
                        self._retired.discard(name)
            finally:
                self._calls.release()

    def _idle(self) -> list[str]:
        with self._counting:
            return [name for name in self._retired if not self._running[name]]

    def _unload(self, name: str) -> None:
        """A failure costs the server memory and nobody an answer; a 404 means that it has forgotten already."""
        try:
            answer = self._post("unload_lora_adapter", {"lora_name": name}, UNLOAD_S)
        except httpx.HTTPError as exc:
            logger.warning("%s did not unload %s: %s", self._server, name, exc)
            return
        if not answer.is_success and answer.status_code != httpx.codes.NOT_FOUND:
            logger.warning("%s did not unload %s: %s", self._server, name, reason_of(answer))

    def _post(self, call: str, body: dict[str, str], timeout_s: float) -> httpx.Response:
        return self._client.post(call, json=body, timeout=timeout_s)


def name_of(adapter: ServedAdapter) -> str:
    return f"aion-{adapter.digest}"


def model_cards(answer: httpx.Response) -> list[dict[str, Any]]:
    """What `/v1/models` lists. Raises `httpx.HTTPError` where the answer is something else."""
    if not answer.is_success:
        raise httpx.HTTPStatusError(reason_of(answer), request=answer.request, response=answer)
    try:
        cards = answer.json()["data"]
        return [card for card in cards if isinstance(card["id"], str)]
    except (ValueError, KeyError, TypeError) as exc:
        raise httpx.DecodingError("its list of models is not OpenAI's", request=answer.request) from exc


def reason_of(answer: httpx.Response) -> str:
    """The server's own words. Older versions of vLLM have no `error` around them."""
    try:
        body = answer.json()
        return str(body.get("error", body)["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{answer.status_code} {answer.reason_phrase}"


def _check_folder(adapter: ServedAdapter) -> None:
    """What can be checked here. Whether it was made for the server's weights cannot: their SHA-256 is not told."""
    if adapter.merged:
        message = _("An external server serves an adapter beside its base model, never merged into it.")
        raise AdapterRejected("not_mergeable", message)
    if inspect_adapter(Path(adapter.path)).digest != adapter.digest:
        raise AdapterRejected("changed", _("The adapter's files have changed since it was registered."))
