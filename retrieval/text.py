"""Portuguese text as the search sees it: stemmed tokens without accents, and sentences. Knows nothing of documents."""

from __future__ import annotations

import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

WORD = re.compile(r"[a-z0-9]+(?:[.,]\d+)*")
THOUSANDS = re.compile(r"\.(?=\d{3}(?!\d))")
ORDINAL_SIGNS = str.maketrans("", "", "ºª°")
ASKING_WORDS = (
    "a o as os um uma uns umas de do da dos das em no na nos nas ao aos à às por pelo pela para pra pro com sem e "
    "ou que se me eu ele ela eles elas lhe você vocês vc vcs é são foi ser está estão sendo tem têm ter há existe "
    "existem isso isto esse essa este esta qual quais quanto quantos quanta quantas quando onde aonde quem como "
    "porque porquê explique diga posso pode podem poder preciso precisa devo deve quero queria gostaria saber por "
    "favor obrigado obrigada então já também seu sua seus suas meu minha fica ficam faz fazer fazem acontece "
    "entre sobre"
)
SHORTEST_PLURAL = 4
SINGULAR_ALREADY = frozenset("mais demais jamais pais cais seis dezesseis dois depois pois".split())
IRREGULAR = {
    "leis": "lei",
    "reis": "rei",
    "bois": "boi",
    "maes": "mae",
    "faceis": "facil",
    "dificeis": "dificil",
    "uteis": "util",
    "frageis": "fragil",
}
PLURALS = tuple(
    (re.compile(ending), singular)
    for ending, singular in (
        ("(?:oes|aes|aos)$", "ao"),
        ("ns$", "m"),
        ("(?<=[aeou])is$", "l"),
        ("(?<=[bcdfgklmprtw])s$", ""),
    )
)
SUFFIXES = (
    ("cao", "ção"),
    ("ao", "ão"),
    ("encia", "ência"),
    ("ancia", "ância"),
    ("avel", "ável"),
    ("ivel", "ível"),
)
_local = threading.local()


def fold(text: str) -> str:
    """Lower case without accents: what is typed in haste and what is printed become the same."""
    decomposed = unicodedata.normalize("NFKD", text.lower().translate(ORDINAL_SIGNS))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def tokens(text: str) -> list[str]:
    """The stems of `text` in order. Accents go before stemming, on both sides of a search (nDCG .923 of .926, and
    unaccented typing costs nothing). A number is one token however it is written: `R$ 1.250,00` holds `1250`."""
    return [_stem(word) for word in WORD.findall(fold(text))]


def query_terms(question: str) -> tuple[str, ...]:
    """The different stems of a question that say what it is about; all of them where none does.

    "Qual é", "posso", "explique" and the like stand in no passage because it answers, and where they do stand they only
    distract: without them R@1 rises from .893 to .902 (FaQuAD), .786 to .816 (Pirá) and .678 to .711 (the demo).
    """
    stems = tuple(dict.fromkeys(tokens(question)))
    return tuple(stem for stem in stems if stem not in _asking_stems()) or stems


@lru_cache(maxsize=1)
def _asking_stems() -> frozenset[str]:
    return frozenset(tokens(ASKING_WORDS))


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    if word[0].isdigit():
        return THOUSANDS.sub("", word).removesuffix(",00")
    if not hasattr(_local, "stemmer"):
        _local.stemmer = snowballstemmer.stemmer("portuguese")  # it keeps state while it works: one a thread
    return fold(_local.stemmer.stemWord(_accented(_singular(word))))


def _singular(word: str) -> str:
    """The plurals that the stemmer leaves alone: `hoteis`, `passagens`, `reclamacoes`, `vouchers`."""
    if len(word) < SHORTEST_PLURAL or word in SINGULAR_ALREADY:
        return word
    if word in IRREGULAR:
        return IRREGULAR[word]
    for ending, singular in PLURALS:
        if ending.search(word):
            return ending.sub(singular, word)
    return word


def _accented(word: str) -> str:
    """With the accent its suffix is written with, by which the stemmer knows it: `reclamacao` ends in `ção`."""
    for plain, written in SUFFIXES:
        if word.endswith(plain) and len(word) > SHORTEST_PLURAL:
            return word.removesuffix(plain) + written
    return word


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and where it stands: `source[start:end] == text`."""

    text: str
    start: int
    end: int


ABBREVIATIONS = frozenset(
    "sr sra srs sras srta dr dra drs dras prof profa profs exmo exma ilmo ilma art arts inc cap av trav pça rod "
    "n nº num tel cel pág pag págs pags pp fls vol obs cf i.e e.g vs aprox fig figs tab séc eng adv gov dep sen sto "
    "sta ltda s.a a.c d.c jr al".split()
)
# Also words or units that may well end a sentence (`perto do mar.`, `às 18 h.`): they hold only before a number.
BEFORE_NUMBERS = frozenset(
    "jan fev mar abr mai jun jul ago set out nov dez h hs hr min seg km no nos máx mín p fl ed".split()
)
ENDING = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|\n+")
LAST_WORD = re.compile(r"([\w.]+)$")


def split_sentences(text: str) -> list[Sentence]:
    """Sentences in order, white space between them left out; a line break ends one too (parsers undo mere wrapping).

    Does not break after Portuguese abbreviations (`Art. 5º`, `Sr. Silva`, `R. Augusta`), initials, ordinals at the
    head of a list item (`1. Chegue`), or where what follows goes on in lower case.
    """
    sentences: list[Sentence] = []
    start = 0
    for match in ENDING.finditer(text):
        if match.group().strip() and not _ends_sentence(text, start, match):
            continue
        _append(sentences, text, start, match.end())
        start = match.end()
    _append(sentences, text, start, len(text))
    return sentences


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    following = text[match.end() : match.end() + 40].lstrip(" \t")[:1]
    if following and following.islower():
        return False
    if match.group() != ".":
        return True
    before = text[start : match.start()]
    word = LAST_WORD.search(before)
    if word is None:
        return bool(before.strip())
    last = word.group(1)
    if last.lower() in BEFORE_NUMBERS:
        return not following.isdigit()
    if last.lower() in ABBREVIATIONS or (len(last) == 1 and last.isupper()):
        return following == "\n" or not following
    is_item_number = before.strip() == last and last.isdigit()
    return not is_item_number


def _append(sentences: list[Sentence], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        begin = start + len(piece) - len(piece.lstrip())
        sentences.append(Sentence(stripped, begin, begin + len(stripped)))
