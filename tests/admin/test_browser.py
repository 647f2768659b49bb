"""The panel in a real browser against the real server: tau is moved and saved, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import PATIENCE_MS, needs_chromium, running_browser
from tests.http.served import PASSWORD, Server, running_server

WIDTHS = (1280, 390)

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@contextmanager
def signed_in(browser: Browser, server: Server, width: int) -> Iterator[Page]:
    """A page of the panel that fails the test for any error in the console."""
    page = browser.new_page(viewport={"width": width, "height": 900}, locale="pt-BR")
    page.set_default_timeout(PATIENCE_MS)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    sign_in(page, server)
    yield page
    page.close()
    assert problems == []


def sign_in(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/admin/")
    page.get_by_label("Usuário").fill("chefe")
    page.get_by_label("Senha", exact=False).first.fill(PASSWORD)
    page.get_by_role("button", name="Acessar").click()
    expect(page).to_have_url(f"{server.url}/admin/")


def assert_it_fits(page: Page) -> None:
    excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert excess <= 0, f"{page.url} is {excess} px too wide"


@pytest.mark.parametrize("width", WIDTHS)
def test_tau_is_moved_confirmed_and_saved(browser: Browser, server: Server, width: int) -> None:
    with signed_in(browser, server, width) as page:
        expect(page.get_by_role("heading", name="Situação geral")).to_be_visible()
        assert_it_fits(page)
        slider = page.get_by_role("slider", name="tau")
        slider.focus()
        before = float(slider.input_value())
        slider.press("ArrowRight")
        after = f"{before + 0.01:.2f}".replace(".", ",")
        expect(page.locator("output")).to_have_text(after)
        page.get_by_role("button", name="Salvar o tau…").click()

        expect(page.get_by_role("cell", name=after)).to_be_visible()
        assert_it_fits(page)
        page.get_by_label("Motivo").fill(f"ensaio em {width} pixels")
        page.get_by_role("button", name="Salvar o tau").click()
        expect(page.get_by_text(f"O tau passou de {before:.2f}".replace(".", ","))).to_be_visible()

        page.goto(f"{server.url}/admin/chat/chatsettingsrevision/")
        expect(page.get_by_text(f"ensaio em {width} pixels")).to_be_visible()
        assert_it_fits(page)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_main_screens_fit_and_raise_no_error(browser: Browser, server: Server, width: int) -> None:
    with signed_in(browser, server, width) as page:
        for screen in (
            "telemetry/question/",
            "telemetry/budgetlimit/",
            "telemetry/budgetlimit/add/",
            "telemetry/modelprice/",
            "telemetry/exchangerate/",
            "telemetry/exchangerate/add/",
            "retrieval/document/",
            "retrieval/ingestjob/add/",
            "retrieval/embeddinggeneration/",
            "retrieval/embeddinggeneration/build/",
            "retrieval/site/",
            "retrieval/site/add/",
            "retrieval/crawledpage/",
            "chat/apikey/add/",
            "chat/chatsettingsrevision/add/",
            "chat/grouppolicyrevision/",
            "chat/grouppolicyrevision/add/",
            "auth/group/add/",
            "django_celery_beat/periodictask/",
            "panel/export-dataset/",
            "panel/test-fallback/",
            "panel/run-night/",
            "telemetry/night/",
            "telemetry/gap/",
            "telemetry/gap/alone/",
        ):
            page.goto(f"{server.url}/admin/{screen}")
            assert_it_fits(page)
        page.goto(f"{server.url}/admin/retrieval/document/")
        page.locator("#result_list a[href*='/change/']").first.click()
        expect(page.get_by_role("heading", name="Texto, com os trechos marcados")).to_be_visible()
        assert_it_fits(page)
