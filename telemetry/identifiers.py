"""Brazilian identifiers however they are spelt: by what a word near them announces ("cpf", "c/c", "nascida em"), by
their shape, or by their check digits.

tarja knows the usual spellings; people put spaces, dots and line breaks anywhere. After a word that announces an
identifier any row of digits is taken for it. Texts are read as `telemetry.reading` gives them, in pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tarja.validators import cnpj, cpf

from telemetry.gates import Gate, look_at

Span = tuple[int, int, str]


def _spelt(word: str) -> str:
    """`word` with or without dots or spaces: "cpf", "C.P.F.", "c p f"."""
    return r"[. ]{0,2}".join(word) + r"\.?"


# Atomic: with a way back into every gap a row of spaced digits would take seconds.
BETWEEN = r"(?>[^\S\n]{0,2}[.\-/\\()]{0,2}[^\S\n]{0,2}\n?[^\S\n]?)"
RUN = re.compile(rf"\d(?:{BETWEEN}\d){{3,24}}(?:{BETWEEN}[xX]\b)?")
THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+")
_OF_A_RULE = re.compile(r"\b(?:lei|leis|decreto|resolucao|portaria|artigo|art|norma|nbr|iso|sumula)\b[^\d\n]{0,16}$")
_AN_AMOUNT_BEFORE = re.compile(r"\$\s?$")
_AN_AMOUNT_AFTER = re.compile(
    r"(?:,\d\d?(?!\d))?\s?(?:%|(?:de )?(?:reais|mil|milh\w+|bilh\w+|euros|dolares|por cento|kwh|k[mg]|pessoas"
    r"|habitantes|anos|dias)\b)"
)
_NEAR = r"[^\d\n]{0,24}\n?[^\d\w\n]{0,6}(?:[a-z]{1,2}[ .-]{0,3})?"  # "RG: MG-12.345.678"
_REACH = 56  # characters between the announcing word and its number

_ANNOUNCING: tuple[tuple[str, int, re.Pattern[str]], ...] = tuple(
    (kind, fewest, re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z])(?:{filler})$"))
    for kind, fewest, words, filler in (
        ("CPF", 9, _spelt("cpf"), _NEAR),
        ("CNPJ", 12, _spelt("cnpj"), _NEAR),
        ("RG", 5, rf"{_spelt('rg')}|identidade|registro geral", _NEAR),
        ("CNH", 9, rf"{_spelt('cnh')}|habilitacao|carteira de motorista", _NEAR),
        ("TITULO", 10, r"(?:titulo|tit\.?)(?: de eleitor| eleitor(?:al)?)?|inscricao eleitoral", _NEAR),
        ("PIS", 10, rf"{_spelt('pis')}|pasep|nis|nit|inss", _NEAR),
        ("CNS", 12, rf"sus|{_spelt('cns')}", _NEAR),
        ("CARTAO", 12, "cartao|credito|debito|visa|master(?:card)?|elo|amex", r"[^\d\n]{0,32}\n?[^\d\w\n]{0,6}"),
        ("RENAVAM", 9, "renavam", _NEAR),
        ("PROCESSO", 12, r"processo|proc|autos|acao", _NEAR),
        ("CEP", 8, _spelt("cep"), _NEAR),
        ("CONTA", 4, r"conta(?:[ -]corrente| poupanca)?|c/c|cc|poupanca", r"[^\n]{0,28}\n?[^\w\n]{0,6}"),
        ("CONTA", 4, r"ag(?:encia)?", r"\W{0,4}(?:n[o.]{0,2}\W{0,2})?"),
        (
            "TELEFONE",
            8,
            r"tel(?:efone)?|cel(?:ular)?|fone|fixo|whats(?:app)?|zap|lig(?:a|ue|ar)|chama|contato|recado|numero e"
            r"|(?:meu|novo|seu) numero",
            _NEAR,
        ),
        ("PIX", 8, "pix|chave", _NEAR),
        ("NASCIMENTO", 6, r"nasc\w*|aniversario|dn|d\.n\.?", r"[^\d\n]{0,32}\n?[^\d\w\n]{0,6}"),
        ("DOCUMENTO", 7, "doc(?:umento)?|matricula(?: funcional)?|beneficio|passaporte", _NEAR),
        ("DOCUMENTO", 5, "ctps|carteira de trabalho", _NEAR),
    )
)
_ANNOUNCED_AFTER = re.compile(
    r"\W{0,4}(?:(?:e|eh|seja|como)\s)?(?:(?:um|uma|o|a|meu|minha)\s)?(cpf|cnpj|rg|cep|pis|telefone|celular)\b"
)
_OF_PIX = re.compile(r"\b(?:pix|chave|aleatoria)\b")
_VEHICLE = re.compile(r"\b(?:placas?|veiculo|carro|moto|caminhao)\b[^\n]{0,24}\n?[^\w\n]{0,4}$")
_PLATED = re.compile(r"\bplacas?\b[^\n]{0,24}\n?[^\w\n]{0,4}$")

# Told by its shape, where the groups are those of a printed one. An "l" or an "o" may have been a digit before a scan.
_SCANNED = r"[\dilosb]"
_GAP = r"[^\S\n]{0,2}[.,\-/'][^\S\n]{0,2}\n?|[^\S\n]\n?|\n"
_CPF = re.compile(
    rf"(?<![\w.,]){_SCANNED}{{3}}(?:{_GAP}){_SCANNED}{{3}}(?:{_GAP}){_SCANNED}{{3}}(?:{_GAP}){_SCANNED}{{2}}(?!\w)"
)
_MONEY = re.compile(r"\d{3}\.\d{3}\.\d{3},\d{2}")
_STROKE = r"(?:\s?[./\-]\s?)"
_CNPJ = re.compile(
    rf"(?<![\w.])[a-z\d]{{2}}{_STROKE}[a-z\d]{{3}}{_STROKE}?[a-z\d]{{3}}{_STROKE}?[a-z\d]{{4}}{_STROKE}?\d{{2}}(?!\w)"
)
_CNPJ_ANNOUNCED = re.compile(
    rf"(?<![a-z]){_spelt('cnpj')}(?![a-z])[^\n]{{0,16}}?\n?"
    rf"((?<![a-z\d])[a-z\d](?:{BETWEEN}[a-z\d]){{11}}(?:{BETWEEN}\d){{2}})(?!\w)"
)
_UUID = re.compile(r"(?<![0-9a-z])[0-9a-f]{8}(?:[\s\-]{0,3}[0-9a-f]{4}){3}[\s\-]{0,3}[0-9a-f]{12}(?![0-9a-z])")
_PASSPORT = re.compile(
    rf"\b(?:passaporte|passport|rne|rnm)(?![a-z])[^\d\n]{{0,24}}?\n?[^\w\n]{{0,4}}"
    rf"(?<![a-z])([a-z](?:\s?[a-z])?(?:{BETWEEN}\d){{6,7}}(?:-[a-z\d])?)(?!\w)"
)
_ADDRESS_OF_A_MACHINE = re.compile(r"(?<![a-z])meu (?:endereco )?ip\b[^\d\n]{0,16}(\d{1,3}(?:\.\d{1,3}){3})(?!\d)")
_ASIDE = r"[^\S\n]{0,2}[.\-/]?[^\S\n]{0,2}"
_PLATE = re.compile(
    rf"(?<!\w)(?:[a-z]{{3}}|[a-z](?:[ .\-/]{{1,2}}[a-z]){{2}}){_ASIDE}\n?\d{_ASIDE}[a-j\d](?:{_ASIDE}\n?\d){{2}}(?!\w)"
)
_NEW_PLATE = re.compile(r"[A-Z]{3}(?<!\w[A-Z]{3})\d[A-J]\d{2}(?!\w)")  # begins with a letter: searched faster
_NO_PLATE = re.compile(r"(?:ano|ate|com|das|dia|dos|era|foi|mes|nos|por|que|sao|tem|uns|sob)(?![a-z])")
MONTH = r"(?:jan|fev|mar|abr|mai|jun|jul|ago|set|out|nov|dez)[a-z]*"
_COUNTED = (
    r"(?:primeiro|um|dois|tres|quatro|cinco|seis|sete|oito|nove|dez|onze|doze|treze|[cq]uatorze|quinze|dezesseis|dezessete"
    r"|dezoito|dezenove|vinte|trinta|quarenta|cinquenta|sessenta|setenta|oitenta|noventa|novecentos|mil|e)"
)
_BORN = re.compile(
    r"(?<![a-z])(?:nasc\w*|aniversario|d\.?\s?n)(?![a-z])\.?[^\d\n]{0,32}?\n?[^\w\n]{0,6}"
    rf"(\d{{1,2}}[\s/.\-]{{1,3}}(?:de\s+)?(?:{MONTH}|\d{{1,2}})[\s/.\-]{{1,3}}(?:de\s+)?\d{{2,4}})"
)
_BORN_IN_WORDS = re.compile(
    r"(?<![a-z])(?:nasc\w*|aniversario)(?![a-z])[^\d\n]{0,32}?"
    rf"(\b(?:{_COUNTED}\s+){{1,4}}de\s+{MONTH}\s+de(?:\s+{_COUNTED}\b){{1,9}})"
)
_DIGIT_WORDS = re.compile(
    r"(?<![a-z])(?:(?:zero|uma?|dois|duas|tres|quatro|cinco|seis|meia|sete|oito|nove)(?![a-z])[\s,.\-/]{0,3}){8,25}"
)
_GATES = {
    _BORN: Gate("dn d", "nasc", "aniversario"),
    _BORN_IN_WORDS: Gate("", "nasc", "aniversario"),
    _DIGIT_WORDS: Gate("zero dois duas tres quatro cinco seis meia sete oito nove", shape=r"uma?[\s,.\-/]{1,3}uma?"),
    _CNPJ_ANNOUNCED: Gate("c cn cnp cnpj"),
    _PASSPORT: Gate("passaporte passport rne rnm"),
    _ADDRESS_OF_A_MACHINE: Gate("ip"),
    _UUID: Gate("", "pix", "chave", "aleatoria"),  # it is none without
    _PLATE: Gate("", "placa", "veiculo", "carro", "moto", "caminhao"),  # it is none without
}


def find_identifiers(plain: str) -> Iterator[Span]:
    """Spans in `plain`, a reading; they may overlap."""
    low = look_at(plain).low
    for run in RUN.finditer(low):
        kind = _kind_of(run, low)
        if kind:
            yield *run.span(), kind
    yield from find_spelt_out(plain)
    for pattern, kind in (
        (_BORN, "NASCIMENTO"),
        (_CNPJ_ANNOUNCED, "CNPJ"),
        (_PASSPORT, "PASSAPORTE"),
        (_ADDRESS_OF_A_MACHINE, "IP"),
    ):
        for match in _matches(pattern, plain):
            yield *match.span(1), kind
    yield from _by_shape(plain)
    yield from _plates(plain)


def _matches(pattern: re.Pattern[str], plain: str) -> Iterator[re.Match[str]]:
    look = look_at(plain)
    return pattern.finditer(look.low) if _GATES[pattern].opens(look) else iter(())


def find_spelt_out(plain: str) -> Iterator[Span]:
    """Dates of birth in words, and digits in words after what announces an identifier: "cpf cinco dois nove"."""
    for match in _matches(_BORN_IN_WORDS, plain):
        yield *match.span(1), "NASCIMENTO"
    for match in _matches(_DIGIT_WORDS, plain):
        kind = announced(match.string, match.start(), len(match[0].split()))
        if kind and kind != "CONTA":
            yield *match.span(), kind


def announced(low: str, start: int, digits: int) -> str | None:
    """The kind that the words before `start` announce for a row of that many digits."""
    before = low[max(0, start - _REACH) : start]
    return next((kind for kind, fewest, words in _ANNOUNCING if digits >= fewest and words.search(before)), None)


def _kind_of(run: re.Match[str], low: str) -> str | None:
    before = low[max(0, run.start() - _REACH) : run.start()]
    if _OF_A_RULE.search(before) or _AN_AMOUNT_BEFORE.search(before) or _AN_AMOUNT_AFTER.match(low, run.end()):
        return None
    digits = "".join(filter(str.isdigit, run[0]))
    kind = announced(low, run.start(), len(digits))
    if kind or len(digits) < 5:
        return kind
    after = _ANNOUNCED_AFTER.match(low, run.end())
    if after and len(digits) >= 7:
        return after[1].upper()
    if THOUSANDS.fullmatch(run[0]):
        return None
    if len(digits) == 11 and cpf.is_valid(digits):
        return "CPF"
    return "CNPJ" if len(digits) == 14 and cnpj.is_valid(digits) else None


def _by_shape(plain: str) -> Iterator[Span]:
    low = look_at(plain).low
    for match in _CPF.finditer(low):
        if sum(map(str.isdigit, match[0])) >= 7 and not _MONEY.fullmatch(match[0]):
            yield *match.span(), "CPF"
    for match in _CNPJ.finditer(low):
        signs, digits = sum(map(match[0].count, "./-")), sum(map(str.isdigit, match[0]))
        if signs >= 3 and digits >= 3:
            yield *match.span(), "CNPJ"
    for match in _matches(_UUID, plain):
        if _OF_PIX.search(low, max(0, match.start() - _REACH), match.end() + _REACH):
            yield *match.span(), "PIX"


def _plates(plain: str) -> Iterator[Span]:
    for match in _matches(_PLATE, plain):
        before = match.string[max(0, match.start() - _REACH) : match.start()]
        if _PLATED.search(before) or (_VEHICLE.search(before) and not _NO_PLATE.match(match[0])):
            yield *match.span(), "PLACA"
    for match in _NEW_PLATE.finditer(plain):
        yield *match.span(), "PLACA"
