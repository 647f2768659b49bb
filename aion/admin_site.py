"""The control panel's site: unfold's look, AION's titles, and the addresses of the panel's buttons."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite


class AionAdminSite(UnfoldAdminSite):
    """`admin.site`. The first page is `aion.dashboard`; its buttons are `aion.panel_actions`."""

    site_title = "AION"
    site_header = "AION"
    index_title = _("Panel")
    enable_nav_sidebar = True
