"""Which questions ask about the same subject. Pure: texts and vectors in, groups of their places out.

Alike is half the cosine of the vectors, half that of the stems. Vectors of one embedder all point much the same way, so
their common direction is taken out first: that of these questions and of ordinary ones about everything (`BACKGROUND`),
which hold it still where there are few. Groups are joined while their questions are alike on average (average linkage);
a question joins a group that is there by the same measure. docs/decisions/0032 has what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrieval.text import query_terms
from retrieval.vectors import Vectors

if TYPE_CHECKING:
    from scipy import sparse

Alike = NDArray[np.float32]

SAME_SUBJECT = 0.5
"""On average; 0032: of what is joined at .5, 98 % of paraphrases stand with their like, at .4 92 %."""
NEARLY_SAME = 0.7
"""Another wording of one question: nothing else was as near in 0032."""
LEAST = 2
"""Counted questions that make a subject; one alone waits for its like."""
AT_ONCE = 4000
"""Questions compared with each other at a time: their distances take 128 MB."""
BLOCK = 512

BACKGROUND = (
    "Qual é o horário de atendimento?",
    "Quanto custa a inscrição?",
    "Como faço para cancelar o meu pedido?",
    "Onde fica o escritório central?",
    "Quem é o responsável pela manutenção?",
    "O que devo fazer se perder o crachá?",
    "Quantos dias de férias eu tenho?",
    "Posso trocar o produto depois de trinta dias?",
    "Quais documentos preciso apresentar?",
    "Por que o sistema pede uma nova senha?",
    "Quando sai o resultado do exame?",
    "Existe estacionamento para visitantes?",
    "O plano de saúde cobre consultas fora da cidade?",
    "Como se calcula a média final do curso?",
    "Que temperatura a água deve ter?",
    "É permitido levar animais?",
)


@dataclass(frozen=True, slots=True)
class Space:
    """Questions as points: `dense` (n, d) float32 and `words` (n, terms), rows of unit length, or of zeros."""

    dense: Vectors
    words: sparse.csr_matrix

    def alike(self, rows: Sequence[int], others: Sequence[int]) -> Alike:
        """(rows, others): 1 for the same question, about 0 for strangers."""
        words = (self.words[rows] @ self.words[others].T).toarray()
        return np.asarray((self.dense[rows] @ self.dense[others].T + words) / 2, dtype=np.float32)

    def middle(self, rows: Sequence[int]) -> tuple[Vectors, NDArray[np.float32]]:
        """What a question's likeness to all of `rows`, on average, is measured against."""
        return self.dense[rows].mean(axis=0), np.asarray(self.words[rows].mean(axis=0), dtype=np.float32).ravel()


@dataclass(frozen=True, slots=True)
class Placed:
    """`joined` says which group that was there each question goes to; `new` are groups of questions."""

    joined: dict[int, int] = field(default_factory=dict)
    new: list[list[int]] = field(default_factory=list)


def space_of(texts: Sequence[str], vectors: Vectors, background: Vectors) -> Space:
    """`vectors` (n, d) and `background` (m, d) are of one embedder, of unit length."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # heavy, and of no use to most processes

    common = (vectors.sum(axis=0) + background.sum(axis=0)) / (len(vectors) + len(background))
    centred = vectors - common
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    words = TfidfVectorizer(analyzer=query_terms, sublinear_tf=True, dtype=np.float32)
    words.fit([*BACKGROUND, *texts])
    return Space((centred / np.maximum(length, 1e-6)).astype(np.float32), words.transform(texts).tocsr())


def place(space: Space, groups: Mapping[int, Sequence[int]], loose: Sequence[int], counts: Sequence[bool]) -> Placed:
    """Put the `loose` questions into `groups` (rows by a group's id), or together where `LEAST` of them count.

    Taken in order, `AT_ONCE` compared at a time; those left alone meet the next ones.
    """
    known = {group_id: list(rows) for group_id, rows in groups.items() if rows}
    placed = Placed()
    alone: list[int] = []
    fresh = list(loose)
    while fresh:
        room = max(AT_ONCE - len(alone), AT_ONCE // 2)
        taken, fresh = fresh[:room], fresh[room:]
        joined = _join(space, known, taken)
        placed.joined.update(joined)
        pool = [*alone[-(AT_ONCE // 2) :], *(row for row in taken if row not in joined)]
        alone = []
        for rows in _together(space, pool):
            if sum(counts[row] for row in rows) >= LEAST:
                placed.new.append(rows)
                known[-len(placed.new)] = rows
            else:
                alone += rows
    return _settled(placed)


def _settled(placed: Placed) -> Placed:
    """What joined a group made on the way stands in that group."""
    joined = {}
    for row, group_id in placed.joined.items():
        if group_id < 0:
            placed.new[-group_id - 1].append(row)
        else:
            joined[row] = group_id
    return Placed(joined, placed.new)


def _join(space: Space, known: Mapping[int, Sequence[int]], rows: Sequence[int]) -> dict[int, int]:
    if not known or not rows:
        return {}
    from scipy import sparse

    ids = list(known)
    middles = [space.middle(members) for members in known.values()]
    dense = np.stack([middle for middle, _words in middles])
    words = sparse.csr_matrix(np.stack([middle for _dense, middle in middles]))
    found = {}
    for start in range(0, len(rows), BLOCK):
        block = list(rows[start : start + BLOCK])
        alike = (space.dense[block] @ dense.T + (space.words[block] @ words.T).toarray()) / 2
        for row, best, value in zip(block, alike.argmax(axis=1), alike.max(axis=1), strict=True):
            if value >= SAME_SUBJECT:
                found[row] = ids[int(best)]
    return found


def _together(space: Space, rows: Sequence[int]) -> list[list[int]]:
    """All of `rows` in groups, in order; most of them alone."""
    if len(rows) < LEAST:
        return [list(rows)] if rows else []
    from sklearn.cluster import AgglomerativeClustering

    apart = 1 - space.alike(rows, rows)
    np.fill_diagonal(apart, 0)
    clustering = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=1 - SAME_SUBJECT
    )
    groups: dict[int, list[int]] = {}
    for row, label in zip(rows, clustering.fit_predict(apart), strict=True):
        groups.setdefault(int(label), []).append(row)
    return list(groups.values())


def said_again(space: Space, rows: Sequence[int]) -> set[int]:
    """Of one asker's questions of one day, in order: those that say nearly the same as an earlier one."""
    if len(rows) < 2:
        return set()
    alike = space.alike(rows, rows)
    kept: list[int] = []
    for place_ in range(len(rows)):
        if not kept or alike[place_, kept].max() < NEARLY_SAME:
            kept.append(place_)
    return set(rows) - {rows[place_] for place_ in kept}


def most_central(space: Space, rows: Sequence[int]) -> int:
    """The one most like all of them; of equals the first."""
    dense, words = space.middle(rows)
    alike = space.dense[rows] @ dense + space.words[rows] @ words
    return rows[int(np.argmax(np.round(alike, 5)))]
