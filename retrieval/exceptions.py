"""What can go wrong between a file and a search result, in words for whoever sent the file."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from retrieval.parsing.blocks import RejectionCode

__all__ = [
    "DocumentRejected",
    "EmbeddingFailed",
    "FolderRefused",
    "GenerationChanged",
    "GenerationRefused",
    "ModelUnusable",
    "PassageGone",
    "RejectionCode",
    "RetrievalError",
    "SearchFailed",
    "VersionRefused",
]


SENTENCES = {
    RejectionCode.UNREADABLE: _(
        "The file is damaged or is not what its extension says. Open it, save it again and retry."
    ),
    RejectionCode.ENCRYPTED: _("The file is protected by a password. Remove the password and send it again."),
    RejectionCode.EMPTY: _(
        "The file has no text. If it is a scanned document, run it through text recognition (OCR) first."
    ),
    RejectionCode.NEEDS_OCR: _(
        "It needs text recognition (OCR): install Tesseract with Portuguese on the machine that AION runs on, "
        "and send the file again."
    ),
    RejectionCode.TOO_LARGE: _(
        "The file, or what it holds once unpacked, is larger than the limit. Split it into parts."
    ),
    RejectionCode.TOO_SLOW: _("Reading the file took longer than the limit. Split it into parts."),
    RejectionCode.UNSUPPORTED: _(
        "This type of file is not supported. "
        "Send PDF, DOCX, PPTX, XLSX, HTML, Markdown, text, CSV, JSON or e-mail (EML)."
    ),
    RejectionCode.WRONG_ENCODING: _("The text's character encoding could not be recognised. Save the file as UTF-8."),
}


class RetrievalError(Exception):
    """Anything this room raises on purpose."""


class DocumentRejected(RetrievalError):
    """A file that cannot become a document. `str()` is a sentence in the active language; `detail` is for the log."""

    def __init__(self, code: RejectionCode, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return str(SENTENCES[self.code])


class EmbeddingFailed(RetrievalError):
    """The embedder could not be loaded or did not give vectors."""


class ModelUnusable(RetrievalError):
    """A model's folder that is not there, or that is not safe to read. `str()` is a sentence."""


class GenerationRefused(RetrievalError):
    """What was asked of a generation of embeddings is not possible now. `str()` is a sentence."""


class GenerationChanged(RetrievalError):
    """Another generation serves than the one whose vectors were to be stored: embed again."""


class PassageGone(RetrievalError):
    """A passage that somebody saw is there no more."""


class SearchFailed(RetrievalError):
    """The database did not answer a search."""


class Refused(RetrievalError):
    """What somebody asked for cannot be; `str()` is a sentence in the active language."""

    def __init__(self, sentence: Promise | str) -> None:
        super().__init__(sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return str(self.sentence)


class FolderRefused(Refused):
    """A folder that may not be watched, or cannot be read now."""


class VersionRefused(Refused):
    """A version of a document that cannot be restored."""
