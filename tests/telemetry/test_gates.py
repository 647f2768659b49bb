"""A closed gate changes no result: it saves a search that would find nothing."""

from __future__ import annotations

import inspect
import re

import pytest
import tarja
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberMatcher
from tarja.entities import ENTITIES

from benchmarks.planted_identifiers import clean, planted
from telemetry import contacts, identifiers, names, pii
from telemetry.gates import Gate, Look, look_at
from telemetry.reading import read

NEED_A_WORD_NEAR = {identifiers._UUID, identifiers._PLATE}  # what they match is an identifier beside one of the words
GATED = [
    (pattern, gate)
    for room in (names, identifiers)
    for pattern, gate in room._GATES.items()
    if pattern not in NEED_A_WORD_NEAR
]
WORDS_OF_PATTERNS = sorted(
    {word for room in (names, identifiers, contacts) for word in re.findall(r"[a-z]{2,}", inspect.getsource(room))}
)
NEAR_IDENTIFIERS = st.lists(
    st.one_of(
        st.sampled_from(WORDS_OF_PATTERNS),
        st.sampled_from(
            [" ", ", ", ": ", ".", "-", "/", "\n", " de ", " (", ") ", "@", "+", "_", "\u200b", "é", "R$ "]
        ),
        st.from_regex(r"[0-9]{1,5}", fullmatch=True),
        st.text(max_size=3),
    ),
    max_size=24,
).map("".join)


@pytest.fixture
def open_gates(monkeypatch):
    """A way to find with every search made, as without gates."""

    def find(text):
        with monkeypatch.context() as patched:
            patched.setattr(Gate, "opens", lambda _gate, _look: True)
            return pii.find_personal_data(text)

    return find


def test_gates_change_nothing_in_planted_and_clean_texts(open_gates):
    texts = [prompt.text for prompt in planted(200, 41)] + clean(100, 42)
    assert [pii.find_personal_data(text) for text in texts] == [open_gates(text) for text in texts]


@settings(max_examples=150)
@given(text=NEAR_IDENTIFIERS)
def test_gates_change_nothing_in_any_text(text):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Gate, "opens", lambda _gate, _look: True)
        searched = pii.find_personal_data(text)
    assert pii.find_personal_data(text) == searched


@settings(max_examples=15)
@given(data=st.data())
@pytest.mark.parametrize(("pattern", "gate"), GATED, ids=lambda value: getattr(value, "pattern", "")[:30])
def test_what_a_pattern_matches_opens_its_gate(pattern, gate, data):
    plain = read(data.draw(st.from_regex(pattern)))[0]
    assert gate.opens(look_at(plain)) or not pattern.search(plain)


@settings(max_examples=15)
@given(data=st.data())
@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda entity: entity.id)
def test_what_tarja_finds_opens_its_gate(entity, data):
    """A new version of tarja with other patterns must not pass by."""
    number = data.draw(st.sampled_from(entity.patterns).flatmap(lambda pattern: st.from_regex(pattern.regex)))
    word = data.draw(st.sampled_from(["", *entity.context_words, *entity.context_before]))
    after = data.draw(st.sampled_from(["", *entity.context_after]))
    plain = read(f"{word} {number} {after}")[0]
    assert pii._TARJAS.opens(look_at(plain)) or not tarja.find(plain, report_invalid=True)


@settings(max_examples=100)
@given(text=st.from_regex(r"[+(]?[0-9]{1,5}([-x ()./~]{1,3}[0-9]{1,5}){0,4}", fullmatch=True))
def test_what_phonenumbers_finds_opens_its_gate(text):
    assert contacts._DIALLED.opens(look_at(text)) or not list(PhoneNumberMatcher(text, "BR"))


def test_every_name_that_an_alternative_begins_with_is_in_its_gate():
    """`from_regex` may not draw each of two hundred words: here each stands in a sentence of its own."""
    persons = names._PERSONS_BY_WORD.split() + names._FREELY_BY_WORD.split()
    sentences = [
        f"{word}{end} Iracema Baniwa" for word in persons for end in ("", " o", ",", ":", " com", " de", " por")
    ]
    found = [s for s in sentences if any(names._MAYBE_INTRODUCED.finditer(s))]
    assert len(found) > len(persons) / 2
    assert all(names._GATES[names._MAYBE_INTRODUCED].opens(look_at(sentence)) for sentence in found)


def test_a_gate_is_shut_to_a_text_without_its_words():
    assert not Gate("cpf", "c.p.f").opens(Look("bom dia", frozenset({"bom", "dia"})))
