"""How the control panel looks and what its sidebar holds: django-unfold's settings, grouped for people, not by app."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

# Teal, one step darker than usual at 500-900 so that white text on 600 has a contrast of 5.5 to 1.
PRIMARY = {
    "50": "#f0fdfa",
    "100": "#ccfbf1",
    "200": "#99f6e4",
    "300": "#5eead4",
    "400": "#2dd4bf",
    "500": "#0d9488",
    "600": "#0f766e",
    "700": "#115e59",
    "800": "#134e4a",
    "900": "#0b3b38",
    "950": "#042f2e",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "AION",
    "SITE_HEADER": "AION",
    "SITE_SUBHEADER": _("Control panel"),
    "SITE_SYMBOL": "forum",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("admin_aion/favicon.svg")},
    ],
    "COLORS": {"primary": PRIMARY},
    "STYLES": [lambda request: static("admin_aion/panel.css")],
    "SCRIPTS": [lambda request: static("admin_aion/panel.js")],
    "DASHBOARD_CALLBACK": "aion.dashboard.first_page",
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "aion.navigation.sidebar"},
}
