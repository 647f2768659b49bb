"""Visits to a real server: what is read, what is kept current, what is retired and what is not."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from retrieval.crawling import pages
from retrieval.crawling.fetching import Fetcher
from retrieval.crawling.preview import preview
from retrieval.crawling.reasons import Reason
from retrieval.crawling.sites import change_access, due_sites, remove_site
from retrieval.crawling.visiting import MISSES, SiteBusy, visit
from retrieval.documents import set_groups
from retrieval.ingestion import ingest_text
from retrieval.models import CrawledPage, Document, Site
from retrieval.results import SearchScope
from retrieval.search import retrieve
from tests.retrieval import files
from tests.retrieval.crawling.website import Answer, Website

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("word_embedder")]
Visit = Callable[..., Site]
Status = CrawledPage.Status


@pytest.fixture
def site(website: Website) -> Site:
    return Site.objects.create(tenant="default", address=f"{website.url}/")


@pytest.fixture
def go(site: Site, fetcher: Fetcher) -> Visit:
    """Visit the site from beginning to end; its row afterwards."""

    def visit_all(**changes: Any) -> Site:
        Site.objects.filter(pk=site.pk).update(**changes)
        while visit(site.pk, fetcher=fetcher, forced=True) is not None:
            pass
        site.refresh_from_db()
        return site

    return visit_all


def documents() -> dict[str, str]:
    return {"/" + document.source.split("/", 3)[3]: document.title for document in Document.objects.all()}


def page(path: str) -> CrawledPage:
    return CrawledPage.objects.get(url__endswith=path)


def test_linked_and_listed_pages_become_documents_with_title_and_address(website: Website, go: Visit) -> None:
    website.page("/", "Museu da cidade.", "/horarios", "https://outro.br/", "mailto:a@b.c")
    website.page("/horarios", "Abre às 10h.", "/")
    website.page("/so-no-mapa", "Exposição escondida.")
    website.says("/sitemap.xml", f"<urlset><url><loc>{website.url}/so-no-mapa</loc></url></urlset>".encode())
    report = go().report
    assert documents() == {"/": "Museu da cidade.", "/horarios": "Abre às 10h.", "/so-no-mapa": "Exposição escondida."}
    assert (report["read"], report["changed"], report["retired"], report["problem"]) == (3, 3, 0, "")
    found = Document.objects.get(source__endswith="/horarios")
    assert found.url == f"{website.url}/horarios"
    assert "https://outro.br/" not in found.text
    assert page("/horarios").document_id == found.pk


def test_headings_tables_and_lists_are_kept_and_menus_are_not(website: Website, go: Visit) -> None:
    table = "<table><tr><th>Tipo</th><th>Preço</th></tr><tr><td>Inteira</td><td>R$ 20,00</td></tr></table>"
    text = "O museu abre de terça a domingo, das 10h às 18h, e fecha na segunda-feira para manutenção."
    body = f"<form><div class=menu><a href=/x>Início</a></div><div id=conteudo><h1>Visite</h1><p>{text}</p>"
    body += f"<h2>Ingressos</h2>{table}<ul><li>Crianças até 5 anos não pagam.</li></ul></div></form>"
    body += "<div class=footer>Direitos reservados</div>"
    website.says("/", f"<title>Visite o museu</title>{body}".encode(), Content_Type="text/html")
    go()
    found = Document.objects.get()
    assert "Tipo: Inteira; Preço: R$ 20,00" in found.text
    assert "- Crianças até 5 anos não pagam." in found.text
    assert "Início" not in found.text
    assert "\nIngressos\n" in found.text


def test_a_pdf_of_the_site_is_read_too(website: Website, go: Visit) -> None:
    website.page("/", "Documentos.", "/edital.pdf", "/foto.jpg")
    website.says("/edital.pdf", files.pdf("O edital abre em maio."), Content_Type="application/pdf")
    website.says("/foto.jpg", b"\xff\xd8", Content_Type="image/jpeg")
    go()
    assert "O edital abre em maio." in Document.objects.get(source__endswith="/edital.pdf").text
    assert page("/foto.jpg").reason == Reason.TYPE


def test_robots_and_excluded_paths_are_never_asked_for(website: Website, go: Visit) -> None:
    website.says("/robots.txt", b"User-agent: *\nDisallow: /interno")
    website.page("/", "Início.", "/interno/a", "/noticias/b", "/c")
    website.page("/c", "Conteúdo.")
    go(exclude=["/noticias"])
    assert set(website.paths()) == {"/robots.txt", "/sitemap.xml", "/", "/c"}


def test_a_robots_file_that_fails_stops_the_visit_and_retires_nothing(website: Website, go: Visit) -> None:
    website.page("/", "Início.")
    go()
    website.says("/robots.txt", status=503)
    website.says("/", status=404)
    assert go().report["problem"] == Reason.ROBOTS_UNREACHABLE
    assert documents() == {"/": "Início."}


def test_an_unchanged_page_is_not_sent_again_and_leads_where_it_led(website: Website, go: Visit) -> None:
    website.page("/", "Início.", "/a", ETag='"v1"', **{"Last-Modified": "Mon, 01 Jun 2026 10:00:00 GMT"})
    whole = website.answers["/"]
    assert isinstance(whole, Answer)

    def front(headers: dict[str, str]) -> Answer:
        return Answer(status=304) if headers.get("if-none-match") == '"v1"' else whole

    website.answers["/"] = front
    website.page("/a", "Antes.")
    go()
    website.page("/a", "Depois.")
    report = go().report
    assert website.asked[-2].headers["if-modified-since"] == "Mon, 01 Jun 2026 10:00:00 GMT"
    assert (report["read"], report["changed"]) == (2, 1)
    assert documents() == {"/": "Início.", "/a": "Depois."}


def test_a_document_that_staff_deleted_is_read_again(website: Website, go: Visit) -> None:
    website.page("/", "Início.", ETag='"v1"')
    go()
    Document.objects.get().delete()
    go()
    assert "if-none-match" not in website.asked[-1].headers
    assert documents() == {"/": "Início."}


@pytest.mark.parametrize("status", [404, 410])
def test_a_vanished_page_leaves_the_search_and_the_report_says_so(website: Website, go: Visit, status: int) -> None:
    website.page("/", "Início.", "/velha")
    website.page("/velha", "Promoção antiga de inverno.")
    go()
    website.says("/velha", status=status)
    report = go().report
    assert report["retired_pages"] == [{"url": f"{website.url}/velha", "reason": "gone"}]
    assert documents() == {"/": "Início."}
    found = retrieve("promoção antiga de inverno", scope=SearchScope(tenant="default"))
    assert all(hit.title != "Promoção antiga de inverno." for hit in found.selected)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_failing_site_retires_nothing(website: Website, go: Visit, status: int) -> None:
    website.page("/", "Início.", "/a")
    website.page("/a", "Conteúdo.")
    go()
    for _visit in range(MISSES + 1):
        website.says("/", status=status, Retry_After="0")
        website.says("/a", status=status, Retry_After="0")
        assert go().report["retired"] == 0
    assert len(documents()) == 2
    assert page("/a").status == Status.FAILED


def test_a_site_that_is_down_is_left_after_a_few_pages(website: Website, go: Visit) -> None:
    website.page("/", "Início.", *(f"/p{number}" for number in range(20)))
    for number in range(20):
        website.says(f"/p{number}", status=500)
    report = go().report
    assert report["problem"] == Reason.UNREACHABLE
    assert len([path for path in website.paths() if path.startswith("/p")]) == 5


def test_a_page_that_nobody_links_to_is_retired_after_several_whole_visits(website: Website, go: Visit) -> None:
    website.page("/", "Início.", "/solta")
    website.page("/solta", "Página solta.")
    go()
    website.page("/", "Início novo.")
    for _visit in range(MISSES - 1):
        assert go().report["retired"] == 0
    website.says("/quebrada", status=500)
    website.page("/", "Início quebrado.", "/quebrada")
    assert go().report["retired"] == 0
    website.page("/", "Início inteiro.")
    website.says("/quebrada", status=404)
    assert go().report["retired_pages"] == [{"url": f"{website.url}/solta", "reason": "unlinked"}]


def test_a_page_behind_a_login_is_kept_until_it_is_sure(website: Website, go: Visit) -> None:
    website.page("/", "Início.", "/a")
    website.page("/a", "Conteúdo.")
    go()
    website.says("/a", status=403)
    for _visit in range(MISSES - 1):
        go()
    assert "/a" in documents()
    go()
    assert "/a" not in documents()
    assert page("/a").reason == Reason.FORBIDDEN


def test_newly_forbidden_and_excluded_pages_leave_the_search(website: Website, go: Visit) -> None:
    website.page("/", "Início.", "/a", "/b", "/c")
    for name in "abc":
        website.page(f"/{name}", f"Página {name}.")
    go()
    website.says("/robots.txt", b"User-agent: *\nDisallow: /a")
    website.page("/c", "Página c.", head='<meta name="robots" content="noindex">')
    go(exclude=["/b"])
    assert documents() == {"/": "Início."}
    assert [page(f"/{name}").reason for name in "abc"] == [Reason.ROBOTS, Reason.EXCLUDED, Reason.NO_INDEX]


def test_the_same_page_under_several_addresses_is_one_document(website: Website, go: Visit) -> None:
    website.page("/", "Início.", "/a", "/a?utm_source=x", "/a#fim", "/velho", "/a?imprimir=1")
    website.page("/a", "Única.")
    website.page("/a?imprimir=1", "Única, impressa.", head='<link rel="canonical" href="/a">')
    website.says("/velho", status=301, Location="/a")
    go()
    assert documents() == {"/": "Início.", "/a": "Única."}
    assert page("/velho").reason == page("/a?imprimir=1").reason == Reason.MOVED
    assert website.paths().count("/a") == 2  # its own, and where the redirect led


def test_a_canonical_address_that_names_the_first_page_is_not_believed(website: Website, go: Visit) -> None:
    website.page("/", "Início.", "/a")
    website.page("/a", "Conteúdo.", head='<link rel="canonical" href="/">')
    go()
    assert set(documents()) == {"/", "/a"}


def test_of_two_pages_with_one_text_the_other_keeps_it_when_one_vanishes(website: Website, go: Visit) -> None:
    website.page("/", "Início.", "/a", "/b")
    website.page("/a", "O mesmo texto.")
    website.page("/b", "O mesmo texto.")
    go()
    assert set(documents()) == {"/", "/a"}
    website.says("/a", status=404)
    go()
    assert set(documents()) == {"/", "/b"}
    assert page("/b").document_id == Document.objects.get(source__endswith="/b").pk


def test_a_text_that_was_sent_as_a_file_stays_when_its_page_vanishes(website: Website, go: Visit, site: Site) -> None:
    website.page("/", "Início.")
    go()
    document = Document.objects.get()
    Document.objects.update(source="upload:inicio.html")
    website.says("/", status=404)
    go()
    assert Document.objects.get() == document


def test_limits_of_pages_and_links_hold(website: Website, go: Visit) -> None:
    website.page("/", "Início.", "/1")
    for number in range(1, 9):
        website.page(f"/{number}", f"Página {number}.", f"/{number + 1}")
    assert go(max_depth=2).report["read"] == 3
    assert go(max_depth=20, max_pages=5).report["limit"]
    assert len(documents()) == 5


def test_a_calendar_without_end_and_without_text_comes_to_an_end(website: Website, go: Visit) -> None:
    def day(number: int) -> Callable[[dict[str, str]], Answer]:
        def answer(_headers: dict[str, str]) -> Answer:
            website.answers[f"/dia/{number + 1}"] = day(number + 1)
            return Answer(f'<a href="/dia/{number + 1}"></a>'.encode())

        return answer

    website.answers["/"] = day(0)
    go(max_pages=4, max_depth=20)
    assert CrawledPage.objects.count() == 12


def test_a_visit_goes_on_where_it_was_cut_short(website: Website, site: Site, fetcher: Fetcher) -> None:
    website.page("/", "Início.", "/a", "/b")
    website.page("/a", "Página a.")
    website.page("/b", "Página b.")
    slices = 0
    while visit(site.pk, fetcher=fetcher, slice_s=0.25) is not None and slices < 100:
        slices += 1
        if (waiting := CrawledPage.objects.filter(status=Status.WAITING).first()) is not None:
            assert Site.objects.get().visited_at is None, waiting
    assert len(documents()) == 3
    assert sorted(set(website.paths())) == ["/", "/a", "/b", "/robots.txt", "/sitemap.xml"]
    assert website.paths().count("/a") == website.paths().count("/") == 1


def test_a_visit_that_was_killed_is_due_and_goes_on(
    website: Website, site: Site, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    website.page("/", "Início.", "/a")
    website.page("/a", "Página a.")

    def killed(*args: object, **values: object) -> None:
        raise KeyboardInterrupt(signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(pages, "note", killed)  # the document is in, the page not yet noted
        with pytest.raises(KeyboardInterrupt):
            visit(site.pk, fetcher=fetcher)
    assert due_sites(timezone.now()) == [site.pk]
    assert visit(site.pk, fetcher=fetcher) is None
    assert set(documents()) == {"/", "/a"}
    assert due_sites(timezone.now()) == []
    assert due_sites(timezone.now() + timedelta(hours=25)) == [site.pk]


def test_a_site_is_never_visited_twice_at_once(website: Website, site: Site, fetcher: Fetcher) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"retrieval.crawl:{site.pk}"])
        with pytest.raises(SiteBusy):
            visit(site.pk, fetcher=fetcher)
    finally:
        other.close()
    assert website.asked == []


def test_an_inactive_site_is_visited_when_asked_for_only(website: Website, site: Site, fetcher: Fetcher) -> None:
    website.page("/", "Início.")
    Site.objects.update(is_active=False)
    assert due_sites(timezone.now()) == []
    visit(site.pk, fetcher=fetcher)
    assert website.asked == []
    visit(site.pk, fetcher=fetcher, forced=True)
    assert documents() == {"/": "Início."}


def test_pages_carry_the_groups_of_their_site_and_what_was_closed_by_hand_stays_closed(
    website: Website, go: Visit, site: Site
) -> None:
    website.page("/", "Início.", "/a")
    website.page("/a", "Conteúdo.")
    go(groups=["rh"], labels=["local-only"])
    closed = Document.objects.get(source__endswith="/a")
    set_groups(closed.pk, ["diretoria"])
    Site.objects.update(groups=["todos"])
    site.refresh_from_db()
    assert change_access(site, labels=["local-only"], groups=["rh"]) == 1
    groups = dict(Document.objects.values_list("title", "groups"))
    assert groups == {"Início.": ["todos"], "Conteúdo.": ["diretoria"]}


def test_two_sites_never_share_a_page(website: Website, go: Visit, site: Site, fetcher: Fetcher) -> None:
    website.page("/", "Início.", "/rh")
    website.page("/rh", "Férias.")
    go()
    other = Site.objects.create(tenant="default", address=f"{website.url}/rh")
    visit(other.pk, fetcher=fetcher)
    assert page("/rh").site_id == site.pk
    assert {verdict.reason for verdict in preview(other, fetcher=fetcher).verdicts} == {Reason.OTHER_SITE}


def test_a_site_taken_off_the_list_leaves_nothing_but_what_came_otherwise(
    website: Website, go: Visit, site: Site
) -> None:
    website.page("/", "Início.", "/a")
    website.page("/a", "Conteúdo.")
    go()
    ingest_text("Manual", "Texto.", tenant="default")
    remove_site(site)
    assert list(Document.objects.values_list("title", flat=True)) == ["Manual"]
    assert not CrawledPage.objects.exists()


def test_a_preview_says_what_would_be_fetched_and_why_not_and_stores_nothing(
    website: Website, site: Site, fetcher: Fetcher
) -> None:
    website.says("/robots.txt", f"User-agent: *\nDisallow: /b\nSitemap: {website.url}/mapa.xml\n".encode())
    website.says("/mapa.xml", f"<urlset><url><loc>{website.url}/m</loc></url></urlset>".encode())
    website.page("/", "Início.", "/a", "/b", "/c/x", "https://outro.br/", "http://ana:x@localhost/", "/d", "/e")
    site.exclude, site.max_pages = ["/c"], 4
    seen = preview(site, fetcher=fetcher)
    names = {verdict.url.removeprefix(website.url): verdict.reason for verdict in seen.verdicts}
    assert names == {
        "/": "", "/m": "", "/a": "", "/b": "robots", "/c/x": "excluded", "https://outro.br/": "off_site",
        "http://ana:x@localhost/": "credentials", "/d": "", "/e": "limit",
    }  # fmt: skip
    assert (seen.in_sitemaps, seen.problem) == (1, "")
    assert not CrawledPage.objects.exists()


def test_a_preview_of_a_private_or_forbidding_site_says_why(website: Website, site: Site, fetcher: Fetcher) -> None:
    assert preview(site, fetcher=Fetcher(least_s=0)).problem == Reason.NOT_PUBLIC
    website.says("/robots.txt", b"User-agent: *\nDisallow: /")
    assert preview(site, fetcher=fetcher).problem == Reason.ROBOTS
    website.says("/robots.txt", b"User-agent: *\nCrawl-delay: 100")
    website.page("/", "Início.")
    assert preview(site, fetcher=fetcher).is_cut
