"""A place to search a golden set's own documents in, which leaves nothing behind however the process ends."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psutil
from django.conf import settings

from chat.golden.questions import GoldenSet
from retrieval.ingestion import delete_collection, ingest_text
from retrieval.models import Document

SCRATCH = "scratch"
INSTALLED = "main"


@contextmanager
def scratch(golden: GoldenSet, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Iterator[str]:
    """A collection with the set's own documents, gone afterwards; what a killed run left is swept first."""
    sweep()
    me = psutil.Process()
    name = f"{SCRATCH}-{socket.gethostname()[:20]}-{me.pid}-{int(me.create_time())}-{uuid4().hex[:6]}"
    try:
        for done, (title, passages) in enumerate(golden.documents.items(), start=1):
            ingest_text(
                title,
                tenant=settings.PRIMARY_TENANT_ID,
                passages=passages,
                collection=name,
                source=f"{name}/{name}-{done}",  # a file name that no question can mean
            )
            progress(done, len(golden.documents))
        yield name
    finally:
        delete_collection(name)


def sweep() -> None:
    """Delete the scratch collections of this machine whose process has ended."""
    names = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection__startswith=f"{SCRATCH}-")
    for name in names.values_list("collection", flat=True).distinct():
        if not _owner_lives(name):
            delete_collection(name)


def _owner_lives(name: str) -> bool:
    """Whether the process that made the scratch collection runs; one of another machine is taken to."""
    prefix, pid, created, _rest = name.rsplit("-", 3)
    if prefix != f"{SCRATCH}-{socket.gethostname()[:20]}":
        return True
    try:
        return int(psutil.Process(int(pid)).create_time()) == int(created)
    except (psutil.NoSuchProcess, ValueError):
        return False


@contextmanager
def places_to_search(
    golden: GoldenSet,
    *,
    with_installed: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[tuple[str, ...]]:
    """The collections in which the set's questions are to be asked: a scratch one with its own documents, and the
    installed ones where it means some of those or brings none."""
    brought = leave_out_installed(golden)
    with scratch(brought, progress=progress) as own:
        means_installed = not brought.documents or len(brought.documents) < len(golden.documents)
        yield (
            *((own,) if brought.documents else ()),
            *((INSTALLED,) if with_installed or means_installed else ()),
        )


def leave_out_installed(golden: GoldenSet) -> GoldenSet:
    """Without the documents that are installed under the name the file gives: those are searched where they are."""
    if golden.complete:
        return golden
    installed = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection=INSTALLED)
    names = {name for title, source in installed.values_list("title", "source") for name in (title, Path(source).name)}
    own = {title: passages for title, passages in golden.documents.items() if title not in names}
    return replace(golden, documents=own)
