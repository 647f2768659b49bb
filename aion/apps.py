from collections.abc import Mapping

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class AionConfig(AppConfig):
    name = "aion"
    verbose_name = "AION"
    default = True

    def ready(self) -> None:
        from django.conf import settings

        from aion import checks  # noqa: F401  (registers itself)
        from aion.observing import questions, tasks  # noqa: F401  (tasks listens to Celery's signals)
        from aion.provenance import provenance
        from telemetry import events
        from telemetry.alarms import ways
        from telemetry.provenance import tell_by

        tell_by(provenance)
        ways.post_by(_post)
        events.tell(questions.count)
        if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
            from aion.observing import sending

            sending.start()


def _post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    from aion.webhooks import post  # what speaks HTTP is not imported where nothing is sent

    return post(url, headers, body)


class AdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "aion.admin_site.AionAdminSite"

    def ready(self) -> None:
        super().ready()
        from aion.auditing import watch

        watch()  # every model that the panel shows is known by now
