"""Where people are reached: e-mail addresses also in disguise, telephones, postal codes and streets.

An e-mail address is looked for around its "@", so that a row of letters costs nothing. Texts are readings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers

from telemetry.gates import Gate, look_at
from telemetry.identifiers import BETWEEN, THOUSANDS, Span

_AT = re.compile(r"@|%40|[\[({<]\s?(?:a|at|arroba)\s?[\])}>]|(?<![a-z0-9])at(?![a-z0-9])|arroba", re.I)
_MOST_BEFORE, _MOST_AFTER = 64, 120  # RFC 5321 allows a local part of 64 characters
_DISGUISED_BEFORE = r"(?:\s(?:otnop|tod|enilrednu|ociat)\s|\s\.\s)"  # read backwards: " ponto ", " . "
_LOCAL_BACKWARDS = re.compile(
    rf"[^\S\n]{{0,2}}\n?[^\S\n]?((?:[a-z0-9](?:[^\S\n][a-z0-9._+-](?![a-z0-9])){{2,60}}|[a-z0-9.+%-]{{1,64}}(?:{_DISGUISED_BEFORE}[a-z0-9.+%-]{{1,64}}){{0,4}}))",
    re.I,
)
_DOT = r"(?:\s?\.\s?|\s?[\[({<]\s?(?:dot|ponto)\s?[\])}>]\s?|[^\S\n](?:dot|ponto)[^\S\n]|%2e)"
_STATE = "a[clmp]|ba|ce|df|es|go|m[agst]|p[abeir]|r[jnors]|s[cep]|to"
_TLD = rf"(?:com|net|org|gov|edu|jus|leg|mil|adv|ind|eng|med|art|coop|info|app|dev|br|me|io|pt|us|eu|{_STATE})"
_DOMAIN = re.compile(
    rf"[^\S\n]{{0,2}}\n?[^\S\n]?(?:[a-z0-9](?:[^\S\n][a-z0-9-](?![a-z0-9])){{1,40}}(?:[^\S\n]?\.[^\S\n]?(?:[a-z](?:[^\S\n][a-z](?![a-z0-9])){{1,5}}|{_TLD}\b)){{1,3}}"
    rf"|[a-z0-9-]{{1,63}}(?:\.[a-z0-9-]{{1,63}}){{0,5}}(?:{_DOT}{_TLD}(?![a-z0-9])){{1,4}}"
    rf"|[a-z0-9-]{{1,40}}?(?:ponto|dot){_TLD}(?:(?:ponto|dot){_TLD}){{0,2}}(?![a-z0-9])"
    rf"|[a-z0-9-]{{1,63}}(?:\.[a-z0-9-]{{1,63}}){{1,5}})",
    re.I,
)
_HANDLE = re.compile(
    r"\b(?:insta(?:gram)?|twitter|tiktok|facebook|perfil|usuario)\b[^@\n]{0,16}(@[a-z][\w. ]{1,2}[\w.]{1,28})", re.I
)

_TELEPHONES = (
    re.compile(rf"(?<!\d)\(?[1-9]{BETWEEN}[1-9]\)?{BETWEEN}9(?:{BETWEEN}\d){{8}}(?!\d)"),
    re.compile(r"(?<![\d.,/-])9[ .]?\d{4}[ .\-]\d{4}(?![.,/-]?\d)"),
    re.compile(rf"(?m:^[^\w\n]*(9(?:{BETWEEN}\d){{8}})[^\w\n]*$)"),
    re.compile(
        r"(?<!\d)(?:\(\s?0?[1-9]\d\s?\)[ .\-]{0,2}\n?[^\S\n]?|0?[1-9]\d[ /.\-]{1,3}\n?)"
        r"[2-5]\d{3}[ .\-]{1,3}\n?\d{4}(?!\d)"
    ),
)
_FREE_OF_CHARGE = re.compile(r"\D*0[3589]00")
_GROUPED = re.compile(r".*\d{4}\D{1,3}\d{4}", re.S)
_MOBILE_IN_ONE = re.compile(r"(?:\d{2})?[1-9]{2}9\d{8}")

_CEP = re.compile(r"(?<![\d.-])\d{2}\.?\d{3}-\d{3}(?![\d-])")
_CEP_BEFORE_CITY = re.compile(
    rf"(?<![\d.,])\d(?:{BETWEEN}\d){{7}}(?=[^\w\n]{{1,4}}[a-z][^\n\d,]{{2,30}}?\s?[-/]\s?(?:{_STATE})\b)", re.I
)
_STREET = re.compile(
    r"\b(?:(?:rua|r\.|r(?= cel)|avenida|av|alameda|al\.|travessa|tv|praca|pca|rodovia|rod\.|estrada|largo|beco|viela"
    r"|sq[ns]|qn[a-z]|sh[a-z]{1,2}|cl[ns])(?![a-z])\.?\s?[^\n\d;|]{0,48}?(?:\d{1,2} de [a-z]+|projetada \d+)?[\s,]*"
    r"(?:\n\s?)?(?:(?:n[.o]*|numero|km|quadra|conjunto|lote)\s{0,2})*(?:\d{1,5}(?:/\d+)?|s/n\b)"
    r"|(?:quadra|qd|sitio|chacara)\.?\s?\d{1,4}(?=[\s,-]{1,3}(?:conj|bloco|casa|lote)))"
    r"((?:[\s,-]{0,3}(?:apto?|apartamento|ap|bloco|bl|casa|fundos|lote|quadra|conjunto|sala|lj|loja)\b\.?\s?\w{0,4})*)",
    re.I,
)
_AT_HOME = re.compile(
    r"\b(?:mor[oa]|morava|resid\w*|domicili\w*|endereco|end|logradouro|entrega|entregar|casa|imovel|chegar|atencao|remetente"
    r"|destinatario|locador\w*|locatari\w*|vizinh\w*)\b"
)
_IN_A_FIELD = re.compile(r"(?:^|\n)[^\S\n]*[a-z]{3,20}\s{0,3}[:=]\s{0,3}$|[;.!?] [a-z]{3,20}\s{0,3}[:=-]\s{1,3}$")
_HOUSE = re.compile(r"[\s,;:)\]'-]*(?:apto?|ap|apartamento|fundos|casa|bloco|cep|\d{2}\.?\s?\d{3}\s?[-./]?\s?\d{3})\b")
_NEAR_HOME = 90

_ADDRESSED = Gate("at", "@", "%40", "arroba", shape=r"[\[({<]\s?a\s?[\])}>]")
_HOUSED = Gate(
    "rua avenida av alameda al travessa tv praca pca rodovia rod estrada largo beco viela sqn sqs quadra qd sitio"
    " chacara cln cls",
    *("qn", "sh"),
    shape=r"r(?<!\wr)(?:\.| cel)",
)
# phonenumbers takes up to four of these between two digits; a number has at least 8 of them, after a "+" at least 6.
_SIGN_IN_A_NUMBER = r"[-xX ()\[\].\\/~]{0,4}"
_DIALLED = Gate(
    shape=rf"\d(?:{_SIGN_IN_A_NUMBER}\d){{7}}|\+{_SIGN_IN_A_NUMBER}[(\[+]?{_SIGN_IN_A_NUMBER}\d(?:{_SIGN_IN_A_NUMBER}\d){{5}}"
)


def find_contacts(plain: str, *, phones: bool) -> Iterator[Span]:
    """Spans in `plain`, a reading; they may overlap. `phones`: whether it holds digits enough for one."""
    look = look_at(plain)
    low = look.low
    if _ADDRESSED.opens(look):
        yield from _emails(low)
    if "@" in low:
        for match in _HANDLE.finditer(low):
            yield *match.span(1), "PERFIL"
    if phones:
        yield from _telephones(plain)
        for pattern in (_CEP, _CEP_BEFORE_CITY):
            for match in pattern.finditer(low):
                yield *match.span(), "CEP"
    for match in _STREET.finditer(low) if _HOUSED.opens(look) else ():
        before = low[max(0, match.start() - _NEAR_HOME) : match.start()]
        if match[1] or _AT_HOME.search(before) or _IN_A_FIELD.search(before) or _HOUSE.match(low, match.end()):
            yield *match.span(), "ENDERECO"


def _emails(low: str) -> Iterator[Span]:
    for at in _AT.finditer(low):
        local = _LOCAL_BACKWARDS.match(low[max(0, at.start() - _MOST_BEFORE) : at.start()][::-1])
        domain = _DOMAIN.match(low, at.end(), at.end() + _MOST_AFTER)
        if local and domain:
            yield at.start() - local.end(), domain.end(), "EMAIL"


def _telephones(plain: str) -> Iterator[Span]:
    for pattern in _TELEPHONES:
        for match in pattern.finditer(plain):
            if not THOUSANDS.fullmatch(match[0]):
                yield *match.span(), "TELEFONE"
    if not _DIALLED.opens(look_at(plain)):
        return
    for phone in phonenumbers.PhoneNumberMatcher(plain, "BR"):
        if _is_written_as_a_telephone(phone.raw_string):
            yield phone.start, phone.end, "TELEFONE"


def _is_written_as_a_telephone(found: str) -> bool:
    """Not any integer in which phonenumbers reads one: "2147483647", "8535902775", "2.14.7483647"."""
    if _FREE_OF_CHARGE.match(found) or THOUSANDS.fullmatch(found):
        return False
    if found[0] in "+(" or found.startswith("00"):
        return True
    return bool(_GROUPED.fullmatch(found) or _MOBILE_IN_ONE.fullmatch(re.sub(r"\D", "", found)))
