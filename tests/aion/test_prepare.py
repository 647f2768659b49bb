"""What `prepare` makes of an empty database, and that doing it again, or after a kill, does no harm."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask

from aion.celery import app
from aion.management.commands import prepare
from aion.schedules import SCHEDULES, create_missing_schedules
from retrieval.models import Document

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two demo documents, in an installation that has not read any."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "precos.md").write_text("# Preços\n\nO passeio a Sintra custa 98 euros por adulto.\n")
    (documents / "horarios.md").write_text("# Horários\n\nO passeio a Sintra sai às 8h30 de Lisboa.\n")
    monkeypatch.setattr(prepare, "DEMO_DOCUMENTS", documents)
    monkeypatch.setattr(settings, "VAR_DIR", tmp_path)
    return documents


def run_prepare() -> str:
    output = StringIO()
    call_command("prepare", stdout=output, stderr=output)
    return output.getvalue()


def test_the_first_administrator_gets_a_password_that_is_shown_once(demo: Path) -> None:
    said = run_prepare()
    admin = get_user_model().objects.get(is_superuser=True)
    password = said.split("senha ")[1].split()[0]
    assert admin.check_password(password)
    assert password not in run_prepare()
    assert get_user_model().objects.count() == 1


def test_the_demo_is_read_into_an_empty_installation_and_never_again(demo: Path) -> None:
    run_prepare()
    assert Document.objects.count() == 2
    Document.objects.all().delete()
    run_prepare()
    assert not Document.objects.exists()


def test_a_reading_that_was_cut_short_is_taken_up_again(demo: Path) -> None:
    (demo / "horarios.md").rename(demo.parent / "horarios.md")
    run_prepare()
    (demo.parent / "demo-documents").write_text("started")
    (demo.parent / "horarios.md").rename(demo / "horarios.md")
    run_prepare()
    assert Document.objects.count() == 2


def test_an_installation_with_documents_gets_no_demo(demo: Path, tmp_path: Path) -> None:
    own = tmp_path / "proprio.md"
    own.write_text("# Nosso\n\nUm documento da própria organização.\n")
    call_command("ingest", str(own), stdout=StringIO())
    run_prepare()
    assert Document.objects.count() == 1


def test_a_static_file_torn_by_a_kill_is_copied_again(demo: Path, tmp_path: Path) -> None:
    run_prepare()
    copy = settings.STATIC_ROOT / "unfold" / "css" / "styles.css"
    whole = copy.read_text()
    copy.write_text("torn")
    (tmp_path / "static-files-complete").unlink()
    run_prepare()
    assert copy.read_text() == whole


def test_each_schedule_runs_a_task_that_exists() -> None:
    app.loader.import_default_modules()
    assert {schedule.task for schedule in SCHEDULES} <= set(app.tasks)


def test_what_staff_changed_in_a_schedule_stays() -> None:
    create_missing_schedules()
    PeriodicTask.objects.filter(name="nightly-export").update(enabled=False)
    create_missing_schedules()
    assert not PeriodicTask.objects.get(name="nightly-export").enabled
    assert PeriodicTask.objects.filter(name__in=[schedule.name for schedule in SCHEDULES]).count() == len(SCHEDULES)


def test_the_nightly_export_runs_at_half_past_two_in_the_installations_time_zone() -> None:
    create_missing_schedules()
    times = PeriodicTask.objects.get(name="nightly-export").crontab
    assert times
    assert (times.hour, times.minute, str(times.timezone)) == ("2", "30", "America/Sao_Paulo")
