"""The review queue in a real browser: a key is a verdict, the next answer comes at once; by touch; without script."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.admin.test_browser import assert_it_fits, sign_in, signed_in
from tests.browser import needs_chromium, running_browser
from tests.http.served import Server, running_server

QUEUE = "/admin/telemetry/review/queue/"
QUESTIONS = (
    "Quanto custa o passeio a Sintra?",
    "Que horas sai o passeio?",
    "O almoço está incluído?",
    "Posso cancelar o passeio?",
    "Crianças precisam de cadeirinha?",
    "Onde é o ponto de encontro?",
    "Quanto tempo dura o passeio?",
    "Há reembolso se chover?",
    "Quantas pessoas vão no grupo?",
    "Bebês pagam?",
)

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        for question in QUESTIONS:
            ask(running, question)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


def ask(server: Server, question: str) -> None:
    urllib.request.urlopen(
        urllib.request.Request(
            f"{server.url}/api/ai/chat",
            data=json.dumps({"message": question}).encode(),
            headers={"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
        ),
        timeout=120,
    ).close()


def question_on(page: Page) -> str:
    return page.locator("#review-place .aion-lead").inner_text()


def expect_done(page: Page, done: int) -> None:
    expect(page.locator("#review-progress")).to_contain_text(f"{done} de {len(QUESTIONS)} ")


def done_on(page: Page) -> int:
    return int(page.locator("#review-progress").inner_text().split()[0])


def test_one_key_decides_and_the_next_answer_stands_there_before_the_verdict_arrived(
    browser: Browser, server: Server
) -> None:
    held: list[Route] = []
    with signed_in(browser, server, 1280) as page:
        page.goto(f"{server.url}{QUEUE}")
        before, first = done_on(page), question_on(page)
        page.route(f"**{QUEUE}", lambda route: held.append(route))
        page.keyboard.press("a")
        expect(page.locator("#review-place .aion-lead")).not_to_have_text(first)
        second = question_on(page)
        page.wait_for_timeout(200)
        assert done_on(page) == before
        held.pop().continue_()
        expect_done(page, before + 1)
        page.unroute(f"**{QUEUE}")

        page.keyboard.press("r")
        expect_done(page, before + 2)
        third = question_on(page)
        page.keyboard.press("n")
        expect(page.locator("#review-place .aion-lead")).not_to_have_text(third)
        assert done_on(page) == before + 2
        assert len({first, second, third, question_on(page)}) == 4
        assert_it_fits(page)


def test_c_opens_a_field_with_the_reply_and_control_enter_saves_and_u_takes_it_back(
    browser: Browser, server: Server
) -> None:
    with signed_in(browser, server, 1280) as page:
        page.goto(f"{server.url}{QUEUE}")
        before, question = done_on(page), question_on(page)
        page.keyboard.press("c")
        field = page.get_by_label("Resposta melhor")
        expect(field).to_be_focused()
        field.press_sequentially(" Ar de novo, a rigor.")  # letters that are keys elsewhere
        assert question_on(page) == question
        field.press("Control+Enter")
        expect_done(page, before + 1)
        expect(page.locator("#review-undo")).to_contain_text("corrigida")
        page.keyboard.press("u")
        expect_done(page, before)
        assert question_on(page) == question


def test_what_somebody_else_decided_meanwhile_is_said_and_shown(browser: Browser, server: Server) -> None:
    context = browser.new_context(locale="pt-BR")
    page, other = context.new_page(), context.new_page()
    sign_in(page, server)
    page.goto(f"{server.url}{QUEUE}")
    question = question_on(page)
    other.goto(f"{server.url}{QUEUE}")
    assert question_on(other) == question  # one person in two windows
    other.keyboard.press("r")
    expect(other.locator("#review-undo")).to_contain_text("rejeitada")
    page.keyboard.press("a")
    expect(page.locator("#review-notice")).to_contain_text("rejeitou esta resposta enquanto isso")
    assert question_on(page) == question
    page.keyboard.press("a")
    expect(page.locator("#review-undo")).to_contain_text("aprovada")
    context.close()


def test_a_verdict_that_could_not_be_sent_brings_the_answer_back(browser: Browser, server: Server) -> None:
    with signed_in(browser, server, 1280) as page:
        page.goto(f"{server.url}{QUEUE}")
        before, question = done_on(page), question_on(page)
        page.route(f"**{QUEUE}", lambda route: route.fulfill(status=200, body="<html>"))
        page.keyboard.press("a")
        expect(page.locator("#review-notice")).to_contain_text("Não foi possível salvar")
        assert question_on(page) == question
        page.unroute(f"**{QUEUE}")
        page.keyboard.press("a")
        expect_done(page, before + 1)
        expect(page.locator("#review-notice")).to_be_hidden()


def test_it_works_by_touch_on_a_phone(browser: Browser, server: Server) -> None:
    with signed_in(browser, server, 390) as page:
        page.goto(f"{server.url}{QUEUE}")
        before = done_on(page)
        assert_it_fits(page)
        page.get_by_role("button", name="Rejeitar").click()
        expect_done(page, before + 1)
        page.get_by_role("link", name="Corrigir").click()
        page.get_by_label("Resposta melhor").fill("Melhor assim.")
        page.get_by_role("button", name="Salvar a correção").click()
        expect_done(page, before + 2)
        page.get_by_role("button", name="Desfazer").click()
        expect_done(page, before + 1)
        assert_it_fits(page)


def test_it_works_where_its_script_did_not_load(browser: Browser, server: Server) -> None:
    context = browser.new_context(locale="pt-BR")
    page = context.new_page()
    page.route("**/admin_aion/review*.js", lambda route: route.abort())
    sign_in(page, server)
    page.goto(f"{server.url}{QUEUE}")
    before, question = done_on(page), question_on(page)
    page.get_by_role("button", name="Aprovar").click()
    expect_done(page, before + 1)
    assert question_on(page) != question
    page.get_by_role("button", name="Desfazer").click()
    expect_done(page, before)
    assert question_on(page) == question
    context.close()
