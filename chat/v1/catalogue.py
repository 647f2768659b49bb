"""The names under `/v1`: the assistant, the local model with or without an adapter, and the embedder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils import timezone

from chat.exceptions import ModelUnknown
from inference.bundled import BUNDLED_NAME
from inference.engine import EngineState, EngineStatus
from inference.exceptions import EngineUnavailable
from inference.models import Adapter
from inference.serving import engine_status
from retrieval.generations import serving_embedder_id

ASSISTANT: Final = "aion"
_SINCE: Final = timezone.now()
_DIGEST_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Model:
    """A name that a client may send. `served`: it answers now; `digest` is the adapter's, "" of all others."""

    id: str
    served: bool
    parent: str = ""
    digest: str = ""
    created: datetime = _SINCE

    def is_called(self, name: str) -> bool:
        """An adapter may always be called with its digest, whether or not the list has to."""
        return name == self.id or (bool(self.digest) and name == _with_digest(self.id, self.digest))


def catalogue() -> tuple[Model, ...]:
    """All names, the assistant first; of the adapters those registered, and what serves without being so."""
    status = engine_status()
    ready = status.state in (EngineState.READY, EngineState.SWAPPING)
    assistant = Model(ASSISTANT, served=True)
    base = Model(_base_name(status), served=ready and not status.adapter_digest)
    embedder = Model(serving_embedder_id(), served=True)
    adapters = _named_apart(_adapters(status, ready=ready), taken={assistant.id, base.id, embedder.id})
    return (assistant, base, *adapters, embedder)


def find_model(model_id: str) -> Model:
    """The model of that name, whether or not it is what serves. Raises `ModelUnknown`."""
    for model in catalogue():
        if model.is_called(model_id):
            return model
    raise ModelUnknown(model_id)


def find_served(model_id: str) -> Model:
    """The local model under that name: never another in its place.

    Raises `ModelUnknown` (also where it exists and something else serves) or `EngineUnavailable`.
    """
    local = [model for model in catalogue() if model.id not in (ASSISTANT, serving_embedder_id())]
    named = next((model for model in local if model.is_called(model_id)), None)
    if named is None:
        raise ModelUnknown(model_id)
    serving = next((model.id for model in local if model.served), None)
    if serving is None:
        raise EngineUnavailable("the model is not loaded yet")
    if not named.served:
        raise ModelUnknown(model_id, serving=serving)
    return named


def _base_name(status: EngineStatus) -> str:
    return status.base_model or settings.AION_BASE_MODEL or BUNDLED_NAME


def _adapters(status: EngineStatus, *, ready: bool) -> list[Model]:
    """Under the names they were given, the one that serves first and then the oldest."""
    base = _base_name(status)
    rows = Adapter.objects.exclude(state=Adapter.State.REJECTED)
    found = [Model(row.name, served=False, parent=base, digest=row.digest, created=row.created_at) for row in rows]
    if status.adapter_digest and status.adapter_digest not in {model.digest for model in found}:
        found.append(Model(status.adapter, served=False, parent=base, digest=status.adapter_digest))
    found = [replace(model, served=ready and model.digest == status.adapter_digest) for model in found]
    return sorted(found, key=lambda model: (not model.served, model.created))


def _named_apart(adapters: Sequence[Model], *, taken: set[str]) -> Iterator[Model]:
    """Each under a name of its own. Whoever comes first keeps the plain one: no newcomer, which may never serve, takes
    it away, nor the name that another has with its digest."""
    named = [(model.id or model.digest[:_DIGEST_SHOWN], model) for model in adapters]
    taken = taken | {_with_digest(name, model.digest) for name, model in named}
    for name, model in named:
        yield replace(model, id=_with_digest(name, model.digest) if name in taken else name)
        taken.add(name)


def _with_digest(name: str, digest: str) -> str:
    return f"{name}@{digest[:_DIGEST_SHOWN]}"
