"""The chat page in a real browser, against the really running server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, ViewportSize, expect

from tests.browser import PATIENCE_MS, needs_chromium, running_browser
from tests.http.served import PASSWORD, Server

QUESTION = "Quanto custa o passeio de dia inteiro a Sintra?"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 860}

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """Open the page, signed in; at the end the console must have stayed empty."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(*, phone: bool = False, username: str = "ana") -> Page:
        size = PHONE if phone else DESKTOP
        context = browser.new_context(locale="pt-BR", base_url=server.url, viewport=size, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/")
        page.get_by_label("Usuário").fill(username)
        page.get_by_label("Senha").fill(PASSWORD)
        page.get_by_role("button", name="Entrar").click()
        expect(page.locator("#history")).not_to_be_empty()  # the page's scripts have run
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def ask(page: Page, question: str = QUESTION) -> None:
    page.get_by_label("Sua pergunta").fill(question)
    page.keyboard.press("Enter")


def turn(page: Page, number: int = 0) -> Locator:
    return page.locator(".turn").nth(number)


BEYOND = """async () => {
    await Promise.all(document.getAnimations().map((animation) => animation.finished));
    const parts = ".topbar, .thread, .prose, .composer, .source-card, .source-head, .turn-actions";
    const wide = [...document.querySelectorAll(parts)].filter(
        (element) => element.getBoundingClientRect().right > window.innerWidth + 1);
    const page = document.documentElement.scrollWidth > window.innerWidth ? ["the page"] : [];
    return [...page, ...wide.map(({className}) => className)];
}"""


def too_wide(page: Page) -> list[str]:
    """What reaches beyond the window, also where it is cut off instead of scrolled to."""
    found: list[str] = page.evaluate(BEYOND)
    return found


def test_a_stranger_is_asked_to_sign_in(browser: Browser, server: Server) -> None:
    page = browser.new_page(locale="pt-BR")
    page.set_default_timeout(PATIENCE_MS)
    page.goto(server.url)
    assert page.url.startswith(f"{server.url}/entrar/")
    page.get_by_label("Usuário").fill("ana")
    page.get_by_label("Senha").fill("errada")
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("alert")).to_contain_text("não conferem")
    page.close()


def test_a_question_is_answered_with_its_route_confidence_and_sources(visit: Callable[..., Page]) -> None:
    page = visit()
    ask(page)
    expect(page.get_by_text("Respondido localmente", exact=True)).to_be_visible()
    expect(turn(page).locator(".prose")).not_to_be_empty()
    expect(page.locator(".source-card").first).to_be_visible()
    numbers = page.get_by_role("button", name=re.compile("^confiança "))
    numbers.click()
    expect(page.locator(".facts")).to_contain_text("limite: 0,08")
    expect(numbers).to_have_attribute("aria-expanded", "true")


def test_a_citation_opens_the_passage_with_its_support_marked(visit: Callable[..., Page]) -> None:
    page = visit()
    ask(page)
    page.locator(".citation").first.click()
    panel = page.get_by_role("dialog")
    expect(panel).to_be_visible()
    expect(panel.locator("mark").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator(".citation").first).to_be_focused()


def test_what_is_not_found_is_said_and_related_sources_are_shown(visit: Callable[..., Page]) -> None:
    page = visit()
    ask(page, "Quem ganhou a Copa do Mundo de 1958?")
    expect(page.get_by_text("Não encontrado", exact=True)).to_be_visible()
    expect(page.locator(".source-card").first).to_be_visible()


def test_thumbs_take_a_comment_and_a_correction(visit: Callable[..., Page]) -> None:
    page = visit()
    ask(page)
    page.get_by_role("button", name="Resposta boa").click()
    expect(page.locator(".thanks")).to_have_text("Obrigado!")
    page.get_by_role("button", name="Resposta ruim").click()
    page.get_by_label("O que estava errado?").fill("O preço mudou.")
    page.get_by_label("Qual seria a resposta certa?").fill("Custa € 95.")
    with page.expect_response("**/api/ai/feedback") as response:
        page.locator(".feedback").get_by_role("button", name="Enviar").click()
    assert response.value.status == 201
    expect(page.locator(".feedback")).to_have_count(0)
    expect(page.get_by_role("button", name="Resposta ruim")).to_have_attribute("aria-pressed", "true")


def test_ones_own_history_is_opened_renamed_and_deleted(visit: Callable[..., Page]) -> None:
    page = visit(username="chefe")
    ask(page)
    history = page.get_by_role("navigation", name="Conversas anteriores")
    row = history.get_by_role("listitem")
    expect(row).to_have_count(1)
    row.hover()
    row.get_by_role("button", name=re.compile("^Renomear")).click()
    page.get_by_label("Novo nome").fill("Preço de Sintra")
    with page.expect_response("**/api/ai/conversations/*"):
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Nova conversa").first.click()
    expect(turn(page)).to_have_count(0)
    page.reload()
    history.get_by_role("button", name="Preço de Sintra", exact=True).click()
    expect(turn(page).locator(".turn-question")).to_have_text(QUESTION)
    expect(page.locator(".badge")).to_be_visible()
    row.hover()
    row.get_by_role("button", name=re.compile("^Excluir")).click()
    page.get_by_role("dialog").get_by_role("button", name="Excluir").click()
    expect(row).to_have_count(0)
    expect(page.get_by_role("heading", name="O que você gostaria de saber?")).to_be_visible()


def test_an_answer_is_stopped_and_asked_for_again(visit: Callable[..., Page]) -> None:
    page = visit()
    ask(page, f"{QUESTION} Responda pacientemente.")
    page.get_by_role("button", name="Interromper a resposta").click()
    expect(page.locator(".note")).to_contain_text("Você interrompeu")
    expect(page.get_by_role("button", name="Responder de novo")).to_be_visible()


def test_a_lost_connection_loses_no_question(visit: Callable[..., Page]) -> None:
    page = visit()
    page.route("**/api/ai/chat", _break_off, times=1)
    ask(page)
    expect(page.get_by_role("alert")).to_contain_text("conexão caiu")
    expect(turn(page).locator(".turn-question")).to_have_text(QUESTION)
    page.get_by_role("button", name="Tentar de novo").click()
    expect(page.locator(".badge")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_suggestion_is_asked_by_a_click(visit: Callable[..., Page]) -> None:
    page = visit()
    suggestion = page.locator(".suggestion").first
    text = suggestion.inner_text()
    suggestion.click()
    expect(turn(page).locator(".turn-question")).to_have_text(text)
    expect(page.locator(".badge")).to_be_visible()


def test_a_reply_can_neither_run_code_nor_load_anything(visit: Callable[..., Page]) -> None:
    page = visit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    hostile = (
        '<img src="https://evil.example/a.png"> ![x](https://evil.example/b.png) <script>window.hacked = 1</script> '
        "[clique](javascript:window.hacked=1) <b onclick='window.hacked=1'>negrito</b>"
    )
    body = {"text": hostile, "used": "local", "C": 0.9, "tau": 0.62, "sources": []}
    done = f"event: done\ndata: {json.dumps(body)}\n\n"
    page.route("**/api/ai/chat", lambda route: route.fulfill(content_type="text/event-stream", body=done))
    ask(page)
    expect(page.locator(".badge")).to_be_visible()
    prose = turn(page).locator(".prose")
    assert prose.locator("img, script, b, a[href^=javascript]").count() == 0
    assert page.evaluate("() => window.hacked") is None
    assert not [url for url in asked if "evil.example" in url]


@pytest.mark.parametrize("phone", [False, True])
def test_an_answer_with_a_warning_has_a_badge_of_its_own(visit: Callable[..., Page], phone: bool) -> None:
    page = visit(phone=phone)
    caution = "Atenção: os documentos talvez não respondam a esta pergunta."
    body = {"text": f"{caution}\n\nCusta € 98.", "caution": caution, "used": "local", "reason": "low_confidence_warned"}
    done = f"event: done\ndata: {json.dumps(body | {'C': 0.4, 'tau': 0.62, 'sources': []})}\n\n"
    page.route("**/api/ai/chat", lambda route: route.fulfill(content_type="text/event-stream", body=done))
    ask(page)
    expect(page.locator(".badge.doubtful")).to_have_text("Respondido com ressalva")
    expect(turn(page).locator(".prose p").first).to_have_text(caution)
    expect(page.get_by_role("button", name="confiança baixa")).to_be_visible()
    expect(page.locator("#announcer")).to_contain_text("Respondido com ressalva")
    assert too_wide(page) == []


def test_a_phone_shows_everything_without_scrolling_sideways(visit: Callable[..., Page]) -> None:
    page = visit(phone=True)
    assert too_wide(page) == []
    ask(page)
    expect(page.locator(".badge")).to_be_visible()
    assert too_wide(page) == []
    page.get_by_role("button", name="Abrir as conversas").click()
    expect(page.get_by_role("button", name="Sair")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sair")).to_be_hidden()
    page.locator(".source-card").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert too_wide(page) == []


def test_the_keyboard_alone_is_enough(visit: Callable[..., Page]) -> None:
    page = visit()
    expect(page.get_by_label("Sua pergunta")).to_be_focused()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    citation = page.locator(".citation").first
    expect(citation).to_be_visible()
    citation.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_only_staff_see_the_way_to_the_panel(visit: Callable[..., Page]) -> None:
    assert visit(username="chefe").get_by_role("link", name="Painel").count() == 1
    assert visit(username="ana").get_by_role("link", name="Painel").count() == 0


def test_the_page_confines_itself(visit: Callable[..., Page], server: Server) -> None:
    response = visit().goto("/")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_signing_out_ends_the_session(visit: Callable[..., Page], server: Server) -> None:
    page = visit()
    page.get_by_role("button", name="Sair").click()
    expect(page).to_have_url(re.compile("/entrar/"))
    page.goto("/")
    assert "/entrar/" in page.url


def _break_off(route: Route) -> None:
    """A stream that ends before its answer does."""
    route.fulfill(status=200, content_type="text/event-stream", body=": waiting\n\n")
