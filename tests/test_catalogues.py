"""What AION says in Portuguese: each room brings its catalogue, and Django lets the last one win."""

from __future__ import annotations

from collections import defaultdict
from gettext import GNUTranslations

from django.conf import settings


def test_no_room_translates_the_words_of_another_otherwise() -> None:
    said: dict[object, dict[str, str]] = defaultdict(dict)
    for file in sorted(settings.BASE_DIR.glob("[!.]*/**/pt_BR/LC_MESSAGES/django.mo")):
        with file.open("rb") as opened:
            for english, portuguese in GNUTranslations(opened)._catalog.items():  # type: ignore[attr-defined]  # all there is
                if english:
                    said[english][file.parts[-5]] = portuguese
    assert {english: rooms for english, rooms in said.items() if len(set(rooms.values())) > 1} == {}
