"""A copy of what is kept about one person, as one ZIP file (LGPD art. 18, II and V): JSON, and a page that explains it.

It is written aside and appears whole. Whoever is erased takes the copy along, so none is written during an erasure.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from chat.models import ApiKey, Conversation
from inference import erasure as inference_erasure
from inference.models import Adapter
from telemetry.erased_files import COPIES, PARTIAL
from telemetry.erasure import answers_of, events_about
from telemetry.exceptions import ExportFailed
from telemetry.locks import exporting_alone
from telemetry.models import AuditEntry, Event, Feedback, Reservation, Review, TrainingRow

BATCH = 1000
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Copy:
    """The file, its size, and how many entries each part of it has."""

    path: Path
    size_bytes: int
    entries: Mapping[str, int]


def folder() -> Path:
    """Where copies lie until they are removed; for AION's own account alone."""
    found = Path(settings.VAR_DIR) / COPIES
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def write_copy(user_id: int, target: Path) -> Copy:
    """Raises `ExportFailed` where it cannot be written, or while an export or an erasure is at work."""
    tenant = settings.PRIMARY_TENANT_ID
    aside = target.with_name(f"{target.name}.{uuid4().hex[:8]}{PARTIAL}")
    with exporting_alone(tenant):
        try:
            entries = _write(aside, _parts(user_id, tenant))
            aside.replace(target)
        except OSError as exc:
            message = _("%(path)s cannot be written: %(why)s")
            raise ExportFailed(message % {"path": target, "why": exc.strerror or exc}) from exc
        finally:
            aside.unlink(missing_ok=True)
    return Copy(target, target.stat().st_size, entries)


def _write(path: Path, parts: Mapping[str, Iterable[Row]]) -> dict[str, int]:
    entries = {}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, rows in parts.items():
                entries[name] = 0
                with archive.open(name, "w", force_zip64=True) as part:
                    for row in rows:
                        line = json.dumps(row, ensure_ascii=False, cls=DjangoJSONEncoder)
                        part.write((line + "\n").encode("utf-8", "replace"))
                        entries[name] += 1
            archive.writestr("LEIA-ME.txt", _readme(entries))
        file.flush()
        os.fsync(file.fileno())
    return entries


def _parts(user_id: int, tenant: str) -> dict[str, Iterable[Row]]:
    answers = answers_of(user_id, tenant)
    own = Review.objects.filter(tenant=tenant, event_id__in=answers)
    return {
        "conta.jsonl": _account(user_id),
        "chaves.jsonl": ApiKey.objects.filter(user=user_id).values(
            "name", "prefix", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"
        ),
        "conversas.jsonl": _conversations(user_id, tenant),
        "eventos.jsonl": _events(user_id, tenant),
        "avaliacoes.jsonl": Feedback.objects.filter(tenant=tenant, user_id=user_id).values(),
        "revisoes-das-respostas.jsonl": own.values("event_id", "verdict", "correction", "question", "decided_at"),
        "revisoes-feitas.jsonl": Review.objects.filter(tenant=tenant, reviewer_id=user_id).values(
            "event_id", "verdict", "correction", "decided_at"
        ),
        "gastos.jsonl": Reservation.objects.filter(tenant=tenant, user_id=user_id).values(
            "created_at", "tag", "state", "cost_usd"
        ),
        "auditoria.jsonl": _acts(user_id, tenant),
        "treinos.jsonl": _trainings(user_id, tenant),
    }


def _account(user_id: int) -> Iterator[Row]:
    person = User.objects.filter(pk=user_id).first()
    if person is not None:
        names = ("id", "username", "first_name", "last_name", "email", "date_joined", "last_login", "is_active")
        groups = list(person.groups.values_list("name", flat=True))
        yield {name: getattr(person, name) for name in names} | {"groups": groups}


def _conversations(user_id: int, tenant: str) -> Iterator[Row]:
    for row in Conversation.objects.filter(tenant=tenant, user_id=user_id).order_by("created_at").iterator():
        said = list(row.messages.values("role", "text", "created_at"))
        yield {"id": row.pk, "title": row.title, "created_at": row.created_at, "messages": said}


def _events(user_id: int, tenant: str) -> Iterator[Row]:
    """What was found for a question is told by title: the texts are the organisation's documents."""
    ids = sorted(events_about(user_id, tenant, answers_of(user_id, tenant)))
    for start in range(0, len(ids), BATCH):
        for event in Event.objects.filter(pk__in=ids[start : start + BATCH]).order_by("id"):
            meta = dict(event.meta)
            if "items" in meta:
                meta["items"] = [{key: item[key] for key in ("title", "rank") if key in item} for item in meta["items"]]
            yield {"id": event.pk, "kind": event.kind, "at": event.at, "meta": meta}


def _acts(user_id: int, tenant: str) -> Iterable[Row]:
    acts = AuditEntry.objects.filter(tenant=tenant, actor_id=user_id).order_by("id")
    return acts.values("at", "action", "source", "address", "object_type", "object_id", "object_name", "reason")


def _trainings(user_id: int, tenant: str) -> Iterator[Row]:
    """The training sets with words of theirs, and the adapters that learned from each."""
    rows = TrainingRow.objects.filter(training_set__tenant=tenant, user_id=user_id)
    for set_id, made in set(rows.values_list("training_set", "training_set__created_at")):
        adapters = Adapter.objects.filter(pk__in=inference_erasure.taught_by([set_id]))
        names = [str(adapter) for adapter in adapters]
        own = rows.filter(training_set=set_id).count()
        yield {"training_set": set_id, "created_at": made, "rows": own, "adapters": names}


def _readme(entries: Mapping[str, int]) -> str:
    """In Portuguese, whatever language the one who asks for it has: it is for the person."""
    with override("pt-br"):
        made = date_format(timezone.localtime(), "SHORT_DATETIME_FORMAT")
    lines = [f"- {name}: {PARTS[name]} ({count})" for name, count in entries.items()]
    return README.format(made=made, lines="\n".join(lines))


PARTS = {
    "conta.jsonl": "os dados da conta e os grupos dela",
    "chaves.jsonl": "as chaves de API da conta, sem o segredo, que ninguém guarda",
    "conversas.jsonl": "as conversas, com todas as mensagens",
    "eventos.jsonl": "o registro de cada pergunta: texto, resposta, rota, confiança, tempos e os títulos encontrados",
    "avaliacoes.jsonl": "os votos, comentários e correções dados às respostas",
    "revisoes-das-respostas.jsonl": "o que a equipe julgou das respostas recebidas",
    "revisoes-feitas.jsonl": "as revisões que a própria pessoa fez, se é da equipe",
    "gastos.jsonl": "as reservas de orçamento feitas para perguntas da pessoa",
    "auditoria.jsonl": "o que a própria pessoa fez no painel, se é da equipe",
    "treinos.jsonl": "os conjuntos de treino com palavras da pessoa e os adapters que aprenderam com eles",
}
README = """Cópia dos seus dados no AION, gerada em {made}.

Este arquivo reúne o que a organização guarda sobre você neste assistente, conforme o art. 18 da Lei Geral de
Proteção de Dados (Lei 13.709/2018). Cada parte é um arquivo JSON Lines: uma linha por registro, que abre em qualquer
editor de texto e que outros programas sabem ler. Entre parênteses está o número de registros.

{lines}

Os textos dos documentos consultados não fazem parte da cópia: são da organização. Datas e horas estão no padrão
internacional (ISO 8601). Para corrigir ou apagar seus dados, procure quem administra o assistente.
"""
