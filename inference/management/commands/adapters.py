"""`manage.py adapters`: the registry, and which adapter serves, from the terminal."""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from inference import adapters
from inference.exceptions import InferenceError
from inference.models import Adapter
from inference.serving_words import failure_in_words, served_rows
from inference.uploads import register_path

HELP = _(
    """Lists the adapters, adds one, and chooses which one serves.

Examples:
  manage.py adapters list
  manage.py adapters add ~/my-adapter
  manage.py adapters serve 3

While AION runs, its model takes the adapter over between two answers; otherwise it serves from the next start on.
An adapter that cannot be served leaves the present one in place, and the reason is told."""
)


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        def action(name: str, sentence: str) -> ArgumentParser:
            made: ArgumentParser = actions.add_parser(name, help=sentence, description=sentence)
            made.add_argument("--json", action="store_true", help=_("print one JSON object"))
            return made

        action("list", _("what is registered, and what really serves"))
        add = action("add", _("check a folder or ZIP file, and register it"))
        add.add_argument("path", type=Path, metavar="PATH")
        add.add_argument("--name", default="", help=_("how it is called in the panel"))
        action("serve", _("serve a registered adapter")).add_argument("id", type=int)
        action("base", _("serve the base model alone"))
        action("merge", _("merge the served adapter into the model"))
        action("unmerge", _("serve the merged adapter beside the model again"))
        action("rollback", _("serve what served before"))
        action("delete", _("delete an adapter that never served")).add_argument("id", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = self._perform(options["action"], options)
        except InferenceError as exc:
            raise CommandError(str(exc)) from exc
        if options["json"]:
            self.stdout.write(json.dumps(result, ensure_ascii=False, indent=2))
        else:
            self._tell(result)

    def _perform(self, action: str, options: dict[str, Any]) -> dict[str, Any]:
        changes: dict[str, Callable[[], object]] = {
            "list": lambda: None,
            "serve": lambda: adapters.reload_adapter(options["id"]),
            "base": adapters.unload_adapter,
            "merge": adapters.merge_adapter,
            "unmerge": adapters.unmerge_adapter,
            "rollback": adapters.rollback_adapter,
        }
        if action == "add":
            return {"adapter": _as_dict(register_path(options["path"], name=options["name"]))}
        if action == "delete":
            return {"deleted": _as_dict(adapters.delete_adapter(options["id"]), pk=options["id"])}
        changes[action]()
        registered = [_as_dict(adapter) for adapter in Adapter.objects.all()]
        return {"serving": [row.as_dict() for row in served_rows()], "adapters": registered, "desired": _desired()}

    def _tell(self, result: dict[str, Any]) -> None:
        if "adapter" in result:
            self.stdout.write(_("Registered: %(adapter)s") % {"adapter": _line(result["adapter"])})
            return
        if "deleted" in result:
            self.stdout.write(_("Deleted: %(adapter)s") % {"adapter": _line(result["deleted"])})
            return
        for row in served_rows():
            self.stdout.write(
                _("Serving (%(process)s): %(sentence)s") % {"process": row.process, "sentence": row.sentence}
            )
        if not result["serving"]:
            self.stdout.write(_("No process serves now. At the next start: %(what)s.") % {"what": result["desired"]})
        if failure := adapters.last_failure():
            self.stdout.write(failure_in_words(failure))
        for adapter in result["adapters"]:
            self.stdout.write(_line(adapter))


def _as_dict(adapter: Adapter, *, pk: int | None = None) -> dict[str, Any]:
    """`pk` where the row is gone and no longer knows it."""
    return {
        "id": pk or adapter.pk,
        "name": adapter.name,
        "digest": adapter.digest,
        "state": adapter.state,
        "origin": adapter.origin,
        "base_model": adapter.base_model,
        "base_sha256": adapter.base_sha256,
        "rank": adapter.rank,
        "size_bytes": adapter.size_bytes,
        "created_at": adapter.created_at.isoformat(),
    }


def _desired() -> str:
    desired = adapters.desired_state()
    if desired is None:
        return _("the default adapter")
    return str(desired.adapter or _("the base model alone"))


def _line(adapter: dict[str, Any]) -> str:
    state = Adapter.State(adapter["state"]).label
    size = filesizeformat(adapter["size_bytes"])
    return f"{adapter['id']:>4}  {adapter['digest'][:12]}  {state}  r={adapter['rank']}  {size}  {adapter['name']}"
