"""What the screens of the model are made of: colours of states, the form that sends an adapter, a card in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.formats import localize
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from inference.adapters import LONGEST_NAME

_DIGEST_SHOWN = 12
_DRAWN = "curve"
_LABELS: dict[str, Promise] = {
    "name": _("name"),
    "loss": _("loss at the end"),
    "examples": _("examples"),
    "examples_too_long": _("examples left out as too long"),
    "steps": _("training steps"),
    "seconds": _("seconds"),
    "tokens_per_second": _("tokens a second"),
    "dataset": _("dataset"),
    "dataset_sha256": _("dataset's SHA-256"),
    "base_model": _("base model"),
    "base_sha256": _("base model's SHA-256"),
    "epochs": _("epochs"),
    "lr": _("learning rate"),
    "rank": _("rank"),
    "batch_size": _("batch size"),
    "max_length": _("longest example, in tokens"),
    "seed": _("seed"),
    "four_bit": _("base model in four bits"),
    "gradient_checkpointing": _("activations computed twice to save memory"),
    "optimizer": _("optimiser"),
    "checkpoint_s": _("seconds between checkpoints"),
    "tokens": _("tokens"),
    "resumed": _("times resumed"),
    "resumed_at_step": _("step of the last start"),
    "run": _("training run"),
    "training_set": _("training set"),
    "machine": _("machine"),
    "code": _("version of AION"),
}


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """One file or several."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        files = data or [None]  # so that none at all is found missing
        return [super(ManyFilesField, self).clean(file, initial) for file in files]


class AdapterForm(forms.Form):
    """An adapter's files, and what to call it."""

    uploads = ManyFilesField(
        label=_("Files"),
        help_text=_(
            "adapter_config.json and adapter_model.safetensors, and aion.json if there is one; "
            "or one ZIP file that holds exactly them."
        ),
    )
    name = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=LONGEST_NAME,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("How it is called in the lists. Empty: as its files call it."),
    )


def metrics_in_words(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of a run's card, those within other values too; unknown names stay as they are, last.

    Not the loss curve, which is drawn.
    """
    order = list(_LABELS)
    facts = sorted(_flat(metrics), key=lambda fact: order.index(fact[0]) if fact[0] in _LABELS else len(order))
    return [(str(_LABELS.get(name, name)), _shown(name, value)) for name, value in facts]


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if name == _DRAWN:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value)
        else:
            yield name, value


def _shown(name: str, value: Any) -> str:
    if isinstance(value, float):
        return str(localize(value)) if abs(value) >= 1e-4 or not value else f"{value:.1e}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(localize(value))
    return f"{text[:_DIGEST_SHOWN]}…" if name.endswith("sha256") else text
