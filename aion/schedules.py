"""What Celery beat runs, and when, unless staff have changed it in the panel."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django_celery_beat.models import CrontabSchedule, PeriodicTask


@dataclass(frozen=True)
class Schedule:
    """A task at fixed times of the day, in the installation's own time zone."""

    name: str
    task: str
    description: str
    minute: str = "*"
    hour: str = "*"


SCHEDULES = (
    Schedule(
        name="nightly-export",
        task="telemetry.tasks.nightly_export",
        description=gettext_noop("Exports the recent answers as a data set, personal data masked."),
        minute="30",
        hour="2",
    ),
    Schedule(
        name="draft-local-answers",
        task="chat.tasks.draft_local_answers",
        description=gettext_noop("Answers here what the paid API answered, so that a lower tau can be judged."),
        minute="0",
        hour="3",
    ),
    Schedule(
        name="measure-retrieval",
        task="chat.tasks.measure_retrieval",
        description=gettext_noop("Measures how well golden questions find their passages."),
        minute="45",
        hour="2",
    ),
    Schedule(
        name="find-gaps",
        task="chat.tasks.find_gaps",
        description=gettext_noop(
            "Groups the questions that the documents do not answer, and closes what they answer now."
        ),
        minute="15",
        hour="2",
    ),
    Schedule(
        name="autopilot",
        task="aion.tasks.autopilot",
        description=gettext_noop("Trains on what was reviewed, and lets a better adapter serve, where it is worth it."),
        minute="30",
        hour="3",
    ),
    Schedule(
        name="watch-adapter",
        task="aion.tasks.watch_adapter",
        description=gettext_noop("Compares the answers since the last promotion with those before it."),
        minute="*/10",
    ),
    Schedule(
        name="visit-sites",
        task="retrieval.tasks.visit_sites",
        description=gettext_noop("Reads the pages of the listed sites whose turn it is."),
        minute="*/10",
    ),
    Schedule(
        name="recalibrate",
        task="chat.tasks.recalibrate",
        description=gettext_noop("Fits the confidence again on the questions that people judged."),
        minute="30",
        hour="4",
    ),
    Schedule(
        name="evaluate-nightly",
        task="chat.tasks.evaluate_nightly",
        description=gettext_noop("Asks the golden questions and keeps how well they are answered."),
        minute="15",
        hour="5",
    ),
    Schedule(
        name="evaluate-golden",
        task="chat.tasks.evaluate_golden",
        description=gettext_noop("Asks the golden questions again after a change, when things are quiet."),
        minute="*/3",
    ),
    Schedule(
        name="expire-reservations",
        task="telemetry.tasks.expire_reservations",
        description=gettext_noop("Settles reservations of the budget that nobody settled in time."),
    ),
    Schedule(
        name="keep-rollups",
        task="telemetry.tasks.keep_rollups",
        description=gettext_noop("Counts what happened by hour and by day, for the charts."),
    ),
    Schedule(
        name="refresh-folders",
        task="retrieval.tasks.refresh_folders",
        description=gettext_noop("Reads the watched folders whose time has come."),
        minute="*/15",
    ),
    Schedule(
        name="drop-old-versions",
        task="retrieval.tasks.drop_old_versions",
        description=gettext_noop("Removes earlier versions of documents after a year."),
        minute="20",
        hour="1",
    ),
    Schedule(
        name="end-retention",
        task="aion.tasks.end_retention",
        description=gettext_noop("Ends what is past its retention period."),
        minute="40",
        hour="1",
    ),
    Schedule(
        name="watch-alarms",
        task="aion.tasks.watch_alarms",
        description=gettext_noop("Looks whether something is wrong, and opens and closes alarms."),
        minute="*/2",
    ),
    Schedule(
        name="send-alarms",
        task="telemetry.tasks.send_alarms",
        description=gettext_noop("Sends the notices of alarms by e-mail and webhook."),
    ),
    Schedule(
        name="ensure-partitions",
        task="telemetry.tasks.ensure_partitions",
        description=gettext_noop("Makes the tables of the coming months' events."),
        minute="10",
        hour="1",
    ),
)


@transaction.atomic
def create_missing_schedules() -> None:
    """Create each schedule that isn't there; one that staff changed or switched off stays as it is."""
    for schedule in SCHEDULES:
        if PeriodicTask.objects.filter(name=schedule.name).exists():
            continue
        times, _created = CrontabSchedule.objects.get_or_create(
            minute=schedule.minute,
            hour=schedule.hour,
            day_of_week="*",
            day_of_month="*",
            month_of_year="*",
            timezone=settings.TIME_ZONE,
        )
        PeriodicTask.objects.create(
            name=schedule.name,
            task=schedule.task,
            crontab=times,
            description=_(schedule.description),
        )
