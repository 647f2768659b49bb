from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.crawling.reasons import FetchFailed, Reason
from retrieval.crawling.urls import Scope, canonical


@pytest.mark.parametrize(
    ("address", "spelt"),
    [
        ("HTTP://Exemplo.COM.br:80/a/../b#fim", "http://exemplo.com.br/b"),
        ("https://exemplo.com.br:443", "https://exemplo.com.br/"),
        ("https://exemplo.com.br./x", "https://exemplo.com.br/x"),
        ("https://exemplo.com.br/%7Ejoão/?b=2&utm_source=x&a=1&fbclid=y", "https://exemplo.com.br/~jo%C3%A3o/?b=2&a=1"),
        ("https://exemplo.com.br/%c3%a1", "https://exemplo.com.br/%C3%A1"),
        ("https://prefeitura.são.br/", "https://prefeitura.xn--so-sia.br/"),
        ("https://exemplo.com.br/n?cid=12&session=3", "https://exemplo.com.br/n?cid=12&session=3"),
        ("http://exemplo.com.br:8080/", "http://exemplo.com.br:8080/"),
    ],
)
def test_a_page_has_one_spelling(address: str, spelt: str) -> None:
    assert canonical(address) == spelt
    assert canonical(spelt) == spelt


def test_a_link_is_read_where_it_stands() -> None:
    assert canonical("../b?x=1", "https://exemplo.com.br/a/c/") == "https://exemplo.com.br/a/b?x=1"


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "mailto:a@b.c", "file:///etc/passwd", "ftp://x/", "http://", "http://x:0/", "http://x:70000/",
     "http://a\\@b/", "http://ex ample/", "https://x/" + "a" * 3000, "http://[::1/", "//", "https://x/\x00"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(address: str) -> None:
    with pytest.raises(FetchFailed) as failed:
        canonical(address)
    assert failed.value.reason is Reason.BAD_ADDRESS


def test_an_address_with_a_password_is_refused() -> None:
    for address in ("https://ana:senha@exemplo.com.br/", "https://ana@exemplo.com.br/"):
        with pytest.raises(FetchFailed) as failed:
            canonical(address)
        assert failed.value.reason is Reason.CREDENTIALS
        assert "senha" not in str(failed.value)


@given(st.text(max_size=60))
def test_any_text_is_spelt_once_or_refused(text: str) -> None:
    try:
        spelt = canonical(text, "https://exemplo.com.br/a")
    except FetchFailed:
        return
    assert canonical(spelt) == spelt


def test_a_site_is_its_host_and_port_with_and_without_www() -> None:
    scope = Scope("https://www.exemplo.com.br/")
    for url in ("https://exemplo.com.br/x", "http://www.exemplo.com.br/x"):
        assert scope.refusal(url) is None
    for url in (
        "https://outro.com.br/", "https://exemplo.com.br.mau.com/", "https://x.exemplo.com.br/",
        "https://exemplo.com.br:8443/",
    ):  # fmt: skip
        assert scope.refusal(url) is Reason.OFF_SITE


def test_paths_are_taken_and_left_by_whole_segments() -> None:
    scope = Scope("https://e.br/", include=("/rh", "atendimento/"), exclude=("/rh/Ações",), max_depth=2)
    for path in ("/", "/rh", "/rh/ferias", "/atendimento/"):
        assert scope.refusal(f"https://e.br{path}") is None
    for path in ("/rhodes", "/outro", "/rh/A%C3%A7%C3%B5es/1"):
        assert scope.refusal(f"https://e.br{path}") is Reason.EXCLUDED
    assert scope.refusal("https://e.br/rh", 3) is Reason.TOO_DEEP
