"""Names of people in Portuguese text, as far as patterns and the commonest Brazilian names find them.

A lone given name without introduction is left: too many are also words, cities or saints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from tarja.normalise import fold as fold_text

# The commonest of IBGE's census of names, those that are also everyday words or places left out; folded.
GIVEN_NAMES = frozenset(
    """
    adriana adriano alan alana alberto alessandra alessandro alex alexandre alice aline alvaro amanda ana
    anderson andre andrea andreia andressa angela anna anthony antonia antonio arthur artur augusto barbara
    beatriz benedita benedito benicio bernardo bianca breno bruna bruno caio camila carla carlos carolina
    caroline catarina cecilia celia celso cesar cicero clara claudia claudio cleide cleiton cristiane cristiano
    cristina daiane daniel daniela daniele danilo davi david debora denise diego diogo douglas edson eduarda
    eduardo elaine eliana eliane elisa elisabete elizabeth eloa elza emanuel emanuelly emerson emilly enzo erica
    erick erika estela evandro fabiana fabiano fabio fabricio felipe fernanda fernando flavia flavio francisca
    francisco gabriel gabriela gabrielly geraldo gilberto giovana giovanna gisele giselle guilherme gustavo
    heitor helena heloisa henrique hugo iara igor ines ingrid iolanda irene isaac isabel isabela isabella
    isabelle isadora ivan ivone jaqueline jean jefferson jessica joana joao joaquim joaquina jonas jonathan
    jorge jose josefa julia juliana juliano julio junior karina karine kaua kelly laercio lais lara larissa
    laura lauro leandro leonardo leticia lidia ligia livia lorena lorenzo luan luana lucas lucia luciana luciano
    luis luisa luiz luiza luzia magali manuel manuela marcela marcelo marcia marcio marco marcos margarida maria
    mariana marilia marina mario marlene marta mateus matheus mauricio mauro maya melissa michele miguel milena
    mirela monica murilo natalia nathalia nelson neusa nicolas nicole nilson osvaldo otavio pamela patricia
    paula paulo pedro priscila priscilla rafael rafaela raimunda raimundo raquel raul rebeca regiane regina
    reginaldo renan renata renato ricardo rita roberta roberto robson rodolfo rodrigo rogerio ronaldo rosana
    rosangela roseli rosemary rosilene rubens ruth sabrina samanta samara samuel sandra sarah sebastiana
    sebastiao sergio severina severino sheila silvana silvia silvio simone sofia solange sonia sophia stella
    suelen sueli suzana tania tatiana tatiane teresa teresinha terezinha thais thiago tiago ursula valdir
    valentina valeria valter vanessa vera veronica vicente victor vinicius vitor viviane wagner walter
    washington wellington wesley william wilson yasmin yuri
    """.split()
)
SURNAMES = frozenset(
    """
    abreu aguiar albuquerque almeida alves amaral amorim andrade antunes aragao araujo arruda assis azevedo
    barbosa barreto barros bastos batista bezerra borges braga brandao brito bueno cabral caldas camargo cardoso
    carneiro carvalho castro cavalcante cavalcanti cordeiro correa correia costa coutinho cunha dantas dias
    domingues duarte esteves farias fernandes ferraz ferreira figueiredo fonseca franco freitas furtado garcia
    gomes goncalves guedes guerra guimaraes gusmao lacerda leal leite lemos lima lopes macedo machado maciel
    magalhaes maia marinho marques martins matos medeiros meireles mello melo mendes menezes miranda monteiro
    moraes morais moreira moura nascimento neves nogueira novaes nunes oliveira pacheco paiva peixoto pereira
    pimentel pinheiro pinto pires queiroz ramos rangel rezende ribeiro rocha rodrigues sales salles sampaio
    santana santiago santos saraiva silva silveira simoes siqueira soares sousa souza tavares teixeira teles
    toledo torres trindade vargas vasconcelos vaz veloso viana vieira xavier
    """.split()
)

_CAPITALISED = r"[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ'’]+"
_CAPITALS = r"[A-ZÀ-ÖØ-Þ]{2,}"
_LINK = r"(?:[Dd][aeo]s?|DAS?|DOS?|DE|e|E)"
_WORD = rf"(?:{_CAPITALISED}|{_CAPITALS})"
_SEQUENCE = rf"{_WORD}(?:[ \t]+(?:{_LINK}[ \t]+)?{_WORD}){{0,5}}"
_LETTERS = r"[^\W\d_]+"

# "meu nome é", "me chamo": what follows is a name in whatever case it is typed.
_INTRODUCED = re.compile(
    r"(?i:\b(?:meu nome(?: completo)?(?: é| e| eh|\s?:)|me chamo|chamo-me))\s+"
    rf"({_LETTERS}(?:\s+{_LETTERS}){{0,6}})"
)
# "nome:", "aqui é a", "falar com o": a capitalised name follows.
_ANNOUNCED = re.compile(
    r"(?i:\b(?:nome(?: completo| d[oa] (?:cliente|titular|passageir[oa]))?|cliente|titular"
    r"|passageir[oa]|paciente|responsável|contato|hóspede|assinado(?: por)?)\s?:"
    r"|\b(?:aqui (?:é|quem fala é)(?: [oa])?|(?:eu )?sou [oa]|falar com [oa]|em nome d[aeo]"
    r"|atenciosamente,|att,|abraços,))"
    rf"\s*({_SEQUENCE})"
)
_TITLED = re.compile(rf"\b(?:(?:Sr|Sra|Srta|Dr|Dra|Prof|Profa)(?:\.ª|\.|ª)?[ \t]+)+({_SEQUENCE})")
_SEQUENCES = re.compile(rf"(?<![\w-])({_SEQUENCE})(?![\w-])")

# After these a name is a place's, an institution's or a saint's.
_NOT_A_PERSON_BEFORE = re.compile(
    r"(?i:\b(?:rua|r\.|av\.?|avenida|praça|largo|travessa|estrada|rodovia|alameda|viaduto|ponte|palácio|parque|quinta"
    r"|castelo|igreja|capela|convento|catedral|hospital|escola|colégio|instituto|museu|teatro|estádio|aeroporto"
    r"|universidade|faculdade|fundação|biblioteca|campus|prêmio|lei|cidade|município|ilha|serra|rio|lago|praia|porto"
    r"|são|santo|santa|nossa senhora|dom|d\.|rei|rainha|infante|marquês|conde|padre|papa)(?: d[aeo]s?)?)\s+$"
)
_NOT_A_NAME = frozenset(  # among them the offices that follow "Sr." and "sou o"
    """
    a adjunto aqui as associado bem chefe cliente com coordenador coordenadora da de diretor diretora do dono
    ela ele em esta este eu governador guia isso ja medico ministra ministro motorista muito nao o orientador
    orientadora os para por prefeito presidente primeiro que reitor reitora responsavel secretaria secretario
    sem sobre sou titular tutor um uma voce
    """.split()
)


@lru_cache(maxsize=65_536)
def fold(word: str) -> str:
    """Lower case without accents; texts repeat their words."""
    return fold_text(word)


def find_names(text: str) -> Iterator[tuple[int, int]]:
    """Spans of people's names; they may overlap."""
    for match in _INTRODUCED.finditer(text):
        yield from _introduced(match)
    for pattern in (_ANNOUNCED, _TITLED):
        for match in pattern.finditer(text):
            if fold(match[1].split()[0]) not in _NOT_A_NAME:
                yield match.span(1)
    for match in _SEQUENCES.finditer(text):
        yield from _given_and_surname(match, text)
    yield from _lower_case(text)


def _introduced(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The first word after an introduction and those after it that are capitalised or known names."""
    words = list(re.finditer(_LETTERS, match[1]))
    if fold(words[0][0]) in _NOT_A_NAME:
        return
    end = words[0].end()
    for word in words[1:]:
        folded = fold(word[0])
        if word[0][0].isupper() or folded in GIVEN_NAMES or folded in SURNAMES:
            end = word.end()
        elif folded not in {"da", "de", "do", "das", "dos"}:
            break
    yield match.start(1), match.start(1) + end


def _given_and_surname(match: re.Match[str], text: str) -> Iterator[tuple[int, int]]:
    """From the first known given name of a capitalised sequence on, if something follows it."""
    words = list(re.finditer(_LETTERS, match[1]))
    for position, word in enumerate(words[:-1]):
        if fold(word[0]) in GIVEN_NAMES:
            start = match.start(1) + word.start()
            if position == 0 and _NOT_A_PERSON_BEFORE.search(text[max(0, start - 40) : start]):
                return
            if position and _NOT_A_PERSON_BEFORE.search(match[1][: word.start()]):
                return
            yield start, match.end(1)
            return


def _lower_case(text: str) -> Iterator[tuple[int, int]]:
    """Known given name, then known surname, however they are typed: "joão da silva"."""
    words = list(re.finditer(_LETTERS, text))
    known = [(word, fold(word[0])) for word in words]
    for position, (word, folded) in enumerate(known):
        if folded not in GIVEN_NAMES:
            continue
        rest = [(w, f) for w, f in known[position + 1 : position + 4] if text[word.end() : w.start()].count("\n") == 0]
        for last, surname in rest:
            if surname in SURNAMES:
                if not _NOT_A_PERSON_BEFORE.search(text[max(0, word.start() - 40) : word.start()]):
                    yield word.start(), last.end()
                break
            if surname not in {"da", "de", "do", "das", "dos"} and surname not in GIVEN_NAMES:
                break
