"""Whether a sentence says the opposite of its source: "não inclui" for "inclui", "proibido" for "permitido". Pure.

Overlap of words does not tell it, since a flipped negation shares all of them but one. So each clause is compared with
the clause of the source that speaks of the same, its predicates taken with their sign: negated or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

from retrieval.text import fold, split_sentences, tokens

COMMON_STEMS = 2
COMMON_SHARE = (
    0.5  # of a source's clause that must stand in the claim (from two thirds on a tenth fewer flips are seen)
)
SHORTEST_STEM = 3

_NEGATIONS = frozenset("nao nunca jamais nem sem nenhum nenhuma tampouco".split())
_AUXILIARIES = frozenset(  # a negation before them turns round what follows
    "esta estao estava estavam esteja estejam foi foram era eram ser seja sejam sera serao sao ter tem tenha tinha "
    "haja havia haver pode podem possa possam podera "
    "deve devem devera vai vao precisa precisam fica ficam uma uns umas mais muito ainda qualquer nenhum "
    "nenhuma".split()
)
_CLAUSE = re.compile(
    r"[.;:!?\n,()–—]|\b(?:mas|porém|contudo|entretanto|embora|exceto|salvo|senão|ou|que|quando)\b|"
    r"(?<!não )(?<!nao )\bse\b"
)
_WORD = re.compile(r"[a-z0-9]+")
_NOT_ALONE = frozenset("so apenas somente todo toda todos todas".split())  # "não só", "nem todos" deny nothing outright
_AXIS = "axis "
# Not antes/depois, mínimo/máximo, abre/fecha: both are often true of one thing, and no flip was seen by them alone.
_OPPOSITES: tuple[tuple[str, str], ...] = (
    (
        "permitido permitida permitidos permitidas permite permitem pode podem autorizado autorizada liberado liberada",
        "proibido proibida proibidos proibidas proibe proibem vedado vedada vedados vedadas impedido impedida",
    ),
    ("aceita aceitam aceito aceitos aceitas", "recusa recusam rejeita rejeitam"),
    (
        "inclui incluem incluido incluida incluidos incluidas incluso inclusa",
        "exclui excluem excluido excluida excluidos",
    ),
    (
        "obrigatorio obrigatoria obrigatorios obrigatorias exige exigem exigido preciso precisa necessario necessaria",
        "opcional facultativo facultativa dispensa",
    ),
    ("gratis gratuito gratuita gratuitos gratuitas gratuitamente", "pago paga pagos pagas cobrado cobrada"),
    ("acima superior", "abaixo inferior"),
    ("dentro", "fora"),
    ("maior maiores", "menor menores"),
    ("aumenta aumentou aumentar sobe", "diminui diminuiu diminuir reduz desce"),
    ("possivel", "impossivel"),
)
_PROHIBITIONS = frozenset(_OPPOSITES[0][1].split())
_SIDES: Mapping[str, tuple[str, bool]] = {
    word: (f"{_AXIS}{axis}", side == 0)
    for axis, sides in enumerate(_OPPOSITES)
    for side, words in enumerate(sides)
    for word in words.split()
}


@dataclass(frozen=True, slots=True)
class Clause:
    """What a clause says: its stems, and its predicates with the signs they have there (True: not negated).

    A predicate is what a negation turns round, or a word that has an opposite; the latter is an axis, with its side.
    """

    stems: frozenset[str]
    signs: Mapping[str, frozenset[bool]]
    turned: frozenset[str]
    axes: frozenset[str]
    denies: bool

    @classmethod
    def of(cls, text: str) -> Clause:
        signs: dict[str, set[bool]] = {}
        for stem, sign in _signed(text):
            signs.setdefault(stem, set()).add(sign)
        turned = frozenset(stem for stem, found in signs.items() if False in found and not stem.startswith(_AXIS))
        return cls(
            frozenset(stem for stem in signs if not stem.startswith(_AXIS)),
            {stem: frozenset(found) for stem, found in signs.items()},
            turned,
            frozenset(stem for stem in signs if stem.startswith(_AXIS)),
            bool(turned) != (not _PROHIBITIONS.isdisjoint(_WORD.findall(fold(text)))),
        )


Said: TypeAlias = tuple[Clause, ...]


def said_in(text: str) -> Said:
    """The clauses of `text`, those without a word left out."""
    clauses = (
        Clause.of(clause) for sentence in split_sentences(text) for clause in _CLAUSE.split(sentence.text.lower())
    )
    return tuple(clause for clause in clauses if clause.stems)


def contradicts(source: Said, claim: Said) -> bool:
    """Whether a clause of `claim` gives a predicate the other sign than the clause of `source` on the same does."""
    return any(_opposed(clause, _same_subject(source, clause)) for clause in claim)


def _same_subject(source: Said, clause: Clause) -> tuple[Clause, ...]:
    """The clauses of `source` that lie most within `clause`."""
    shares = [_share_within(said, clause) for said in source]
    best = max(shares, default=0.0)
    if best < COMMON_SHARE:
        return ()
    return tuple(said for said, share in zip(source, shares, strict=True) if share == best)


def _share_within(said: Clause, clause: Clause) -> float:
    """How much of `said` stands in `clause`, which often names more: "mas não inclui o almoço" leaves out of what. 0
    where they speak of other figures."""
    common = said.stems & clause.stems
    figures = [{stem for stem in one.stems if stem.isdigit()} for one in (said, clause)]
    other_figures = all(figures) and figures[0].isdisjoint(figures[1])
    if len(common) < COMMON_STEMS or other_figures:
        return 0.0
    return len(common) / len(said.stems)


def _opposed(clause: Clause, same: Iterable[Clause]) -> bool:
    """Where both deny, they may deny it of another word ("não há", "não existe"): then only opposites count."""
    found: dict[str, frozenset[bool]] = {}
    predicates, denied = clause.axes, frozenset[str]()
    for said in same:
        denied |= said.turned
        for stem, signs in said.signs.items():
            found[stem] = found.get(stem, frozenset()) | signs
    if clause.denies != any(said.denies for said in same):
        predicates |= clause.turned | denied
    return any(stem in found and stem in clause.signs and not found[stem] & clause.signs[stem] for stem in predicates)


def _signed(clause: str) -> Iterator[tuple[str, bool]]:
    """Each stem with its sign; a word that has an opposite also as a side of their axis."""
    negated = False
    words = _WORD.findall(fold(clause))
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word in _SIDES:
            axis, side = _SIDES[word]
            yield axis, side != negated
        if word in _NEGATIONS:
            negated = following not in _NOT_ALONE
        elif len(word) >= SHORTEST_STEM or word.isdigit():
            for stem in tokens(word):
                yield stem, not negated
            negated = negated and word in _AUXILIARIES
