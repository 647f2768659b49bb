"""Brazilian identifiers however they are spelt: what a word before them announces ("cpf", "c/c", "nascida em").

tarja and phonenumbers know the usual spellings and the check digits; people put spaces, dots and line breaks anywhere.
After a word that announces an identifier any row of digits is taken for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tarja.normalise import fold

Span = tuple[int, int, str]

# Atomic: with a way back into every gap a row of spaced digits would take seconds.
_BETWEEN = r"(?>[^\S\n]{0,2}[.\-/\\‐-―·]?[^\S\n]{0,2}\n?[^\S\n]?)"
_RUN = re.compile(rf"\d(?:{_BETWEEN}\d){{3,24}}(?:{_BETWEEN}[xX]\b)?")
_OF_A_RULE = re.compile(r"\b(?:lei|leis|decreto|resolucao|portaria|artigo|art|norma|nbr|iso|sumula)\b[^\d\n]{0,16}$")
_AN_AMOUNT = re.compile(r"(?:r\$|us\$|€)\s?$")
_NEAR = r"[^\d\n]{0,24}\n?"
_REACH = 48  # characters between the announcing word and its number

_ANNOUNCING: tuple[tuple[str, int, re.Pattern[str]], ...] = tuple(
    (kind, fewest, re.compile(rf"\b(?:{words})\b(?:{filler})$"))
    for kind, fewest, words, filler in (
        ("CPF", 9, "cpf", _NEAR),
        ("CNPJ", 12, "cnpj", _NEAR),
        ("RG", 5, "rg|identidade|registro geral", _NEAR),
        ("CNH", 9, "cnh|habilitacao|carteira de motorista", _NEAR),
        ("TITULO", 10, "titulo(?: de eleitor| eleitoral)?|inscricao eleitoral", _NEAR),
        ("PIS", 10, "pis|pasep|nis|nit", _NEAR),
        ("CNS", 12, "sus|cns", _NEAR),
        ("CARTAO", 12, "cartao|credito|debito", r"[^\d\n]{0,32}\n?"),
        ("RENAVAM", 9, "renavam", _NEAR),
        ("PROCESSO", 12, "processo|autos|acao", _NEAR),
        ("CEP", 8, "cep", _NEAR),
        ("CONTA", 4, r"conta(?: corrente| poupanca)?|c/c|cc|poupanca|ag(?:encia)?", r"[^\n]{0,28}"),
        ("TELEFONE", 8, r"tel(?:efone)?|cel(?:ular)?|fone|fixo|whats(?:app)?|zap|lig(?:a|ue|ar)", _NEAR),
        ("PIX", 8, "pix", _NEAR),
        ("PASSAPORTE", 6, "passaporte", _NEAR),
        ("NASCIMENTO", 6, r"nasc\w*|aniversario", r"[^\d\n]{0,32}\n?"),
    )
)
_MOBILE = re.compile(
    rf"(?<!\d)\(?[1-9]{_BETWEEN}[1-9]\)?{_BETWEEN}9(?:{_BETWEEN}\d){{8}}(?!\d)|(?<![\d.,])9\d{{4}}[\s.-]\d{{4}}(?![\d.,])"
    r"|(?m:^9\d{8}$)"
)
_COMPANY = re.compile(
    rf"\bcnpj\b[^\n]{{0,16}}?\n?((?<![a-z\d])[a-z\d](?:{_BETWEEN}[a-z\d]){{11}}(?:{_BETWEEN}\d){{2}})(?!\w)", re.I
)
_EMAIL_IN_PIECES = re.compile(
    r"(?<![\w.+%-])[\w.+%-]++\s?[@＠]\s?[\w-]+(?:\s?\.\s?(?:com|net|org|gov|edu|br|me|io|pt)\b)+", re.I
)
_MONTH = r"(?:jan|fev|mar|abr|mai|jun|jul|ago|set|out|nov|dez)[a-zç]*"
_BORN = re.compile(
    rf"\b(?:nasc\w*|anivers[aá]rio)\b[^\d]{{0,32}}?(\d{{1,2}}[º°]?[\s/.\-]{{0,3}}(?:de\s+)?{_MONTH}[\s/.\-]{{0,3}}(?:de\s+)?\d{{2,4}})",
    re.I,
)
_PLATE = re.compile(r"\b[a-z]{3}[\s.\-]{0,2}\d[a-j\d]\d{2}\b", re.I)
_VEHICLE = re.compile(r"\b(?:placas?|veiculo|carro|moto|caminhao)\b[^\n]{0,24}\n?$")
_CEP_BEFORE_CITY = re.compile(rf"\b\d(?:{_BETWEEN}\d){{7}}(?=\s+[^\W\d_][^\n\d,]{{2,30}}?\s?[-/–]\s?[A-Z]{{2}}\b)")
_STREET = re.compile(
    r"\b(?:rua|r\.|avenida|av\.?|alameda|al\.|travessa|tv\.|praça|praca|pça\.?|rodovia|rod\.|estrada|largo|beco|viela"
    r"|(?:sq[ns]|qn[a-z]|sh[a-z]{1,2}|cl[ns])\b)\s?[^\n\d;|]{0,48}?(?:\d{1,2} de [a-zç]+|projetada \d+)?[\s,*]*"
    r"(?:\n\s?)?(?:(?:n[.º°]*|número|numero|km|quadra|conjunto|lote)\s?)*\d{1,5}(?:/\d+)?"
    r"(?:,?\s?(?:apto?|apartamento|ap|bloco|bl|casa|fundos|lote|quadra|conjunto|sala|lj|loja)\b\.?\s?\w{0,4})*",
    re.I,
)
_AT_HOME = re.compile(
    r"\b(?:mor[oa]|morava|resid\w*|domicili\w*|endere[cç]o|end|logradouro|entrega|entregar|casa|imovel|chegar|atencao|remetente"
    r"|destinatario|locador\w*|locatari\w*|vizinh\w*)\b"
)
_HOUSE = re.compile(r"^[\s,;:)*_~`\"”’\]]*(?:apto?|ap|fundos|casa|bloco|cep|\d{5}-?\d{3})\b", re.I)
_NEAR_HOME = 90


def find_announced(text: str) -> Iterator[Span]:
    """Spans in `text`, which holds no invisible characters; they may overlap."""
    plain = fold(text)
    if len(plain) != len(text):  # a character whose folding has another length: the places would not fit
        plain = text.lower()
    for run in _RUN.finditer(text):
        digits = sum(map(str.isdigit, run.group()))
        before = plain[max(0, run.start() - _REACH) : run.start()]
        if _OF_A_RULE.search(before) or _AN_AMOUNT.search(before):
            continue
        for kind, fewest, announced in _ANNOUNCING:
            if digits >= fewest and announced.search(before):
                yield *run.span(), kind
                break
    for pattern, kind in ((_BORN, "NASCIMENTO"), (_COMPANY, "CNPJ")):
        for match in pattern.finditer(text):
            yield *match.span(1), kind
    for match in _MOBILE.finditer(text):
        yield *match.span(), "TELEFONE"
    for match in _EMAIL_IN_PIECES.finditer(text):
        yield *match.span(), "EMAIL"
    for match in _PLATE.finditer(text):
        if _VEHICLE.search(plain[max(0, match.start() - _REACH) : match.start()]):
            yield *match.span(), "PLACA"
    for match in _CEP_BEFORE_CITY.finditer(text):
        yield *match.span(), "CEP"
    for match in _STREET.finditer(text):
        before, after = plain[max(0, match.start() - _NEAR_HOME) : match.start()], plain[match.end() : match.end() + 24]
        if _AT_HOME.search(before) or _HOUSE.match(after):
            yield *match.span(), "ENDERECO"
