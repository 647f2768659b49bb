"""Which paid models are asked, in which order, and where they are. Addresses and keys come from the environment only.

An order is written `gpt-4o-mini, llama-3.3-70b@other`: the first at OPENAI_BASE_URL, the second at the provider that
AION_FALLBACK_PROVIDERS calls `other`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from chat.exceptions import FallbackFailed

OPENAI_ITSELF = "api.openai.com"


@dataclass(frozen=True, slots=True)
class PaidModel:
    """A model and the name of its provider, "" for that of OPENAI_BASE_URL. As text, it is what an order says."""

    model: str
    provider: str = ""

    def __str__(self) -> str:
        return f"{self.model}@{self.provider}" if self.provider else self.model


@dataclass(frozen=True, slots=True)
class Provider:
    """Where to ask. `api_key` is "" for a server that wants none."""

    base_url: str
    api_key: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        """The address as people may see it: nothing that a URL can carry besides."""
        parts = urlsplit(self.base_url)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""


def order_of(text: str) -> tuple[PaidModel, ...]:
    """The models of an order, each once."""
    return tuple(dict.fromkeys(_read(word.strip()) for word in text.split(",") if word.strip()))


def provider_of(paid: PaidModel) -> Provider:
    """Where a model is asked. Raises `FallbackFailed`, `unconfigured`, where nobody said."""
    provider = Provider(settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY)
    if paid.provider:
        if paid.provider not in settings.AION_FALLBACK_PROVIDERS:
            raise FallbackFailed("unconfigured", f"{paid.provider} is not in AION_FALLBACK_PROVIDERS")
        provider = Provider(**settings.AION_FALLBACK_PROVIDERS[paid.provider])
    if not provider.api_key and provider.host == OPENAI_ITSELF:
        raise FallbackFailed("unconfigured", f"{provider.host} wants a key")
    return provider


def is_configured(text: str) -> bool:
    """Whether at least one model of an order can be asked."""
    return any(_can_be_asked(paid) for paid in order_of(text))


def what_is_wrong(text: str) -> str:
    """Why an order cannot be used, in words; "" where it can."""
    order = order_of(text)
    if not order:
        return _("Name at least one model.")
    for paid in order:
        if paid.provider and paid.provider not in settings.AION_FALLBACK_PROVIDERS:
            known = ", ".join(settings.AION_FALLBACK_PROVIDERS) or _("none")
            return _("There is no provider “%(name)s”. In AION_FALLBACK_PROVIDERS: %(known)s.") % {
                "name": paid.provider,
                "known": known,
            }
    return ""


def _read(word: str) -> PaidModel:
    model, _at, provider = word.rpartition("@")
    return PaidModel(model, provider) if model else PaidModel(word)


def _can_be_asked(paid: PaidModel) -> bool:
    try:
        provider_of(paid)
    except FallbackFailed:
        return False
    return True
