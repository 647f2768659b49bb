"""The page of metrics: for whom it is, what stands on it, and the files of its charts."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from aion.metrics.page import BUILDERS
from retrieval.models import Document
from telemetry.rollups.keeping import keep_all

pytestmark = pytest.mark.django_db
PAGE = "admin:metrics"


@pytest.fixture
def counted(installation: User) -> User:
    """The filled installation, its events counted."""
    keep_all()
    return installation


def rows_of(client: Client, slug: str, **asked: str) -> list[list[str]]:
    response = client.get(reverse("admin:metrics_csv", args=[slug]), asked)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = response.content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text), delimiter=";"))


def test_of_an_empty_installation_every_chart_says_what_to_do(owning: Client) -> None:
    page = owning.get(reverse(PAGE)).content.decode()
    assert "Ninguém perguntou nada neste período" in page
    assert reverse("admin:retrieval_ingestjob_add") in page
    assert "data-chart" not in page


@pytest.mark.usefixtures("counted")
def test_every_chart_has_words_a_table_and_files(owning: Client) -> None:
    page = owning.get(reverse(PAGE)).content.decode()
    drawn = re.findall(r'<script id="([a-z-]+)-data" type="application/json">(.*?)</script>', page)
    assert {"routes", "confidence", "reliability", "latency", "stages"} <= {slug for slug, _data in drawn}
    for slug, data in drawn:
        chart = json.loads(data)
        assert all(len(series["values"]) == len(chart["labels"]) for series in chart["series"]), slug
        assert f'data-chart="{slug}-data"' in page
        assert f'data-png="{slug}"' in page
        assert reverse("admin:metrics_csv", args=[slug]) in page
    assert page.count('<canvas role="img" aria-label=') == len(drawn)
    assert "1 pergunta: 100,0\N{NO-BREAK SPACE}% local" in page
    assert ">Sintra</a>" in page


@pytest.mark.usefixtures("counted")
def test_nothing_on_the_page_is_a_script_of_its_own_or_of_somebody_else(owning: Client) -> None:
    page = owning.get(reverse(PAGE)).content.decode()
    own = page[page.index('class="aion-stack"') :]
    assert not re.findall(r'<script(?![^>]*(?:src=|type="application/json"))', own)
    assert not re.findall(r'src="https?://', page)
    assert " onclick=" not in page


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("asked", [{"range": "7"}, {"range": "365"}, {"range": "7", "by": "hour"}])
def test_the_period_is_chosen(owning: Client, asked: dict[str, str]) -> None:
    response = owning.get(reverse(PAGE), asked)
    assert response.status_code == 200
    assert response.context["period"].days == int(asked["range"])


def test_a_period_that_makes_no_sense_is_said(owning: Client) -> None:
    asked = {"range": "own", "first": "2026-10-02", "last": "2026-10-01"}
    assert "O último dia vem antes do primeiro." in owning.get(reverse(PAGE), asked).content.decode()


@pytest.mark.usefixtures("counted")
def test_a_chart_is_downloaded_as_the_table_below_it(owning: Client) -> None:
    rows = rows_of(owning, "routes", range="7")
    assert rows[0] == ["Dia", "local", "API paga", "não encontrado", "falhou"]
    assert len(rows) == 8
    assert rows[-1][1:] == ["1", "0", "0", "0"]
    judged = [row for row in rows_of(owning, "reliability")[1:] if row[1] != "0"]
    assert [row[:3] for row in judged] == [["0,90–0,95", "1", "0"]]  # a review said that it was wrong


@pytest.mark.usefixtures("counted")
def test_a_document_named_like_a_formula_is_text_in_the_file(owning: Client) -> None:
    Document.objects.create(
        tenant="default", title="=HYPERLINK(1)", source="f.md", media_type="text/plain", sha256="2" * 64, size_bytes=1
    )
    assert "'=HYPERLINK(1)" in [row[0] for row in rows_of(owning, "dead-documents")]


def test_every_chart_has_its_file_and_nothing_else_has_one(owning: Client) -> None:
    for slug in BUILDERS:
        assert owning.get(reverse("admin:metrics_csv", args=[slug])).status_code == 200, slug
    assert owning.get(reverse("admin:metrics_csv", args=["other"])).status_code == 404


def test_it_is_for_those_who_may_see_events(staff_with: Callable[..., Client]) -> None:
    client = staff_with("retrieval.view_document")
    assert client.get(reverse(PAGE)).status_code == 403
    assert client.get(reverse("admin:metrics_csv", args=["routes"])).status_code == 403
    assert reverse(PAGE) not in client.get(reverse("admin:index")).content.decode()


@pytest.mark.usefixtures("counted")
def test_documents_are_links_for_those_who_may_open_them_only(staff_with: Callable[..., Client]) -> None:
    page = staff_with("telemetry.view_event").get(reverse(PAGE)).content.decode()
    assert 'title="Sintra">Sintra</th>' in page
    assert not re.findall(r"/admin/retrieval/document/[0-9a-f]", page)


def test_strangers_sign_in_first() -> None:
    assert Client().get(reverse(PAGE)).status_code == 302
    assert Client().get(reverse("admin:metrics_csv", args=["routes"])).status_code == 302


def test_it_only_reads(owning: Client) -> None:
    assert owning.post(reverse(PAGE)).status_code == 405


def test_the_page_is_found_below_the_panel(owning: Client) -> None:
    page = owning.get(reverse("admin:index")).content.decode()
    sidebar = page[page.index("nav-sidebar-apps") :]
    assert sidebar.index(f'href="{reverse("admin:index")}"') < sidebar.index(f'href="{reverse(PAGE)}"')
