"""Personal data in tables: a heading row ("nome;cpf;telefone") announces what stands below it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from telemetry.gates import Gate, look_at
from telemetry.identifiers import RUN, Span

_KINDS = {
    "cpf": "CPF",
    "cnpj": "CNPJ",
    "rg": "RG",
    "telefone": "TELEFONE",
    "fone": "TELEFONE",
    "celular": "TELEFONE",
    "whatsapp": "TELEFONE",
    "cep": "CEP",
    "pis": "PIS",
    "cns": "CNS",
    "placa": "PLACA",
    "pix": "PIX",
    "nome": "NOME",
    "cliente": "NOME",
}
_TITLE = re.compile(rf"(?<![a-z])({'|'.join(_KINDS)})(?![a-z])")
_HEADING = re.compile(rf"^(?=[^\n]*{_TITLE.pattern})[^\d\n]{{1,40}}[;|,\t][^\d\n]{{1,200}}\n", re.M)
_HEADED = Gate(" ".join(_KINDS))
_SIGN = re.compile(r"[;|,\t]")
_NAME = re.compile(r"\W*[a-z][a-z' .-]{3,80}")
_FEWEST_DIGITS = 8  # of a row that stands in no column, since a line break or another sign moved it


def find_in_tables(plain: str) -> Iterator[Span]:
    """Spans in `plain`, a reading: what stands below the heading of a column, and every long row of digits there."""
    look = look_at(plain)
    if "\n" not in plain or not _HEADED.opens(look):
        return
    low, below = look.low, 0
    while heading := _HEADING.search(low, below):
        end = low.find("\n\n", heading.end())
        below = end if end >= 0 else len(low)
        yield from _cells(low, heading, below)
        for run in RUN.finditer(low, heading.end(), below):
            if sum(map(str.isdigit, run[0])) >= _FEWEST_DIGITS:
                yield *run.span(), "DOCUMENTO"


def _cells(low: str, heading: re.Match[str], end: int) -> Iterator[Span]:
    sign = _SIGN.search(heading[0])
    if sign is None:
        return
    titles = [_TITLE.search(title) for title in heading[0].split(sign[0])]
    start = heading.end()
    for row in low[start:end].split("\n"):
        place = start
        for title, cell in zip(titles, row.split(sign[0]), strict=False):
            kind = _KINDS[title[1]] if title else ""
            if _NAME.fullmatch(cell) if kind == "NOME" else kind and any(map(str.isdigit, cell)):
                yield place, place + len(cell), kind
            place += len(cell) + 1
        start += len(row) + 1
