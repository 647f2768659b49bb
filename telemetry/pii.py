"""Personal data: found by tarja (Brazilian identifiers, check digits), phonenumbers and patterns, and masked.

Two uses of one finder: `mask_for_egress` is reversible, for a text that goes to a paid provider and comes back;
`redact` is not, for datasets. Neither promises that nothing is left: names and addresses are found as far as
patterns go. What the finder finds once more after masking blocks the egress.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import tarja
from tarja.normalise import normalise_text, strip_invisible

from telemetry.contacts import find_contacts
from telemetry.exceptions import PersonalDataLeft
from telemetry.gates import Gate, look_at
from telemetry.identifiers import find_identifiers, find_spelt_out
from telemetry.names import find_names
from telemetry.reading import pieces, read
from telemetry.tables import find_in_tables

ROUNDS = (
    5  # the last one finds nothing: masking shortens a text and may bring a number within reach of its context word
)
NEEDS_CONTEXT = frozenset({"BR_PLACA", "BR_TELEFONE"})  # else "ISO 9001" is a number plate; phonenumbers finds phones
FEWEST_DIGITS = 3  # a number plate's, the least of any identifier
FEWEST_DIGITS_OF_A_PHONE = 7
# What tarja's patterns match begins like one of these, or needs one of these words near it.
_LIKE_A_NUMBER_OF_TARJAS = (
    r"\d\d[\s.]?\d{3}[\s.]?\d{3}[\s\-./]?\d\d|\d\d[\s.]\d{5}|\d\d[\s.]\d{4}[\s.]\d{4}",  # CPF, NIS, CNS
    r"\d{6}[\s\-]\d\d|\d{7}|\d{3}[\s\-]?\d{4}[\s\-]?\d{4}|\d{3}[ \-]\d{6}",  # CNJ, rows, voters' and bank cards
    r"\d\)?[\s\-]?9?\d{4}[\s\-]?\d{4}|\d{4}-\d{3}|\d{5}[\s.][23][\s.]",  # telephone, CEP, CNM
    r"(?:(?<=[a-z]{3}\d)|(?<=[a-z]{3}-\d))(?:\d{3}|[a-z]\d\d)",  # number plate
    r"\d\b(?:(?<=\b[a-z\d]{2}[\s.][a-z\d]{3}[\s.][a-z\d]{3}[\s/][a-z\d]{4}[\s\-]\d\d)|(?<=\b[a-z\d]{12}\d\d))",  # CNPJ
)
_TARJAS = Gate(
    "rgi cri",
    *("cib", "cadastro imobiliario", "pix", "chave", "iptu", "sql", "cadastro municipal", "inscricao imobiliaria"),
    *("indice cadastral", "inscricao do imovel", "matricula", "registro de imoveis"),
    shape=rf"\d(?:{'|'.join(_LIKE_A_NUMBER_OF_TARJAS)})",
)
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+")  # "68.969.446.735 reais" is no identifier
_LIKE_A_PLACEHOLDER = re.compile(r"\[[\w\\\s]{3,48}\]")  # as models write them: "[cpf_1]", "[ CPF 1 ]", "[CPF\\_1]"
_LONGEST_HELD = 50


@dataclass(frozen=True)
class Span:
    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Redacted:
    """A text whose personal data is gone, and the kinds of what was found, never the values."""

    text: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class EgressMask:
    """Masked texts, fit to leave, and the way back for what is said about them."""

    texts: tuple[str, ...]
    kinds: tuple[str, ...]
    _values: Mapping[str, str] = field(repr=False)

    def unmask(self, text: str) -> str:
        """`text` with this mask's placeholders replaced by what they stand for."""
        return _restore(text, self._values)

    def unmasker(self) -> StreamUnmasker:
        """The same for a text that arrives in pieces."""
        return StreamUnmasker(self._values)


class StreamUnmasker:
    """Unmasks a stream, holding back what may be the beginning of a placeholder."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be said for certain after this piece."""
        text = self._held + text
        start = text.rfind("[")
        begun = _squeezed(text[start:]) if start >= 0 and len(text) - start < _LONGEST_HELD else ""
        half = bool(begun) and "]" not in begun and any(label.startswith(begun) for label in self._values)
        self._held = text[start:] if half else ""
        return _restore(text[:start] if half else text, self._values)

    def flush(self) -> str:
        """What was held back; the stream has ended, so it is no placeholder."""
        held, self._held = self._held, ""
        return held


def mask_for_egress(texts: Sequence[str]) -> EgressMask:
    """Mask several texts together, the same value alike in all. Raises PersonalDataLeft if something is still found."""
    masker = _Masker(texts, reversible=True)
    return EgressMask(tuple(masker.mask(text) for text in texts), masker.kinds, masker.values)


def redact(text: str) -> Redacted:
    """Replace personal data for good: the same value, however written, gets the same placeholder, like `[CPF_1]`.

    Raises PersonalDataLeft if something is still found.
    """
    return redact_together((text,))[0]


def redact_together(texts: Sequence[str]) -> tuple[Redacted, ...]:
    """`redact` for texts that belong together, as a question and its answer: placeholders mean the same in all."""
    masker = _Masker(texts, reversible=False)
    masked = [masker.mask(text) for text in texts]
    return tuple(Redacted(text, masker.kinds) for text in masked)


def find_personal_data(text: str) -> list[Span]:
    """Where personal data is, in order; overlapping finds are joined into one."""
    return _joined(_candidates(text))


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Overlapping spans made one, of the kind of the longest."""
    joined: list[Span] = []
    longest = 0
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        length = span.end - span.start
        if joined and span.start < joined[-1].end:
            kind = span.kind if length > longest else joined[-1].kind
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end), kind)
            longest = max(longest, length)
        else:
            joined.append(span)
            longest = length
    return joined


def _candidates(text: str) -> Iterator[Span]:
    plain, places = read(text)
    for offset, piece, own in pieces(plain):
        for start, end, kind in _candidates_in(piece):
            if start in own:
                last = places[offset + end - 1] + 1
                while last < len(text) and unicodedata.combining(text[last]):
                    last += 1
                yield Span(places[offset + start], last, kind)


def _candidates_in(plain: str) -> Iterator[tuple[int, int, str]]:
    digits = sum(map(plain.count, "0123456789"))
    if digits >= FEWEST_DIGITS:
        for match in tarja.find(plain, report_invalid=True) if _TARJAS.opens(look_at(plain)) else ():
            told = match.has_context or match.entity not in NEEDS_CONTEXT
            if told and not _THOUSANDS.fullmatch(plain, match.start, match.end):
                yield match.start, match.end, match.entity.removeprefix("BR_")
        yield from find_identifiers(plain)
        yield from find_in_tables(plain)
    else:
        yield from find_spelt_out(plain)
    yield from find_contacts(plain, phones=digits >= FEWEST_DIGITS_OF_A_PHONE)
    for start, end in find_names(plain):
        yield start, end, "NOME"


class _Masker:
    """Gives out placeholders; none that the texts themselves contain, so that unmasking touches only its own."""

    def __init__(self, texts: Sequence[str], *, reversible: bool) -> None:
        self.values: dict[str, str] = {}
        self._labels: dict[tuple[str, str], str] = {}
        self._typed = {_squeezed(match[0]) for text in texts for match in _LIKE_A_PLACEHOLDER.finditer(text)}
        self._given: Counter[str] = Counter()
        self._reversible = reversible

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(sorted({kind for kind, _ in self._labels}))

    def mask(self, text: str) -> str:
        """Mask until nothing more is found; raise PersonalDataLeft if that does not come to an end."""
        for _ in range(ROUNDS):
            spans = _joined([*find_personal_data(text)])
            if not spans:
                return text
            spans = self._grown(text, spans)
            masked, end = [], 0
            for span in spans:
                masked += [text[end : span.start], self._label(span.kind, text[span.start : span.end])]
                end = span.end
            text = "".join([*masked, text[end:]])
        raise PersonalDataLeft(sorted({span.kind for span in find_personal_data(text)}))

    def _grown(self, text: str, spans: Sequence[Span]) -> list[Span]:
        """The spans, those that cut one of our placeholders grown over it."""
        own = (match for match in _LIKE_A_PLACEHOLDER.finditer(text) if _squeezed(match[0]) in self.values)
        placeholders = [Span(*match.span(), "") for match in own]
        grown = _joined([*spans, *placeholders])
        return [span for span in grown if span not in placeholders]

    def _label(self, kind: str, found: str) -> str:
        value = _restore(found, self.values)
        key = (kind, value if self._reversible else _canonical(value))
        if key not in self._labels:
            self._labels[key] = self._unused(kind)
            self.values[_squeezed(self._labels[key])] = value
        return self._labels[key]

    def _unused(self, kind: str) -> str:
        while True:
            self._given[kind] += 1
            label = f"[{kind}_{self._given[kind]}]"
            if _squeezed(label) not in self._typed:
                return label


def _restore(text: str, values: Mapping[str, str]) -> str:
    """One pass, so that nothing inside a restored value is taken for a placeholder."""
    return _LIKE_A_PLACEHOLDER.sub(lambda match: values.get(_squeezed(match[0]), match[0]), text) if values else text


def _squeezed(placeholder: str) -> str:
    """The same for every way in which a model writes a placeholder: "[CPF1]"."""
    return re.sub(r"[\s_\\]", "", placeholder).upper()


def _canonical(value: str) -> str:
    """The same for every spelling of an identifier."""
    return re.sub(r"[\W_]", "", normalise_text(strip_invisible(value)[0])).lower()
