"""Personal data: found by tarja (Brazilian identifiers, check digits), phonenumbers and patterns, and masked.

Two uses of one finder: `mask_for_egress` is reversible, for a text that goes to a paid provider and comes back;
`redact` is not, for datasets. Neither promises that nothing is left: names and addresses are found as far as
patterns go. What the finder finds once more after masking blocks the egress.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import phonenumbers
import tarja
from tarja.normalise import normalise_text, strip_invisible

from telemetry.exceptions import PersonalDataLeft
from telemetry.identifiers import find_announced
from telemetry.names import find_names

ROUNDS = (
    5  # the last one finds nothing: masking shortens a text and may bring a number within reach of its context word
)
NEEDS_CONTEXT = frozenset({"BR_PLACA", "BR_TELEFONE"})  # else "ISO 9001" is a number plate; phonenumbers finds phones
FEWEST_DIGITS = 3  # a number plate's, the least of any identifier
FEWEST_DIGITS_OF_A_PHONE = 7
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+")  # "68.969.446.735 reais" is no telephone
_PLAIN = re.compile("[\\x00-\\x7fÀ-ɏºª§°€“”‘’…«»]*")  # nothing invisible, no look-alikes: most texts, and much faster

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "EMAIL",
        re.compile(
            r"(?<![\w.+%-])[\w.+%-]++(?:@|\s?[\[(]\s?(?:at|arroba)\s?[\])]\s?|\s+arroba\s+)[\w-]+"
            r"(?:(?:\.|\s?[\[(]\s?(?:dot|ponto)\s?[\])]\s?|\s+ponto\s+)[\w-]+)+",
            re.I,
        ),
    ),
    ("CEP", re.compile(r"(?<![\d.-])\d{2}\.?\d{3}-\d{3}(?![\d-])")),
    ("PASSAPORTE", re.compile(r"\bpassaporte\b[^\d\n]{0,12}?\b([a-z]{1,2}\s?\d{6,7})\b", re.I)),
)


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
    _values: dict[str, str] = field(repr=False)

    def unmask(self, text: str) -> str:
        """`text` with this mask's placeholders replaced by what they stand for."""
        return _restore(text, self._values)

    def unmasker(self) -> StreamUnmasker:
        """The same for a text that arrives in pieces."""
        return StreamUnmasker(self._values)


class StreamUnmasker:
    """Unmasks a stream, holding back what may be the beginning of a placeholder."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be said for certain after this piece."""
        text = self._held + text
        start = text.rfind("[")
        half = start >= 0 and any(label.startswith(text[start:]) for label in self._values)
        half = half and text[start:] not in self._values
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
    positions: Sequence[int]
    if _PLAIN.fullmatch(text):
        visible, positions = text, range(len(text))
    else:
        stripped, positions = strip_invisible(text)
        visible = normalise_text(stripped)
    digits = sum(map(visible.count, "0123456789"))
    if digits >= FEWEST_DIGITS:
        for match in tarja.find(text, report_invalid=True, max_chars=None):
            if match.has_context or match.entity not in NEEDS_CONTEXT:
                yield Span(match.start, match.end, match.entity.removeprefix("BR_"))
    for start, end, kind in _candidates_in_plain(visible, phones=digits >= FEWEST_DIGITS_OF_A_PHONE):
        last = positions[end - 1] + 1
        while last < len(text) and unicodedata.combining(text[last]):
            last += 1
        yield Span(positions[start], last, kind)


def _candidates_in_plain(text: str, *, phones: bool) -> Iterator[tuple[int, int, str]]:
    """What tarja does not look for, in a text without invisible characters."""
    yield from find_announced(text)
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield *match.span(match.lastindex or 0), kind
    for phone in phonenumbers.PhoneNumberMatcher(text, "BR") if phones else ():
        if not _THOUSANDS.fullmatch(phone.raw_string):
            yield phone.start, phone.end, "TELEFONE"
    for start, end in find_names(text):
        yield start, end, "NOME"


class _Masker:
    """Gives out placeholders; none that the texts themselves contain, so that unmasking touches only its own."""

    def __init__(self, texts: Sequence[str], *, reversible: bool) -> None:
        self.values: dict[str, str] = {}
        self._labels: dict[tuple[str, str], str] = {}
        self._sources = texts
        self._reversible = reversible

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(sorted({kind for kind, _ in self._labels}))

    def mask(self, text: str) -> str:
        """Mask until nothing more is found; raise PersonalDataLeft if that does not come to an end."""
        for _ in range(ROUNDS):
            spans = _joined(self._whole(text, span) for span in find_personal_data(text))
            if not spans:
                return text
            for span in reversed(spans):
                text = text[: span.start] + self._label(span.kind, text[span.start : span.end]) + text[span.end :]
        raise PersonalDataLeft(sorted({span.kind for span in find_personal_data(text)}))

    def _whole(self, text: str, span: Span) -> Span:
        """The span grown over placeholders that it cuts."""
        for match in re.finditer(r"\[[A-Z_]+_\d+\]", text):
            if match[0] in self.values and match.start() < span.end and span.start < match.end():
                span = Span(min(span.start, match.start()), max(span.end, match.end()), span.kind)
        return span

    def _label(self, kind: str, found: str) -> str:
        value = _restore(found, self.values)
        key = (kind, value if self._reversible else _canonical(value))
        if key not in self._labels:
            self._labels[key] = self._unused(kind)
            self.values[self._labels[key]] = value
        return self._labels[key]

    def _unused(self, kind: str) -> str:
        labels = (f"[{kind}_{number}]" for number in count(1))
        return next(x for x in labels if x not in self.values and not any(x in text for text in self._sources))


def _restore(text: str, values: dict[str, str]) -> str:
    """One pass, so that nothing inside a restored value is taken for a placeholder."""
    if not values:
        return text
    return re.sub("|".join(re.escape(label) for label in values), lambda match: values[match[0]], text)


def _canonical(value: str) -> str:
    """The same for every spelling of an identifier."""
    return re.sub(r"[\W_]", "", normalise_text(strip_invisible(value)[0])).lower()
