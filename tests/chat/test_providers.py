"""The order of paid models: how it is written, what is refused when it is saved, and what never shows a key."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from chat import control, providers
from chat.exceptions import FallbackFailed, InvalidSettings
from chat.providers import PaidModel, Provider

OTHERS = {"other": {"base_url": "https://someone:secret@api.example.org:8443/v1", "api_key": "sk-other"}}


@pytest.fixture(autouse=True)
def _others(settings) -> None:
    settings.AION_FALLBACK_PROVIDERS = OTHERS
    settings.OPENAI_API_KEY = ""


def test_an_order_names_models_and_their_providers_each_once() -> None:
    order = providers.order_of(" gpt-4o-mini, large@other ,, gpt-4o-mini, @cf/meta/llama")
    assert order == (PaidModel("gpt-4o-mini"), PaidModel("large", "other"), PaidModel("@cf/meta/llama"))
    assert [str(paid) for paid in order] == ["gpt-4o-mini", "large@other", "@cf/meta/llama"]


def test_neither_key_nor_credentials_of_an_address_are_shown() -> None:
    provider = providers.provider_of(PaidModel("large", "other"))
    assert provider.api_key == "sk-other"
    assert provider.host == "api.example.org:8443"
    assert "sk-other" not in repr(provider)


@pytest.mark.parametrize("paid", [PaidModel("gpt-4o-mini"), PaidModel("large", "gone")])
def test_a_model_without_key_or_provider_cannot_be_asked(paid: PaidModel) -> None:
    with pytest.raises(FallbackFailed) as failed:
        providers.provider_of(paid)
    assert failed.value.reason == "unconfigured"


def test_an_own_server_needs_no_key(settings) -> None:
    settings.OPENAI_BASE_URL = "http://10.0.0.5:8000/v1"
    assert providers.provider_of(PaidModel("small")) == Provider("http://10.0.0.5:8000/v1")


def test_one_model_that_can_be_asked_is_enough() -> None:
    assert providers.is_configured("gpt-4o-mini, large@other")
    assert not providers.is_configured("gpt-4o-mini, large@gone")


@pytest.mark.django_db
def test_an_unknown_provider_is_refused_when_the_settings_are_saved() -> None:
    with override("pt-br"), pytest.raises(InvalidSettings) as refused:
        control.revise({"fallback_model": "gpt-4o-mini, large@outro"}, by=None)
    assert refused.value.field == "fallback_model"
    assert refused.value.message == "Não existe o provedor “outro”. Em AION_FALLBACK_PROVIDERS: other."


@pytest.mark.django_db
def test_an_order_without_a_model_is_refused() -> None:
    with override("pt-br"), pytest.raises(InvalidSettings) as refused:
        control.revise({"fallback_model": " , "}, by=None)
    assert refused.value.message == "Informe pelo menos um modelo."


@pytest.mark.django_db
def test_a_provider_that_was_taken_away_does_not_stand_in_the_way_of_other_changes(settings) -> None:
    control.revise({"fallback_model": "large@other"}, by=None)
    settings.AION_FALLBACK_PROVIDERS = {}
    assert control.revise({"tau": 0.7}, by=None).fallback_model == "large@other"
