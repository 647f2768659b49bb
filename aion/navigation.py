"""The sidebar: the screens of all rooms under the headings that staff look for. Shows only what a person may open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from telemetry.alarms.keeping import open_count

# heading -> (title, material icon, "app.model") of each screen
SCREENS: tuple[tuple[Promise, tuple[tuple[Promise, str, str], ...]], ...] = (
    (
        _("Alarms"),
        (
            (_("Alarms"), "notifications", "telemetry.alarm"),
            (_("Notices sent"), "outgoing_mail", "telemetry.alarmdelivery"),
            (_("Destinations of alarms"), "send", "telemetry.alarmchannel"),
            (_("Exceptions to the alarms"), "notifications_off", "telemetry.alarmrule"),
        ),
    ),
    (
        _("Questions"),
        (
            (_("Answered questions"), "forum", "telemetry.question"),
            (_("Conversations"), "chat", "chat.conversation"),
            (_("Feedback"), "thumbs_up_down", "telemetry.feedback"),
            (_("Reviews"), "fact_check", "telemetry.review"),
            (_("Events"), "timeline", "telemetry.event"),
        ),
    ),
    (
        _("Knowledge"),
        (
            (_("Documents"), "description", "retrieval.document"),
            (_("Gaps"), "contact_support", "telemetry.gap"),
            (_("Uploads"), "upload_file", "retrieval.ingestjob"),
            (_("Watched folders"), "folder_open", "retrieval.watchedfolder"),
            (_("Sites"), "language", "retrieval.site"),
            (_("Pages of the sites"), "travel_explore", "retrieval.crawledpage"),
            (_("Golden questions"), "quiz", "retrieval.goldenquestion"),
            (_("Answer quality"), "trending_up", "chat.evaluationrun"),
            (_("Embedders"), "hub", "retrieval.embeddinggeneration"),
        ),
    ),
    (
        _("Model"),
        (
            (_("Nights"), "bedtime", "telemetry.night"),
            (_("Adapters"), "extension", "inference.adapter"),
            (_("Training runs"), "model_training", "inference.trainingrun"),
            (_("Examinations"), "fact_check", "inference.examination"),
            (_("Calibrations"), "query_stats", "chat.calibration"),
            (_("Dataset exports"), "dataset", "telemetry.datasetexport"),
            (_("Training sets"), "school", "telemetry.trainingset"),
        ),
    ),
    (
        _("Budget"),
        (
            (_("Limits"), "savings", "telemetry.budgetlimit"),
            (_("Ledger"), "receipt_long", "telemetry.ledgerentry"),
            (_("Reservations"), "hourglass_top", "telemetry.reservation"),
            (_("Prices of paid models"), "sell", "telemetry.modelprice"),
            (_("Exchange rates"), "currency_exchange", "telemetry.exchangerate"),
        ),
    ),
    (
        _("Settings"),
        (
            (_("Answer settings"), "tune", "chat.chatsettingsrevision"),
            (_("Differences by group"), "groups", "chat.grouppolicyrevision"),
            (_("Learning loop"), "autorenew", "telemetry.loopsettings"),
            (_("Scheduled tasks"), "schedule", "django_celery_beat.periodictask"),
        ),
    ),
    (
        _("Governance"),
        (
            (_("Audit trail"), "history", "telemetry.auditentry"),
            (_("Requests about people's data"), "person_search", "telemetry.datarequest"),
            (_("Retention"), "auto_delete", "telemetry.retentionrule"),
        ),
    ),
    (
        _("Access"),
        (
            (_("Users"), "person", "auth.user"),
            (_("Groups"), "group", "auth.group"),
            (_("API keys"), "key", "chat.apikey"),
        ),
    ),
)

# pages that are no list, above the list of their "app.model": (title, material icon, name of the address, permission)
PAGES: Mapping[str, tuple[Promise, str, str, str]] = {
    "retrieval.document": (_("Try the search"), "search", "admin:panel_search", "retrieval.view_document"),
    "retrieval.goldenquestion": (
        _("Search quality"),
        "monitoring",
        "admin:panel_search_quality",
        "retrieval.view_goldenquestion",
    ),
    "telemetry.review": (_("Review queue"), "rate_review", "admin:telemetry_review_queue", "telemetry.review_answers"),
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation: the panel and its metrics first, then every heading with its screens."""
    panel = {"title": _("Panel"), "icon": "dashboard", "link": reverse("admin:index")}
    metrics = {
        "title": _("Metrics"),
        "icon": "bar_chart",
        "link": reverse("admin:metrics"),
        "permission": may("telemetry.view_event"),
    }
    return [{"items": [panel, metrics]}] + [
        {
            "title": heading,
            "separator": True,
            "items": [item for screen in screens for item in _items(*screen)],
        }
        for heading, screens in SCREENS
    ]


def _items(title: Promise, icon: str, model: str) -> Iterator[dict[str, Any]]:
    listed = {"title": title, "icon": icon, "link": changelist(model), "permission": may_view(model)}
    if model == "telemetry.alarm":
        listed |= {"badge": open_count(settings.PRIMARY_TENANT_ID), "badge_variant": "danger"}
    if model in PAGES:
        page, page_icon, address, code = PAGES[model]
        link = reverse(address)
        yield {"title": page, "icon": page_icon, "link": link, "permission": may(code)}
        listed["active"] = lambda request: (
            request.path.startswith(changelist(model)) and not request.path.startswith(link)
        )
    yield listed


def changelist(model: str) -> str:
    """The address of a model's list, given "app.model"."""
    return reverse(f"admin:{model.replace('.', '_')}_changelist")


def may(code: str) -> Callable[[HttpRequest], bool]:
    """Whether the person of a request has that permission."""
    return lambda request: request.user.has_perm(code)


def may_view(model: str) -> Callable[[HttpRequest], bool]:
    """Whether the person of a request may open that list, as unfold asks for it."""
    app, name = model.split(".")
    codes = (f"{app}.view_{name}", f"{app}.change_{name}")
    return lambda request: any(request.user.has_perm(code) for code in codes)
