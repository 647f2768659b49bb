"""Sites are listed, previewed, visited on request and taken off the list; their pages say why they are not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from retrieval import tasks
from retrieval.models import CrawledPage, Document, Site

pytestmark = pytest.mark.django_db
ADD = reverse("admin:retrieval_site_add")
LIST = reverse("admin:retrieval_site_changelist")
TYPED = {
    "address": "WWW.Exemplo.com.br", "is_active": "on", "every_hours": "24", "include": "/rh\n\n/faq ", "exclude": "",
    "max_pages": "100", "max_depth": "3", "labels": "b, a, b", "groups": "",
}  # fmt: skip


@pytest.fixture
def site(db: None) -> Site:
    return Site.objects.create(tenant="default", address="http://127.0.0.1/", groups=["rh"])


def a_page(site: Site, document: Document | None = None, **values: Any) -> CrawledPage:
    now = timezone.now()
    return CrawledPage.objects.create(
        site=site, url="http://127.0.0.1/a", depth=1, document=document, first_seen=now, last_seen=now, **values
    )


def test_an_empty_list_says_what_to_do_next(owning: Client) -> None:
    page = owning.get(LIST).content.decode()
    assert "Ainda não há nenhum: adicione o endereço de um site" in page
    assert ADD in page


def test_a_site_is_added_as_people_type_it_and_its_preview_follows(owning: Client) -> None:
    answer = owning.post(ADD, TYPED)
    site = Site.objects.get()
    assert (site.address, site.include, site.labels) == ("https://www.exemplo.com.br/", ["/rh", "/faq"], ["a", "b"])
    assert site.tenant == "default"
    assert answer["Location"] == reverse("admin:retrieval_site_preview", args=[site.pk])
    assert site.history.count() == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("https://ana:senha@exemplo.com.br/", "nome de usuário ou uma senha"),
        ("file:///etc/passwd", "não é um endereço que se possa ler"),
        ("127.0.0.1", "já está na lista"),
    ],
)
def test_an_address_that_cannot_be_listed_is_refused_with_the_reason(owning: Client, typed: str, said: str) -> None:
    Site.objects.create(tenant="default", address="https://127.0.0.1/")
    page = owning.post(ADD, TYPED | {"address": typed}).content.decode()
    assert said in page
    assert Site.objects.count() == 1


def test_a_private_address_is_never_asked_and_the_preview_says_so(owning: Client, site: Site) -> None:
    page = owning.get(reverse("admin:retrieval_site_preview", args=[site.pk])).content.decode()
    assert "Nada seria lido: o endereço leva a uma rede privada." in page


def test_a_visit_is_asked_for_after_confirmation(
    owning: Client, site: Site, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(tasks.visit_site, "delay", lambda *args, **values: asked.append((*args, values)))
    address = reverse("admin:retrieval_site_visit", args=[site.pk])
    with django_capture_on_commit_callbacks(execute=True):
        assert "Visitar agora" in owning.get(address).content.decode()
        assert asked == []
        owning.post(address, {"confirmed": "yes"})
    assert asked == [(site.pk, {"forced": True})]
    assert LogEntry.objects.count() == 1


def test_a_site_being_visited_is_not_visited_again(owning: Client, site: Site) -> None:
    Site.objects.update(visit_started_at=timezone.now())
    page = owning.post(reverse("admin:retrieval_site_visit", args=[site.pk])).content.decode()
    assert "O site está sendo visitado" in page
    assert not LogEntry.objects.exists()


def test_who_may_only_look_neither_previews_nor_visits(staff_with: Callable[..., Client], site: Site) -> None:
    client = staff_with("retrieval.view_site")
    for name in ("preview", "visit"):
        address = reverse(f"admin:retrieval_site_{name}", args=[site.pk])
        assert client.get(address).status_code == client.post(address).status_code == 403


def test_the_last_report_is_told_in_words(owning: Client, site: Site) -> None:
    retired = [{"url": "http://127.0.0.1/velha", "reason": "gone"}]
    report = {"began": "x", "read": 1, "changed": 0, "failed": 2, "refused": 0, "retired": 1, "limit": False}
    Site.objects.update(report=report | {"problem": "", "retired_pages": retired}, visited_at=timezone.now())
    page = owning.get(reverse("admin:retrieval_site_change", args=[site.pk])).content.decode()
    assert "1 página lida; 0 com texto novo; 1 saiu da busca; 2 falharam." in page
    assert "http://127.0.0.1/velha" in page
    assert "a página não existe mais" in page
    assert "em dia" in owning.get(LIST).content.decode()


def test_new_groups_of_a_site_hold_for_its_pages_at_once(owning: Client, site: Site, document: Document) -> None:
    Document.objects.update(source="http://127.0.0.1/a", groups=["rh"])
    a_page(site, document, status="read")
    owning.post(
        reverse("admin:retrieval_site_change", args=[site.pk]), TYPED | {"address": site.address, "groups": "diretoria"}
    )
    document.refresh_from_db()
    assert document.groups == ["diretoria"]


def test_a_site_is_deleted_with_its_documents(owning: Client, site: Site, document: Document) -> None:
    Document.objects.update(source="http://127.0.0.1/a")
    a_page(site, document, status="read")
    address = reverse("admin:retrieval_site_delete", args=[site.pk])
    assert owning.get(address).status_code == 200
    owning.post(address, {"post": "yes"})
    assert not Site.objects.exists()
    assert not Document.objects.exists()


def test_pages_say_why_they_are_not_read(owning: Client, site: Site) -> None:
    a_page(site, status="refused", reason="robots")
    page = owning.get(reverse("admin:retrieval_crawledpage_changelist")).content.decode()
    assert "o robots.txt do site não permite" in page
    assert "não lida" in page
