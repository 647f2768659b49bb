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

_MARKS = r"(?:[^\S\n]|[*_~`\"'“‘«(\[>|-]){0,5}(?![A-Z]+_\d)"  # before a name; no placeholder of ours follows
_PART = r"(?<![^\W\d_])(?:[dD]['’])?[^\W\d_]{1,30}+\.?(?:[-'’][^\W\d_]{1,30}+)?"  # a row of letters is read once
_NAME = rf"{_PART}(?:[^\S\n]+{_PART})"
# "meu nome é", "em nome de", "prezada sra.": what follows is a name in whatever case it is typed.
_INTRODUCTIONS = (
    r"meu nome(?: completo)?(?: eh| é| e|,)?",
    r"me chamo",
    r"chamo-me",
    r"nome(?: completo| d[oa] (?:cliente|titular|paciente|passageir[oa]))?[\"'*_`]{0,2}\s?[:=|]",
    r"n?o?\s?nome d[aeo](?: minha m[ãa]e,| meu pai,)?",
    r"favorecid[oa]",
    r"benefici[áa]ri[oa]",
    r"titular",
    r"pagador(?: foi)?",
    r"propriet[áa]ri[oa]",
    r"remetente",
    r"destinat[áa]ri[oa]",
    r"locat[áa]ri[oa]",
    r"locador[a]?",
    r"inquilin[oa]",
    r"(?:à|a|ao) aten[çc][ãa]o d[aeo]",
    r"a/c",
    r"aos cuidados d[aeo]",
    r"prezad[oa](?: sra?\.?)?",
    r"car[oa] sra?\.?",
    r"(?:quem|qm) fala (?:eh|é|e)(?: [oa])?",
    r"a(?:qu|k)i (?:eh|é|e)(?: [oa])?",
    r"fal(?:ar|ei) com (?:[oa] )?(?:sra?\.?|seu|dona)",
    r"procurar? por",
    r"autor[a]?",
    r"paciente",
    r"alun[oa]",
    r"eu,",
)
# "sou a", "falar com": only where one of the words is a known name.
_MAYBE_INTRODUCED = re.compile(rf"(?i:\b(?:(?:eu )?sou [oa]|fal(?:ar|ei) com(?: [oa])?)\s?:?){_MARKS}({_NAME}{{0,6}})")
_INTRODUCED = re.compile(rf"(?i:\b(?:{'|'.join(_INTRODUCTIONS)})[^\S\n]?:?){_MARKS}({_NAME}{{0,6}})")
# The line under a greeting at the end, or under "--".
_SIGNED = re.compile(
    r"(?im:^[^\S\n>]*(?:at(?:enciosamente|t|te)?|abs|abra[çc]os?|obrigad[oa]|cordialmente|grat[oa]|respeitosamente|--)"
    rf"[.,!]*[^\S\n]*\n+){_MARKS}({_NAME}{{1,6}})[^\S\n]*[*_~`\"'”’)\]]{{0,2}}(?:\n|$)"
)
# "Fulano de Tal, portador do RG", "Fulano de Tal escreveu:".
_FOLLOWED = re.compile(
    rf"({_NAME}{{1,6}})[*_~`\"'”’)\]]{{0,2}}(?i:,\s(?:inscrit[oa]|portador[a]?|brasileir[oa]|solteir[oa]|casad[oa]"
    r"|residente|titular d|nascid[oa]|rg\b|cpf\b)|\sescreveu:)"
)
# A row of addressees: "Cc: Ana Lima; Rui Costa".
_ADDRESSEES = re.compile(r"(?im:^[^\S\n>]*(?:cc|de|para|from|to)\s?:([^\n]{1,300}))")
_ADDRESSEE = re.compile(rf"({_NAME}{{1,6}})(?=[\"'”’*_)\]`]{{0,2}}[^\S\n]*(?:[;<,(]|$))")
# "cliente:", "sou a": a capitalised name follows.
_ANNOUNCED = re.compile(
    r"(?i:\b(?:cliente|passageir[oa]|responsável|contato|hóspede|assinado(?: por)?)\s?:"
    r"|\b(?:(?:eu )?sou [oa]|filh[oa]|m[ãa]e|pai|espos[oa]|marido|amig[oa]|d[oa] (?:seu|dona)|fal(?:ar|ei) com [oa]"
    rf"|atenciosamente,|att,|abraços,)):?{_MARKS}({_SEQUENCE})"
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
    a adjunto ao aos aqui as associada associado ate bem chefe cliente clientes com como compras coordenacao
    coordenador coordenadora da das de departamento diretor diretora diretoria do dono dos e ela ele em equipe esta
    este eu favor financeiro gerencia gerente governador guia humanos isso ja medico ministra ministro motorista
    muito na nao no nos o orientador orientadora os para pela pelo pessoal por prefeito presidente primeiro quando
    quanto que quem recursos reitor reitora responsavel se secao secretaria secretario seja sem senhor senhora
    senhores setor sobre sou sra suporte titular todos tutor um uma vendas voce voces
    """.split()
)


_PLACES = frozenset({"joao pessoa", "governador valadares", "presidente prudente", "santos dumont"})
_LINKS = frozenset({"da", "de", "do", "das", "dos", "e", "di", "del", "la", "van", "von", "al", "el"})


@lru_cache(maxsize=1)
def _everyday_words() -> frozenset[str]:
    """Words that follow a name typed in lower case."""
    return frozenset(
        """
        acho agora ainda anos apartamento atendido atendimento aviso bom boa caiu cadastro cancelar cidade comprei
        comprou conta cpf da dado dele dela deve disse diz dizer documento email endereco entrega era espero esqueci
        estou falta fala falou faz fazer ficou fiz fone foi fui gostaria hoje informo ja la lhe ligou ligo ligar mae
        mais mandou marcou mas meu meus minha minhas mora morador moro nasci nascida nascido nem no numero nunca
        obrigada obrigado onde pai peco pediu perdi peso pode poderia posso precisa preciso quer queria quero recebeu
        recebi rg saber segue segundo seguro serve sobre solicito solicitou ta tal tem tenho teve tinha trabalha
        trabalho vai veio venho vem viajo vinda vou
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
    for match in _MAYBE_INTRODUCED.finditer(text):
        if any(fold(word) in GIVEN_NAMES or fold(word) in SURNAMES for word in re.findall(_LETTERS, match[1])):
            yield from _introduced(match)
    for line in _ADDRESSEES.finditer(text):
        for match in _ADDRESSEE.finditer(text, line.start(1), line.end(1)):
            if all(_may_be_of_a_name(word) for word in re.findall(_LETTERS, match[1]) if fold(word) not in _LINKS):
                yield match.span(1)
    for pattern in (_SIGNED, _FOLLOWED):
        for match in pattern.finditer(text):
            yield from _whole(match)
    for pattern in (_ANNOUNCED, _TITLED):
        for match in pattern.finditer(text):
            if fold(match[1].split()[0]) not in _NOT_A_NAME:
                yield match.span(1)
    for match in _SEQUENCES.finditer(text):
        yield from _given_and_surname(match, text)
    yield from _lower_case(text)


def _introduced(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The words after an introduction up to one that begins something else: "meu nome é ana souza e quero"."""
    words = list(re.finditer(_LETTERS, match[1]))
    if fold(words[0][0]) in _NOT_A_NAME or len(words[0][0]) < 2:
        return
    end = words[0].end()
    for word in words[1:]:
        if fold(word[0]) in _LINKS or (len(word[0]) == 1 and word[0].isupper()):
            continue
        if not _may_be_of_a_name(word[0]):
            break
        end = word.end()
    yield match.start(1), match.start(1) + end


def _whole(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """All words or none: a line under a greeting, or what stands before "portador do RG"."""
    words = list(re.finditer(_LETTERS, match[1]))
    first = 0
    for position, word in enumerate(words):
        if fold(word[0]) not in _LINKS and not _may_be_of_a_name(word[0]):
            first = position + 1
    named = [word for word in words[first:] if fold(word[0]) not in _LINKS]
    if len(named) > 1 and (first == 0 or match.re is _FOLLOWED):
        yield match.start(1) + named[0].start(), match.end(1)


def _may_be_of_a_name(word: str) -> bool:
    """Capitalised, a known name, or at least no word that a sentence goes on with."""
    folded = fold(word)
    if folded in GIVEN_NAMES or folded in SURNAMES:
        return True
    return folded not in _NOT_A_NAME and (word[0].isupper() or folded not in _everyday_words())


def _given_and_surname(match: re.Match[str], text: str) -> Iterator[tuple[int, int]]:
    """From the first known given name of a capitalised sequence on, if something follows it."""
    words = list(re.finditer(_LETTERS, match[1]))
    if fold(match[1]) in _PLACES:
        return
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
