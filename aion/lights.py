"""The state of the installation at a glance: one light a part, each with a sentence and a way to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, localize, number_format, time_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from redis import Redis
from redis.exceptions import RedisError

from aion.light import Level, Light
from aion.loop.lights import nights_light, watch_light
from chat import calibration, control, providers
from chat.breaker import breaker_of
from chat.evaluation import runs
from chat.evaluation.history import figure_of
from chat.evaluation.run_words import failing_in_words
from chat.evaluation.wording import share
from chat.models import EvaluationRun
from chat.providers import order_of
from chat.router import Paid
from inference.engine import EngineState, EngineStatus
from inference.models import DesiredState
from inference.serving import engine_status
from retrieval.models import Chunk
from telemetry import budgets, currency
from telemetry.alerts import USED_UP_PERCENT
from telemetry.budgets import LimitStatus
from telemetry.currency import Rate
from telemetry.models import Alarm, AlarmSeverity, DatasetExport, scope_in_words

QUEUE_IS_LONG = 4
EXPORT_IS_OLD_DAYS = 2
LOOKED_AT = "aion.alarms.looked_at"  # in the cache: when `aion.alarm_facts` last looked at everything
LOOKS_STOPPED = timedelta(minutes=15)


def lights() -> list[Light]:
    """Every part's light, in the order a question meets them."""
    return [look() for look in LOOKS]


def model_light() -> Light:
    status = engine_status()
    title, link, text = _("Model"), reverse("admin:inference_processreport_changelist"), _("Serving processes")
    if status.state is EngineState.READY:
        sentence = _("%(model)s is ready on %(device)s.") % {"model": status.base_model, "device": status.device}
        return Light(title, Level.GREEN, sentence, link, text)
    if status.state in {EngineState.LOADING, EngineState.SWAPPING}:
        return Light(title, Level.AMBER, _("The model is being loaded."), link, text)
    return Light(title, Level.RED, status.error or _("No model is loaded."), link, text)


def adapter_light() -> Light:
    status = engine_status()
    title, link, text = _("Adapter"), reverse("admin:inference_adapter_changelist"), _("Adapters")
    if status.error:
        return Light(title, Level.AMBER, status.error, link, text)
    return Light(title, Level.GREEN, _("Serving %(what)s.") % {"what": served_in_words(status)}, link, text)


def queue_light() -> Light:
    length = engine_status().queue_length
    title, link, text = _("Queue"), reverse("admin:inference_processreport_changelist"), _("Serving processes")
    if length == 0:
        return Light(title, Level.GREEN, _("Nobody is waiting."), link, text)
    sentence = ngettext("%(count)d question is waiting.", "%(count)d questions are waiting.", length) % {
        "count": length
    }
    return Light(title, Level.AMBER if length >= QUEUE_IS_LONG else Level.GREEN, sentence, link, text)


def documents_light() -> Light:
    title, link, text = _("Documents"), reverse("admin:retrieval_document_changelist"), _("Documents")
    chunks = Chunk.objects.filter(document__tenant=settings.PRIMARY_TENANT_ID, document__collection="main").count()
    if not chunks:
        link, text = reverse("admin:retrieval_ingestjob_add"), _("Send documents")
        return Light(title, Level.RED, _("There is no document yet, so nothing can be answered."), link, text)
    sentence = ngettext("%(count)d passage can be found.", "%(count)d passages can be found.", chunks)
    return Light(title, Level.GREEN, sentence % {"count": chunks}, link, text)


def calibration_light() -> Light:
    title, link, text = _("Calibration"), reverse("admin:chat_calibration_changelist"), _("Calibrations")
    if control.current().scorer == "cosine":
        return Light(
            title, Level.AMBER, _("The older cosine formula is in use; it hardly tells questions apart."), link, text
        )
    fitted = calibration.in_force()
    stale = calibration.status().stale
    if fitted is None:
        shipped = _("The shipped calibration is in use; none was fitted to these documents.")
        return Light(title, Level.AMBER, f"{shipped} {stale}".strip(), link, text)
    sentence = _("Fitted %(when)s ago on %(data)s.") % {"when": timesince(fitted.created_at), "data": fitted.fitted_on}
    return Light(title, Level.AMBER if stale else Level.GREEN, f"{sentence} {stale}".strip(), link, text)


def fallback_light() -> Light:
    policy = control.current()
    title, link, text = _("Paid API"), reverse("admin:chat_chatsettingsrevision_changelist"), _("Answer settings")
    if policy.fallback_forced():
        until = localize(timezone.localtime(policy.forced_fallback_until))
        return Light(title, Level.AMBER, _("Forced for every question until %(until)s.") % {"until": until}, link, text)
    if not policy.fallback_allowed:
        return Light(title, Level.GREEN, _("Off: what AION cannot answer is said to be not found."), link, text)
    if not providers.is_configured(policy.fallback_model):
        return Light(title, Level.RED, _("Allowed, but OPENAI_API_KEY is not set."), link, text)
    if policy.paid() is Paid.OUTSIDE_HOURS:
        hours = {"start": localize(policy.fallback_from), "end": localize(policy.fallback_to)}
        return Light(title, Level.GREEN, _("Outside its hours, %(start)s to %(end)s.") % hours, link, text)
    if spared := "; ".join(_spared(policy.fallback_model)):
        return Light(
            title, Level.AMBER, _("Failed several times in a row: %(models)s.") % {"models": spared}, link, text
        )
    return Light(
        title, Level.GREEN, _("Allowed, within the budget: %(model)s.") % {"model": policy.fallback_model}, link, text
    )


def _spared(order: str) -> Iterator[str]:
    """The models that are not asked at present, since when and until when."""
    for paid in order_of(order):
        circuit = breaker_of(str(paid)).open_circuit()
        if circuit is not None:
            now = timezone.localtime()
            times = {
                "since": time_format(now - timedelta(seconds=circuit.open_for_s)),
                "until": time_format(now + timedelta(seconds=circuit.probe_in_s)),
            }
            yield _("%(model)s is spared since %(since)s, until %(until)s") % {"model": paid, **times}


def budget_light() -> Light:
    """What is spent of everyone's limits, and of each group's or key's that has raised an alert."""
    title, link, text = _("Budget"), reverse("admin:telemetry_budgetlimit_changelist"), _("Limits")
    rate = currency.rate_at(timezone.now())
    limits = budgets.status(settings.PRIMARY_TENANT_ID).limits
    told = [limit for limit in limits if limit.is_general or limit.highest_percent]
    day = date_format(rate.as_of, "SHORT_DATE_FORMAT")
    words = [_spent_in_words(limit, rate) for limit in told]
    words += [_used_up_in_words(limit) for limit in told if limit.highest_percent == USED_UP_PERCENT]
    words += [_("R$ at the rate of %(day)s.") % {"day": day}]
    highest = max(limit.highest_percent for limit in told)
    level = Level.RED if highest == USED_UP_PERCENT else Level.AMBER if highest else Level.GREEN
    return Light(title, level, " ".join(words), link, text)


def _spent_in_words(limit: LimitStatus, rate: Rate) -> str:
    values = {
        "spent": number_format(round(limit.spent_usd, 2), 2),
        "brl": number_format(round(limit.spent_usd * rate.brl, 2), 2),
        "limit": number_format(limit.limit_usd, 2),
        "whom": scope_in_words(limit.group, limit.key_id, limit.key_name),
    }
    if limit.period == "day":
        return _("%(whom)s: US$ %(spent)s (R$ %(brl)s) of %(limit)s today.") % values
    return _("%(whom)s: US$ %(spent)s (R$ %(brl)s) of %(limit)s this month.") % values


def _used_up_in_words(limit: LimitStatus) -> str:
    values = {
        "whom": scope_in_words(limit.group, limit.key_id, limit.key_name),
        "until": localize(timezone.localtime(limit.resets_at)),
    }
    if limit.period == "day":
        return _("%(whom)s: the day's limit is used up; until %(until)s the paid API is not asked.") % values
    return _("%(whom)s: the month's limit is used up; until %(until)s the paid API is not asked.") % values


def export_light() -> Light:
    title, link, text = _("Last export"), reverse("admin:telemetry_datasetexport_changelist"), _("Dataset exports")
    last = last_export()
    if last is None:
        return Light(title, Level.AMBER, _("There was none yet; the nightly one runs by itself."), link, text)
    if last.state == DatasetExport.State.FAILED:
        return Light(title, Level.RED, _("It failed: %(why)s") % {"why": last.error}, link, text)
    age = timezone.now() - last.created_at
    sentence = _("%(rows)s rows, %(when)s ago.") % {"rows": last.rows, "when": timesince(last.created_at)}
    return Light(title, Level.AMBER if age.days >= EXPORT_IS_OLD_DAYS else Level.GREEN, sentence, link, text)


def last_export() -> DatasetExport | None:
    """The last one that came to an end."""
    ended = DatasetExport.objects.filter(tenant=settings.PRIMARY_TENANT_ID).exclude(state__in=("queued", "running"))
    return ended.first()


def evaluation_light() -> Light:
    """How the golden questions were answered the last time."""
    title, link, text = _("Answer quality"), reverse("admin:chat_evaluationrun_changelist"), _("Answer quality")
    last = runs.runs().exclude(state__in=(EvaluationRun.State.WAITING, EvaluationRun.State.RUNNING)).first()
    done = runs.last_done()
    if done is None or last is None:
        level = Level.GREEN if last is None else Level.AMBER
        sentence = _("The golden questions were not evaluated yet; it happens at night or by the button there.")
        return Light(title, level, last.error if last else sentence, link, text)
    failing = failing_in_words(done.sets)
    if failing:
        return Light(title, Level.RED, failing, reverse("admin:chat_evaluationrun_change", args=[done.pk]), text)
    if last.state == EvaluationRun.State.FAILED:
        return Light(title, Level.AMBER, _("The last evaluation failed: %(why)s") % {"why": last.error}, link, text)
    right = figure_of(done, "right", "share")
    values = {"share": share(right.value), "when": timesince(done.finished_at or done.created_at)}
    return Light(title, Level.GREEN, _("%(share)s answered rightly, %(when)s ago.") % values, link, text)


def database_light() -> Light:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), extversion FROM pg_extension WHERE extname = 'vector'"
        )
        row = cursor.fetchone()
    title, link, text = _("Database"), reverse("admin:telemetry_event_changelist"), _("Events")
    if row is None:
        return Light(title, Level.RED, _("pgvector is not installed in the database."), link, text)
    server, vector = row
    sentence = _("PostgreSQL %(server)s with pgvector %(vector)s answers.") % {
        "server": server.split()[0],
        "vector": vector,
    }
    return Light(title, Level.GREEN, sentence, link, text)


def broker_light() -> Light:
    title, link, text = _("Broker"), reverse("admin:django_celery_beat_periodictask_changelist"), _("Scheduled tasks")
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as redis:
            waiting = int(redis.llen("celery"))
    except RedisError:
        return Light(title, Level.RED, _("Redis does not answer, so background work stands still."), link, text)
    if not waiting:
        return Light(title, Level.GREEN, _("Redis answers; no background work is waiting."), link, text)
    sentence = ngettext("%(count)d background task is waiting.", "%(count)d background tasks are waiting.", waiting)
    return Light(title, Level.AMBER, sentence % {"count": waiting}, link, text)


def access_light() -> Light:
    title, link, text = _("Access"), reverse("admin:chat_apikey_changelist"), _("API keys")
    if settings.AION_OPEN_CHAT:
        return Light(title, Level.AMBER, _("The chat answers without sign-in (AION_OPEN_CHAT is on)."), link, text)
    return Light(title, Level.GREEN, _("Only people who sign in and programs with a key may ask."), link, text)


def served_in_words(status: EngineStatus) -> str:
    """Which adapter an engine serves, as people say it."""
    if status.merged:
        return _("the model with %(name)s merged into it") % {"name": status.adapter or _("an adapter")}
    if not status.adapter_digest:
        return _("the base model alone")
    return f"{status.adapter} ({status.adapter_digest[:12]})"


def wished_in_words(wish: DesiredState) -> str:
    """Which adapter was asked for, in the same words."""
    if wish.adapter is None:
        return _("the base model alone")
    if wish.merged:
        return _("the model with %(name)s merged into it") % {"name": wish.adapter.name}
    return str(wish.adapter)


def alarms_light() -> Light:
    """How many are open, and whether anybody still looks."""
    title, link, text = _("Alarms"), reverse("admin:telemetry_alarm_changelist"), _("Alarms")
    try:
        looked_at = cache.get(LOOKED_AT)
    except RedisError:
        looked_at = None
    if looked_at is None:
        sentence = _("Nobody has looked yet: it begins within two minutes of a start, if worker and scheduler run.")
        return Light(title, Level.AMBER, sentence, link, text)
    if timezone.now() - looked_at > LOOKS_STOPPED:
        sentence = _("Nobody has looked for a while, so none is told: the worker or the scheduler stands still.")
        return Light(title, Level.AMBER, sentence, link, text)
    severities = list(Alarm.objects.filter(tenant=settings.PRIMARY_TENANT_ID, closed_at=None).values_list("severity"))
    if not severities:
        return Light(title, Level.GREEN, _("None is open."), link, text)
    sentence = ngettext("%(count)d alarm is open.", "%(count)d alarms are open.", len(severities))
    level = Level.RED if (AlarmSeverity.CRITICAL,) in severities else Level.AMBER
    return Light(title, level, sentence % {"count": len(severities)}, link, text)


LOOKS: tuple[Callable[[], Light], ...] = (
    alarms_light,
    model_light,
    adapter_light,
    queue_light,
    documents_light,
    calibration_light,
    fallback_light,
    budget_light,
    export_light,
    nights_light,
    watch_light,
    evaluation_light,
    database_light,
    broker_light,
    access_light,
)
