"""Why an address is not fetched, or what came of fetching it: codes for programs, sentences for staff."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Reason(models.TextChoices):
    BAD_ADDRESS = "bad_address", _("the address cannot be read")
    CREDENTIALS = "credentials", _("the address holds a user name or a password")
    OFF_SITE = "off_site", _("it is outside the site")
    EXCLUDED = "excluded", _("its path is left out in the site's settings")
    TOO_DEEP = "too_deep", _("it is more links away than the site's settings allow")
    LIMIT = "limit", _("the site's limit of pages is reached")
    OTHER_SITE = "other_site", _("another site of the list reads it")
    ROBOTS = "robots", _("the site's robots.txt does not allow it")
    ROBOTS_UNREACHABLE = "robots_unreachable", _("the site's robots.txt could not be read, so nothing may be fetched")
    NO_INDEX = "no_index", _("the page asks not to be indexed")
    NOT_PUBLIC = "not_public", _("the address leads into a private network")
    REDIRECTS = "redirects", _("it redirects too many times")
    UNREACHABLE = "unreachable", _("the server could not be reached")
    TOO_SLOW = "too_slow", _("the server took too long")
    TOO_LARGE = "too_large", _("it is larger than the limit")
    TYPE = "type", _("this type of content is not read")
    SERVER_ERROR = "server_error", _("the server answered with an error")
    FORBIDDEN = "forbidden", _("the server wants a login")
    GONE = "gone", _("the page is no longer there")
    UNLINKED = "unlinked", _("no page of the site leads to it any more")
    MOVED = "moved", _("it leads to another address of the site")
    EMPTY = "empty", _("it has no text of its own")
    UNREADABLE = "unreadable", _("its content could not be read")


class FetchFailed(Exception):
    """An address that gave nothing; `detail` is for the log and for who looks closer."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
