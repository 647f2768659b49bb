"""The page of metrics in a real browser: charts are drawn in both themes, tables open, files come."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.admin.test_browser import WIDTHS, assert_it_fits, signed_in
from tests.admin.test_review_keys import ask
from tests.browser import needs_chromium, running_browser
from tests.http.served import BASE_DIR, Server, running_server

pytestmark = needs_chromium
TICKS = "Chart.getChart(document.querySelector('#routes canvas')).options.scales.y.ticks.color"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        for question in ("Quanto custa o passeio a Sintra?", "Posso cancelar o passeio?"):
            ask(running, question)
        environment = {
            **os.environ,
            "AION_VAR_DIR": str(running.var),
            "DATABASE_URL": running.environment["DATABASE_URL"],
        }
        count = [sys.executable, "manage.py", "rebuild_rollups"]
        subprocess.run(count, env=environment, cwd=BASE_DIR, check=True, stdout=subprocess.DEVNULL)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


def downloaded(page: Page, place: str) -> Path:
    with page.expect_download() as download:
        page.locator(place).click()
    return download.value.path()


@pytest.mark.parametrize("width", WIDTHS)
def test_charts_are_drawn_and_come_as_files(browser: Browser, server: Server, width: int) -> None:
    with signed_in(browser, server, width) as page:
        page.get_by_role("link", name="Todas as métricas").click()
        expect(page.get_by_role("heading", name="Perguntas por rota")).to_be_visible()
        assert_it_fits(page)
        canvases = page.locator("canvas[data-chart]")
        drawn = "canvases => canvases.filter(canvas => Chart.getChart(canvas).chartArea.height > 60).length"
        assert canvases.evaluate_all(drawn) == canvases.count() > 5

        page.locator("#routes summary").click()
        expect(page.locator("#routes").get_by_role("columnheader", name="API paga")).to_be_visible()
        assert_it_fits(page)

        csv = downloaded(page, "#routes [href*='routes.csv']").read_text(encoding="utf-8-sig")
        assert csv.startswith("Dia;local;API paga;não encontrado;falhou")
        for chart in ("routes", "documents"):
            picture = downloaded(page, f"#{chart} [data-png]").read_bytes()
            assert picture.startswith(b"\x89PNG")
            assert len(picture) > 5000


def test_the_theme_changes_the_colours_of_what_is_drawn(browser: Browser, server: Server) -> None:
    with signed_in(browser, server, 1280) as page:
        page.goto(f"{server.url}/admin/metrics/")
        light = page.evaluate(TICKS)
        for _press in range(2):  # unfold's key: from what the system says to light, from light to dark
            page.keyboard.press("Control+e")
        page.wait_for_function(f"{TICKS} !== {light!r}")


def test_dates_are_asked_for_where_they_count(browser: Browser, server: Server) -> None:
    with signed_in(browser, server, 1280) as page:
        page.goto(f"{server.url}/admin/metrics/")
        expect(page.get_by_label("De", exact=True)).to_be_hidden()
        page.get_by_label("Período").select_option("own")
        page.get_by_label("De", exact=True).fill("2026-10-01")
        page.get_by_label("Até").fill("2026-10-02")
        page.get_by_role("button", name="Mostrar").click()
        expect(page.get_by_role("heading", name="De 01/10/2026 a 02/10/2026")).to_be_visible()
        expect(page.get_by_text("Ninguém perguntou nada neste período").first).to_be_visible()
