"""The control panel's site: unfold's look, AION's titles, and the addresses of the panel's buttons."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite


class AionAdminSite(UnfoldAdminSite):
    """`admin.site`. The first page is `aion.dashboard`; its buttons are `aion.panel_actions`."""

    site_title = "AION"
    site_header = "AION"
    index_title = _("Panel")
    enable_nav_sidebar = True

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page shows: also that the paid API is forced, as long as it is."""
        from chat.forcing import forcing_banner

        context: dict[str, Any] = super().each_context(request)
        return context | {"forcing": forcing_banner(request.user)}

    def get_urls(self) -> list[URLPattern]:
        """The panel's addresses before the models' own."""
        from aion.lineage_views import adapter_lineage, answer_lineage
        from aion.metrics.views import metrics_csv, metrics_page
        from aion.panel_views import check_now, panel_action
        from chat.golden import screens
        from chat.golden.quality_screen import quality_page
        from chat.search_screen import search_page

        lineage = self.admin_view(adapter_lineage)
        own = [
            path("lineage/adapter/<int:adapter_id>/", lineage, name="panel_lineage_adapter"),
            path("lineage/<uuid:event_id>/", self.admin_view(answer_lineage), name="panel_lineage"),
            path("golden/answer/<uuid:event_id>/", self.admin_view(screens.from_answer), name="golden_from_answer"),
            path("golden/import/", self.admin_view(screens.import_file), name="golden_import"),
            path("golden/export/<str:form>/", self.admin_view(screens.export_file), name="golden_export"),
            path("golden/quality/", self.admin_view(quality_page), name="panel_search_quality"),
            path("metrics/", self.admin_view(metrics_page), name="metrics"),
            path("metrics/<slug:slug>.csv", self.admin_view(metrics_csv), name="metrics_csv"),
            path("search/", self.admin_view(search_page), name="panel_search"),
            path("panel/status/", self.admin_view(check_now), name="panel_status"),
            path("panel/<slug:slug>/", self.admin_view(panel_action), name="panel_action"),
        ]
        urls: list[Any] = super().get_urls()
        return own + urls
