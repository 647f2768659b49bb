"""Names of people in Portuguese text, as far as patterns and the commonest Brazilian names find them.

A lone given name without introduction is left: too many are also words, cities or saints. Texts are readings
(`telemetry.reading`): ASCII, without quotation marks and Markdown's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from telemetry.gates import Gate, Look, look_at
from telemetry.known_names import GIVEN_NAMES, SURNAMES

KNOWN = GIVEN_NAMES | SURNAMES | {"filho", "neto", "neta", "junior", "jr", "sobrinho"}

_CAPITALISED = r"(?:[A-Z]')?[A-Z][a-z']+"
_CAPITALS = r"[A-Z]{2,}"
_LINK = r"(?:[Dd][aeo]s?|DAS?|DOS?|DE|e|E)"
_WORD = rf"(?:{_CAPITALISED}|{_CAPITALS})"
_SEQUENCE = rf"{_WORD}(?:[ \t]+(?:{_LINK}[ \t]+|[A-Z]\.[ \t]+)?{_WORD}){{0,5}}"
_LETTERS = re.compile(r"[A-Za-z]+")

_MARKS = r"(?:[^\S\n]|['(<>\[-]){0,5}"  # before a name
# A row of letters is read once.
_PART = r"(?<![A-Za-z])(?:[dD]')?(?:[A-Za-z]{1,2}\.|[A-Za-z]{1,30}+)(?:[-'][A-Za-z]{1,30}+)?"
_NAME = rf"{_PART}(?:(?:[^\S\n]+|[^\S\n]*\n[^\S\n]*){_PART})"

# "meu nome é", "quem fala é a", "paciente:": what follows is a name in whatever case it is typed.
_INTRODUCTIONS = (
    r"meu nome(?: completo)?(?: eh| e|,)?",
    r"(?:me chamo|(?:el[ea]|que) se chama)",
    r"chamo-me",
    r"nome(?: \w{1,20}){0,3}\s{0,4}(?:[:=|]|- )",
    r"(?:em|n?o|ao|pro) nome d[aeo] (?:minha mae,|meu pai,)",
    r"(?:em|no|ao|pro) nome d[aeo]",
    r"ao? aten[ct]ao d[aeo]",
    r"a/c",
    r"aos cuidados d[aeo]",
    r"prezad[oa] sra?\.?",
    r"car[oa] sra?\.?",
    r"(?:quem|qm) fala (?:eh|e)(?: [oa])?",
    r"a(?:qu|k)i (?:eh|e)(?: [oa])?",
    r"fal(?:ar|ei) com (?:[oa] )?(?:sra?\.?|seu|dona)",
    r"eu,",
)
# Words for a person, which other words follow as often: only where what follows looks like a name.
_PERSONS = (
    r"nome(?: \w{1,20}){0,3},|nome d[aeo](?: \w{4,20})?|beneficiari[oa]|titular|proprietari[oa]"
    r"|remetente|destinatari[oa]|inquilin[oa]|prezad[oa]|querid[oa]|autor[a]?|paciente|alun[oa]"
    r"|reu|sindic[oa]|servidor[a]?|testemunha|vitima|declarante|acusad[oa]|advogad[oa]|funcionari[oa]|soci[oa]|hospede"
    r"|segurad[oa]|requerente|contribuinte|eleitor[a]?|passageir[oa]|medic[oa]|enfermeir[oa]"
    r"|motorista|cliente|responsavel|contato|assinado(?: por)?|procurar? por|receb(?:i|ido|eu) de"
    r"|filh[oa]|irma|irmao|mae|pai|espos[oa]|marido|noiv[oa]|cunhad[oa]|vizinh[oa]|amig[oa]"
    r"|atenciosamente,|att,|abracos,"
)
_GREETINGS = r"seu|dona|oi+|ola|bom dia|boa tarde|boa noite|obrigad[oa]|valeu|abs"
# "sou a", "falar com", "locador": a name unless it is an office or a word that sentences go on with.
_FREELY = (
    r"(?:eu )?sou [oa]|fal(?:ar|ei) com"
    r"|nome(?: \w{1,20}){0,3},|(?<![^\n])nome|nome completo"
    r"|(?:pagador[a]?|favorecid[oa]|locador[a]?|locatari[oa]|outorgante|outorgad[oa])(?: foi| e| eh)?"
)
_INTRODUCED = re.compile(rf"(?i:\b(?:{'|'.join(_INTRODUCTIONS)})[^\S\n]?:?){_MARKS}\n?{_MARKS}({_NAME}{{0,6}})")
_LABELLED = re.compile(rf"(?i:\b(?:{_PERSONS})[^\S\n]{{0,3}}(?:[:=]|- )){_MARKS}\n?{_MARKS}({_NAME}{{0,6}})")
_MAYBE_INTRODUCED = re.compile(
    rf"(?i:\b(?:{_PERSONS}|(?:{_FREELY}|sou)(?: [oa])?)[,:]?){_MARKS}(?<![A-Za-z])({_NAME}{{0,6}})"
)
_GREETED = re.compile(rf"(?i:\b(?:{_GREETINGS}),?){_MARKS}(?<![A-Za-z])({_NAME}{{0,6}})")
_FREELY_INTRODUCED = re.compile(rf"(?i:\b(?:{_FREELY})\s?:?){_MARKS}({_NAME}{{1,6}})")
# The line under a greeting at the end, or under "--".
_SIGNED = re.compile(
    r"(?im:^[^\S\n>]*(?:at(?:enciosamente|t|te)?|abs|abracos?|obrigad[oa]|cordialmente|grat[oa]|respeitosamente|--)"
    rf"[.,!]*[^\S\n]*\n+){_MARKS}({_NAME}{{0,6}})[^\S\n]*[')\]]{{0,2}}[^\S\n]*(?:\n|$)"
)
# "Fulano de Tal, portador do RG", "Fulano de Tal escreveu:".
_FOLLOWING = (
    r"(?i:[^\S\n]{0,3},\s(?:inscrit[oa]|portador[a]?|brasileir[oa]|solteir[oa]|casad[oa]|residente|titular d|nascid[oa]"
    r"|rg\b|cpf\b)|\s{1,3}escreveu:)"
)
_FOLLOWED = re.compile(rf"({_NAME}{{1,6}})[')\]]{{0,2}}{_FOLLOWING}")
# A row of people: "Cc: Ana Lima; Rui Costa".
_ROW = re.compile(
    r"(?im:^[^\S\n>]*(?:cc|cco|bcc|de|para|from|to|presentes|participantes|convidados|passageiros|hospedes|testemunhas)\s?:([^\n]{1,200}(?:\n[^\n:]{1,80};[^\n:]{1,80})?))"
)
_OF_A_ROW = re.compile(rf"({_NAME}{{1,6}})(?=[')\]]{{0,2}}[^\S\n]*(?:[;<,(.]|$))", re.M)
_TITLED = re.compile(rf"\b(?:(?:Sr|Sra|Srta|Dr|Dra|Prof|Profa|Dona)\b(?:\.a|\.)?[ \t]+)+({_SEQUENCE})")
_SEQUENCES = re.compile(rf"(?<![A-Za-z0-9-])({_SEQUENCE})(?![A-Za-z0-9-])")

# What each of them begins with, or holds.
_PERSONS_BY_WORD = """
    nome beneficiario beneficiaria titular proprietario proprietaria remetente destinatario destinataria inquilino
    inquilina prezado prezada querido querida autor autora paciente aluno aluna reu sindico sindica servidor servidora
    testemunha vitima declarante acusado acusada advogado advogada funcionario funcionaria socio socia hospede segurado
    segurada requerente contribuinte eleitor eleitora passageiro passageira medico medica enfermeiro enfermeira
    motorista cliente responsavel contato assinado procurar procura recebi recebido recebeu filho filha irma irmao mae
    pai esposo esposa marido noivo noiva cunhado cunhada vizinho vizinha amigo amiga atenciosamente att abracos
    """
_FREELY_BY_WORD = """
    sou falar falei nome pagador pagadora favorecido favorecida locador locadora locatario locataria outorgante
    outorgado outorgada
    """
_GATES = {
    _INTRODUCED: Gate(
        "",
        *("nome", "chamo", "se chama", "atencao", "atentao", "a/c", "aos cuidados", "prezado sr", "prezada sr"),
        *("caro sr", "cara sr", "quem fala", "qm fala", "aqui e", "aki e", "falar com", "falei com", "eu,"),
    ),
    _LABELLED: Gate(_PERSONS_BY_WORD),
    _MAYBE_INTRODUCED: Gate(_PERSONS_BY_WORD + _FREELY_BY_WORD),
    _GREETED: Gate("seu dona oi ola obrigado obrigada valeu abs", "oii", "bom dia", "boa tarde", "boa noite"),
    _FREELY_INTRODUCED: Gate(_FREELY_BY_WORD),
    _FOLLOWED: Gate(
        "",
        "escreveu:",
        shape=r",\s(?:inscrit|portador|brasileir|solteir|casad|residente|titular d|nascid|rg|cpf)",
    ),
    _TITLED: Gate("sr sra srta dr dra prof profa dona"),
}
_A_KNOWN_NAME = Gate(" ".join(GIVEN_NAMES | SURNAMES))
_A_GIVEN_NAME = Gate(" ".join(GIVEN_NAMES))

# After these a name is a place's, an institution's or a saint's.
_NOT_A_PERSON_BEFORE = re.compile(
    r"(?i:\b(?:rua|r\.|av\.?|avenida|praca|largo|travessa|estrada|rodovia|alameda|viaduto|ponte|palacio|parque|quinta"
    r"|castelo|igreja|capela|convento|catedral|hospital|escola|colegio|instituto|museu|teatro|estadio|aeroporto"
    r"|universidade|faculdade|fundacao|biblioteca|campus|premio|lei|cidade|municipio|ilha|serra|rio|lago|praia|porto"
    r"|sao|santo|santa|nossa senhora|dom|d\.|rei|rainha|infante|marques|conde|padre|papa)(?: d[aeo]s?)?)\s+$"
)
_NOT_A_NAME = frozenset(  # among them the offices that follow "Sr." and "sou o"
    """
    a adjunto administracao advogada advogado agencia aluna aluno anonimo anterior ao aos aqui area as
    assistente associada associado ate atendente atendimento banco bem central chefe cliente clientes com
    comissao como companhia competo completo compras conselho contrario contratada contratante coordenacao
    coordenador coordenadora crianca curso da das de departamento desconhecido desenvolvedor desenvolvedora
    diretor diretora diretoria do docente domingo dono dos e educacao ela ele em empresa enfermeira enfermeiro
    engenheira engenheiro ensino equipe escola especial esta estado este estudante eu fas favor federal filha
    filho financeiro fiscal fisica funcionaria funcionario geral gerencia gerente governador grupo guia hospital
    humanos idosa idoso instituto irma irmao isso ja juiz juiza juridica mae maior marido medica medico menor
    ministerio ministra ministro morador moradora motorista muito mulher municipal na nao no nos nossa nosso
    nova novo o orientador orientadora os ouvidoria pai para pela pelo pessoa pessoal pessoas policia por
    prefeito prefeitura presidente primeira primeiro professor professora programador programadora proprietaria
    proprietario publica publico quando quanto quarta que quem quinta recursos reitor reitora responsaveis
    responsavel reuniao sabado saude se secao secretaria secretarias secretario seguinte segunda seja sem senhor
    senhora senhores senhorita servidor servidora setor sexta sindica sindico sobre socia socio sou sra suporte
    tecnica tecnico terca tia tio titular todos turma tutor um uma unica unico universidade usuaria usuario
    vendas vendedor vendedora viuva viuvo vizinha vizinho voce voces
    """.split()
)


_PLACES = frozenset(
    {
        "joao pessoa",
        "governador valadares",
        "presidente prudente",
        "santos dumont",
        "joao monlevade",
        "fernando de noronha",
        "romeu e julieta",
    }
)
_LINKS = frozenset({"da", "de", "do", "das", "dos", "e", "di", "del", "la", "van", "von", "al", "el"})
_LINKS_OF_NAMES = frozenset({"da", "de", "do", "das", "dos"})
# Words that follow a name typed in lower case.
_EVERYDAY = frozenset(
    """
    acho agora ainda anos apartamento aquela aquele atende atendido atendimento aviso boa bom cadastro caiu
    cancelar caso cidade comprei comprou conta cpf cujo da dado dela dele desta deste deve disse disso diz dizer
    documento dois email endereco entrega era espero esqueci essa esse estou faco fala falou falta faz fazer
    ficou fiz foi fone foram fosse fui gostaria ha havia hoje informo isto ja la leva lhe ligar ligo ligou mae
    mais mandou marcou mas mesma mesmo meu meus mim minha minhas mora morador moro nasci nascida nascido nem
    nessa nesse nesta neste no numero nunca obrigada obrigado onde outra outro pai peco pediu perdi peso pode
    podem poderia porque posso precisa preciso qual qualquer quantas quanto quantos quer queria quero recebeu
    recebi rg sabe saber sao segue segundo seguro seja sempre ser serve seu so sobre solicito solicitou sua ta
    tal tem tenho ter teve tinha toda todo trabalha trabalho tres uns vai vao veio vem venho ver vez viajo vinda
    vou
    """.split()
)


def find_names(plain: str) -> Iterator[tuple[int, int]]:
    """Spans of people's names in `plain`, a reading; they may overlap."""
    look = look_at(plain)
    shouted = plain == plain.upper()  # then capitals tell nothing
    for match in _matches(_INTRODUCED, plain, look):
        yield from _introduced(match)
    for match in _matches(_LABELLED, plain, look):
        if match[1][0].isupper() or _is_free_of_words(match[1]) or _looks_like_a_name(match[1], shouted=shouted):
            yield from _introduced(match)
    for match in _matches(_MAYBE_INTRODUCED, plain, look):
        if _looks_like_a_name(match[1], shouted=shouted):
            yield from _introduced(match)
    for match in _matches(_GREETED, plain, look):
        if match[1].split()[0].lower() in GIVEN_NAMES:
            yield from _introduced(match)
    for match in _matches(_FREELY_INTRODUCED, plain, look):
        if _is_free_of_words(match[1]):
            yield from _introduced(match)
    for row in _ROW.finditer(plain):
        for match in _OF_A_ROW.finditer(plain, row.start(1), row.end(1) + 60):
            if match.start() < row.end(1):
                yield from _introduced(match)
    for pattern in (_SIGNED, _FOLLOWED):
        for match in _matches(pattern, plain, look):
            yield from _whole(match)
    for match in _matches(_TITLED, plain, look):
        if match[1].split()[0].lower() not in _NOT_A_NAME:
            yield match.span(1)
    if _A_KNOWN_NAME.opens(look):
        for match in _SEQUENCES.finditer(plain):
            yield from _given_and_surname(match, plain, shouted=shouted)
    if _A_GIVEN_NAME.opens(look):
        yield from _lower_case(plain)


def _matches(pattern: re.Pattern[str], plain: str, look: Look) -> Iterator[re.Match[str]]:
    gate = _GATES.get(pattern)
    return pattern.finditer(plain) if gate is None or gate.opens(look) else iter(())


def _looks_like_a_name(said: str, *, shouted: bool) -> bool:
    """Whether it begins with a known name, or with two capitalised words that are no office."""
    words = [word for word in _LETTERS.findall(said) if word.lower() not in _LINKS and len(word) > 1]
    if not words or words[0].lower() in _NOT_A_NAME:
        return False
    if words[0].lower() in GIVEN_NAMES:
        return True
    two = words[:2]
    if any(word.lower() in _NOT_A_NAME or word.lower() in _EVERYDAY for word in two) or len(two) < 2:
        return False
    return any(word.lower() in KNOWN for word in two) or (not shouted and all(word[0].isupper() for word in two))


def _is_free_of_words(said: str) -> bool:
    """Whether its first two words are none that an office or a sentence has: "iracema baniwa"."""
    words = _LETTERS.findall(said.lower())
    named = [word for word in words if word not in _LINKS and len(word) > 1][:2]
    linked = words[0] in _LINKS or words[0] in {"a", "o"}
    return not linked and len(named) == 2 and not any(word in _NOT_A_NAME or word in _EVERYDAY for word in named)


def _introduced(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The words after an introduction up to one that begins something else: "meu nome é ana souza e quero"."""
    words = list(_LETTERS.finditer(match[1]))
    if words[0][0].lower() in _NOT_A_NAME or len(words[0][0]) < 2:
        return
    end = words[0].end()
    for word in words[1:]:
        if "\n" in match[1][end : word.start()] and not _goes_on(match, word):
            break
        if word[0].lower() in _LINKS or (len(word[0]) == 1 and word[0].isupper()):
            continue
        if not _may_be_of_a_name(word[0]):
            break
        end = word.end()
    yield match.start(1), match.start(1) + end


def _goes_on(match: re.Match[str], word: re.Match[str]) -> bool:
    """Whether a word on the next line belongs to the name that began on the line before."""
    if word[0].lower() in KNOWN or word[0].lower() in _LINKS:
        return True
    line = match.string[match.start(1) + word.end() : match.end(1) + 2].split("\n")[0]
    known = any(other.lower() in KNOWN for other in _LETTERS.findall(line))
    return word[0][0].isupper() and (known or line.lstrip(" ")[:1] in {"", ";"})


def _whole(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """All words or none: a line under a greeting, or what stands before "portador do RG"."""
    words = list(_LETTERS.finditer(match[1]))
    first = 0
    for position, word in enumerate(words):
        if word[0].lower() not in _LINKS and not _is_initial(word[0]) and not _may_be_of_a_name(word[0]):
            first = position + 1
    named = [word for word in words[first:] if word[0].lower() not in _LINKS]
    alone = len(named) == 1 and named[0][0].lower() in GIVEN_NAMES
    if (len(named) > 1 or alone) and (first == 0 or match.re is _FOLLOWED):
        yield match.start(1) + named[0].start(), match.end(1)


def _is_initial(word: str) -> bool:
    return len(word) == 1 and (word.isupper() or word not in "aeo")


def _may_be_of_a_name(word: str) -> bool:
    """Capitalised, a known name, or at least no word that a sentence goes on with."""
    folded = word.lower()
    return folded in KNOWN or (folded not in _NOT_A_NAME and (word[0].isupper() or folded not in _EVERYDAY))


def _given_and_surname(match: re.Match[str], text: str, *, shouted: bool) -> Iterator[tuple[int, int]]:
    """From the first known given name of a capitalised sequence on, if something follows it; all of two surnames."""
    words = list(_LETTERS.finditer(match[1]))
    first = next((place for place, word in enumerate(words[:-1]) if word[0].lower() in GIVEN_NAMES), None)
    if first is None and sum(word[0].lower() in SURNAMES for word in words[1:]) > 1:
        first = 0
    if first is None:
        return
    start, end = words[first].start(), match.end(1) - match.start(1)
    if shouted:
        end = _end_of_a_name(words[first:])
    before = match[1][:start] or text[max(0, match.start(1) - 40) : match.start(1)]
    said = match[1][start:end]
    if said.lower() not in _PLACES and " " in said and not _NOT_A_PERSON_BEFORE.search(before):
        yield match.start(1) + start, match.start(1) + end


def _end_of_a_name(words: Sequence[re.Match[str]]) -> int:
    """Where a name typed in capitals ends, as the sentence around it is."""
    end = words[0].end()
    for word in words[1:]:
        if word[0].lower() in _NOT_A_NAME - _LINKS or word[0].lower() in _EVERYDAY:
            break
        if word[0].lower() not in _LINKS:
            end = word.end()
    return end


def _lower_case(text: str) -> Iterator[tuple[int, int]]:
    """Known given name, then a known name, however they are typed: "joao da silva", "ana paula"."""
    words = [(word, word[0].lower()) for word in _LETTERS.finditer(text)]
    for position, (word, folded) in enumerate(words):
        if folded not in GIVEN_NAMES:
            continue
        for last, surname in words[position + 1 : position + 4]:
            if text.count("\n", word.end(), last.start()) > 1:
                break
            if surname in SURNAMES:
                before, said = text[max(0, word.start() - 40) : word.start()], text[word.start() : last.end()]
                if said.lower() not in _PLACES and not _NOT_A_PERSON_BEFORE.search(before):
                    yield word.start(), last.end()
                break
            if surname in GIVEN_NAMES and last.start() == word.end() + 1:
                yield word.start(), last.end()
            elif surname not in _LINKS_OF_NAMES and surname not in GIVEN_NAMES and len(surname) > 1:
                break
