"""Prompts with planted Brazilian identifiers, and clean ones, to examine a masker of personal data.

Everything is invented: numbers are drawn at random and given the check digits their kind demands. The module
knows nothing of the masker it examines. The same count and seed always give the same texts.
"""

from __future__ import annotations

import random
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Planted:
    """A prompt, the identifiers exactly as they stand in it, and the kind of each."""

    text: str
    values: tuple[str, ...]
    kinds: tuple[str, ...]


Piece = tuple[str, str]  # text and its kind; LITERAL is template text, FIXED is text that styles may not misspell
LITERAL = ""
FIXED = "="

NBSP = "\u00a0"
HARD_SPACES = (NBSP, NBSP, "\u202f", "\u2009")
ZERO_WIDTH = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad")
DASHES = ("\u2013", "\u2011", "\u2212", "\u2014", "\u2010")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
FULL_WIDTH_MARKS = str.maketrans(".-/", "．－／")

# ---------------------------------------------------------------------------------------------------------------
# Names


def _words(text: str) -> list[str]:
    return text.strip().replace("\n", "|").split("|")


WOMEN = _words("""
Maria|Ana|Juliana|Fernanda|Camila|Letícia|Beatriz|Larissa|Mariana|Gabriela|Rafaela|Vanessa|Patrícia|Aline|Bruna
Jéssica|Sandra|Luciana|Cristiane|Adriana|Márcia|Simone|Rosângela|Terezinha|Francisca|Antônia|Raimunda|Josefa
Aparecida|Conceição|Sebastiana|Benedita|Severina|Iracema|Jaci|Moema|Janaína|Potira|Tainá|Kauane|Anahí|Araci|Jussara
Maíra|Yara|Iraci|Jandira|Naiá|Edwirges|Gertrudes|Ingrid|Heidi|Hannelore|Ursula|Akemi|Harumi|Keiko|Mayumi|Naomi|Sayuri
Giovanna|Antonella|Chiara|Fiorella|Layla|Samira|Yasmin|Soraya|Zuleica|Fátima|Dandara|Ayana|Luanda|Quitéria|Ivonete
Marinalva|Josicleide|Edileuza|Rosimeire|Valdirene|Gislaine|Thayná|Rayssa|Ludmila|Svetlana|Ofélia|Eulália|Dulcineia
""")

MEN = _words("""
José|João|Antônio|Francisco|Carlos|Paulo|Pedro|Lucas|Luiz|Marcos|Gabriel|Rafael|Daniel|Marcelo|Bruno|Eduardo|Felipe
Rodrigo|Manoel|Mateus|André|Fernando|Fábio|Leonardo|Gustavo|Guilherme|Leandro|Tiago|Anderson|Ricardo|Márcio|Jorge
Sebastião|Raimundo|Severino|Benedito|Ubiratã|Cauã|Raoni|Peri|Iberê|Ubirajara|Moacir|Kaiowá|Aritana|Tupã|Jurandir
Helmut|Günther|Klaus|Dieter|Otto|Heinrich|Kenji|Hiroshi|Takeshi|Akira|Satoru|Yoshio|Giuseppe|Enzo|Luigi|Vittorio
Omar|Samir|Nagib|Jamil|Fuad|Khalil|Zumbi|Kwame|Wellington|Washington|Jefferson|Uóxinton|Maicon|Cleiton|Richarlison
Genivaldo|Edmilson|Josenildo|Adalberto|Epaminondas|Anacleto|Hermenegildo|Wladimir|Stanislau|Casimiro|Tibúrcio|Zózimo
""")

SECOND_WOMEN = _words(
    "Clara|Luíza|Eduarda|Cecília|Carolina|Paula|Vitória|Helena|das Graças|de Fátima|do Carmo|de Lourdes"
)
SECOND_MEN = _words("Henrique|Augusto|Roberto|Miguel|Vinícius|Arthur|Victor|Alexandre|Batista|de Jesus|Alberto|Ricardo")

SURNAMES = _words("""
Silva|Santos|Oliveira|Souza|Sousa|Rodrigues|Ferreira|Alves|Pereira|Lima|Gomes|Costa|Ribeiro|Martins|Carvalho|Almeida
Lopes|Soares|Fernandes|Vieira|Barbosa|Rocha|Dias|Nascimento|Andrade|Moreira|Nunes|Marques|Machado|Mendes|Freitas
Cardoso|Ramos|Gonçalves|Santana|Teixeira|Araújo|Moura|Cavalcanti|Albuquerque|Queiroz|Figueiredo|Bittencourt|Xavier
Guimarães|Peixoto|Siqueira|Sampaio|Falcão|Brandão|Aragão|Magalhães|Pimentel|Lacerda|Prado|Camargo|Toledo|Leite|Bueno
Schmidt|Müller|Hoffmann|Schneider|Weber|Becker|Krüger|Zimmermann|Hering|Schwarz|Köhler|Wolff|Bauer|Stein|Brandt
Tanaka|Yamamoto|Suzuki|Nakamura|Watanabe|Sato|Kobayashi|Ishikawa|Takahashi|Hayashi|Fujimoto|Okada|Matsumoto|Shimizu
Bianchi|Ferrari|Rossi|Zanella|Bortoluzzi|De Luca|Dalla Costa|Zanetti|Colombo|Mantovani|Pellegrini|Gasparini|Tonietto
Haddad|Nasser|Abdalla|Salim|El-Khouri|Chedid|Jafet|Mansur|Cury|Sarkis|Farah|Zogbi|Abud|Name|Kfouri|Hanna
Guajajara|Krenak|Xakriabá|Munduruku|Potiguara|Tupinambá|Kaingang|Terena|Pataxó|Baniwa|Tukano|Karajá|Yawanawá|Xerente
Kowalski|Wojciechowski|Nowak|Petrenko|Ivanov|Sant'Anna|D'Ávila|Villas-Bôas|Castello Branco|Espírito Santo|Boaventura
Quaresma|Jatobá|Carnaúba|Pitanga|Cajueiro|Okafor|Mbala|Nzinga|Fagundes|Valadares|Trancoso|Nepomuceno|Vasconcelos
""")

# Surnames that come with a particle, which others hardly do
PARTICLED = _words("""
da Silva|da Costa|da Rocha|da Cunha|da Luz|da Cruz|da Conceição|da Mata|da Fonseca|da Rosa|da Graça|das Neves|das Chagas
dos Santos|dos Anjos|dos Reis|dos Passos|dos Ramos|do Nascimento|do Prado|do Amaral|do Vale|do Espírito Santo|de Jesus
de Oliveira|de Souza|de Sousa|de Lima|de Carvalho|de Almeida|de Andrade|de Freitas|de Araújo|de Moura|de Albuquerque
de Queiroz|de Figueiredo|de Siqueira|de Aragão|de Magalhães|de Lacerda|de Camargo|de Toledo|de Vasconcelos|de Assis
de Paula|de Castro|de Melo|de Brito|de Sá|de Abreu|de Azevedo|de Campos|de Bragança e Lima|e Silva|e Souza
""")
SUFFIXES = ("Filho", "Neto", "Júnior", "Sobrinho", "Jr.")


def _full_name(rng: random.Random, woman: bool) -> str:
    words = [rng.choice(WOMEN if woman else MEN)]
    if rng.random() < 0.25:
        words.append(rng.choice(SECOND_WOMEN if woman else SECOND_MEN))
    elif rng.random() < 0.06:
        words.append(rng.choice("ABCDEFGHJLMNPRSTV") + ".")
    if rng.random() < 0.5:
        words.append(rng.choice(SURNAMES))
    if len(words) < 2 or rng.random() < 0.7:
        particled = rng.random() < 0.45
        last = rng.choice(PARTICLED if particled else SURNAMES)
        words.append(last.removeprefix("e ") if len(words) < 2 else last)
    if len(words) < 3 and rng.random() < 0.35:
        words.append(rng.choice(SURNAMES))
    if words[-1].endswith(".") or words[-1] in SECOND_WOMEN + SECOND_MEN:
        words.append(rng.choice(SURNAMES))
    if not woman and rng.random() < 0.08:
        words.append(rng.choice(SUFFIXES))
    return " ".join(words)


def _name(rng: random.Random, woman: bool) -> str:
    name = _full_name(rng, woman)
    roll = rng.random()
    if roll < 0.05:
        return name.replace(" ", NBSP)
    if roll < 0.09:
        return name.replace(" ", "\n", 1)
    if roll < 0.12:
        return name.replace(" ", "  ", 1)
    if roll < 0.20:
        return name.upper()
    if roll < 0.24:
        return name.lower()
    return name


# ---------------------------------------------------------------------------------------------------------------
# Check digits


def _digits(rng: random.Random, length: int) -> str:
    """Random digits, never all the same."""
    while True:
        drawn = "".join(rng.choice("0123456789") for _ in range(length))
        if length < 3 or len(set(drawn)) > 1:
            return drawn


def _weighted(base: str, weights: Sequence[int]) -> int:
    """The weighted sum; letters count as their ASCII code less 48, as in the alphanumeric CNPJ."""
    return sum((ord(char) - 48) * weight for char, weight in zip(base, weights, strict=True))


def _mod11(base: str, weights: Sequence[int]) -> str:
    """Eleven less the remainder, with 10 and 11 written 0."""
    rest = _weighted(base, weights) % 11
    return str(0 if rest < 2 else 11 - rest)


def cpf_digits(base: str) -> str:
    """The two check digits of nine digits of a CPF."""
    first = _mod11(base, range(10, 1, -1))
    return first + _mod11(base + first, range(11, 1, -1))


def cnpj_digits(base: str) -> str:
    """The two check digits of twelve characters of a CNPJ, numeric or alphanumeric."""
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    first = _mod11(base, weights[1:])
    return first + _mod11(base + first, weights)


def pis_digit(base: str) -> str:
    """The check digit of ten digits of a PIS, PASEP or NIS."""
    return _mod11(base, (3, 2, 9, 8, 7, 6, 5, 4, 3, 2))


def renavam_digit(base: str) -> str:
    """The check digit of ten digits of a RENAVAM."""
    return str(_weighted(base, (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) * 10 % 11 % 10)


def cnh_digits(base: str) -> str | None:
    """The two check digits of nine digits of a CNH; None where the published rules disagree (first rest of 10)."""
    first = _weighted(base, range(9, 0, -1)) % 11
    if first == 10:
        return None
    return f"{first}{_weighted(base, range(1, 10)) % 11 % 10}"


def voter_digits(base: str, state: str) -> str | None:
    """The two check digits of a título de eleitor; None in the special case of São Paulo and Minas Gerais."""
    first = _weighted(base, range(2, 10)) % 11
    if state in {"01", "02"} and first == 0:
        return None
    first %= 10
    second = _weighted(f"{state}{first}", (7, 8, 9)) % 11
    if state in {"01", "02"} and second == 0:
        return None
    return f"{first}{second % 10}"


def luhn_digit(base: str) -> str:
    """The digit that makes a card number pass Luhn's test."""
    total = 0
    for place, char in enumerate(reversed(base)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def cnj_digits(serial: str, tail: str) -> str:
    """The two check digits (ISO 7064, mod 97) of a case: seven digits, and year, branch, court and origin."""
    return f"{98 - int(f'{serial}{tail}00') % 97:02d}"


def rg_digit(base: str) -> str:
    """The check digit of eight digits of a São Paulo RG, which may be X."""
    rest = -_weighted(base, range(2, 10)) % 11
    return "X" if rest == 10 else str(rest)


def account_digit(base: str) -> str:
    """The check digit of a bank account by Banco do Brasil's rule, which may be X (banks differ)."""
    rest = -_weighted(base.zfill(8), range(9, 1, -1)) % 11
    return "X" if rest == 10 else str(rest)


def health_card_valid(card: str) -> bool:
    """Whether fifteen digits pass the test of the SUS card."""
    return _weighted(card, range(15, 0, -1)) % 11 == 0


def ean_digit(base: str) -> str:
    """The check digit of twelve digits of an EAN-13 or ISBN-13."""
    return str(-_weighted(base, (1, 3) * 6) % 10)


# ---------------------------------------------------------------------------------------------------------------
# Spellings


def _zero_width(rng: random.Random, value: str) -> str:
    for _ in range(rng.choice((1, 1, 2, 3))):
        place = rng.randrange(1, len(value))
        value = value[:place] + rng.choice(ZERO_WIDTH) + value[place:]
    return value


def _full_width(rng: random.Random, value: str) -> str:
    value = value.translate(FULL_WIDTH)
    return value.translate(FULL_WIDTH_MARKS) if rng.random() < 0.4 else value


def _one_separator(rng: random.Random, value: str, change: Callable[[str], str]) -> str:
    """The value with one of its separators changed; unchanged where it has none."""
    places = [match.span() for match in re.finditer(r"[^0-9A-Za-z]+", value) if match.start() > 0]
    if not places:
        return value
    start, end = rng.choice(places)
    return value[:start] + change(value[start:end]) + value[end:]


def _broken(rng: random.Random, value: str) -> str:
    """The value with a line break in the middle, at a separator where it has one."""
    broken = _one_separator(rng, value, lambda mark: "\n" if mark.isspace() else mark + "\n")
    if broken != value or len(value) < 11:
        return broken
    place = rng.randrange(3, len(value) - 2)
    return value[:place] + "\n" + value[place:]


def _spell(rng: random.Random, usual: str) -> str:
    """One of many spellings of a number given with its usual punctuation."""
    groups = re.findall(r"[0-9A-Za-z]+", usual)
    bare = "".join(groups)
    roll = rng.randrange(100)
    if roll < 24:
        return usual
    if roll < 42:
        return bare
    if roll < 50:
        return " ".join(groups)
    if roll < 54:
        return ".".join(groups)
    if roll < 57:
        return "-".join(groups)
    if roll < 63:
        return rng.choice(HARD_SPACES).join(groups)
    if roll < 69:
        return _full_width(rng, rng.choice((usual, usual, bare)))
    if roll < 76:
        return _zero_width(rng, rng.choice((usual, bare)))
    if roll < 82:
        return _broken(rng, rng.choice((usual, usual, bare)))
    if roll < 86:
        return usual.replace("-", rng.choice(DASHES))
    if roll < 90:
        return _one_separator(rng, usual, lambda mark: "")
    if roll < 93:
        return _one_separator(rng, usual, lambda mark: f" {mark.strip()} ")
    if roll < 95:
        return re.sub(r"[^0-9A-Za-z]+", lambda match: f" {match.group().strip()} ".replace("  ", " "), usual)
    if roll < 98:
        return "/".join(usual.rsplit("-", 1))
    return " ".join(bare) if len(bare) < 15 else usual


def _nudge(rng: random.Random, value: str, chance: float = 0.2) -> str:
    """The value as it is or, by the chance given, with characters that look the same or are not seen."""
    if rng.random() >= chance:
        return value
    roll = rng.randrange(5)
    if roll == 0:
        return _zero_width(rng, value)
    if roll == 1:
        return _full_width(rng, value)
    if roll == 2:
        return value.replace(" ", rng.choice(HARD_SPACES))
    if roll == 3:
        return _one_separator(rng, value, lambda mark: "\n" if mark.isspace() else mark + "\n")
    return value.replace("-", rng.choice(DASHES))


# ---------------------------------------------------------------------------------------------------------------
# Identifiers: each gives the value as spelled, and its kind

AREA_CODES = (
    "11 12 13 14 15 16 17 18 19 21 22 24 27 28 31 32 33 34 35 37 38 41 42 43 44 45 46 47 48 49 51 53 54 55 61 62 63 "
    "64 65 66 67 68 69 71 73 74 75 77 79 81 82 83 84 85 86 87 88 89 91 92 93 94 95 96 97 98 99"
).split()
MAIL_HOSTS = (
    "gmail.com|gmail.com|hotmail.com|outlook.com|yahoo.com.br|uol.com.br|bol.com.br|terra.com.br|icloud.com|live.com|"
    "proton.me|padariadoporto.com.br|escola-ipe.edu.br|cartorio3.adv.br|hidraulicasul.ind.br"
).split("|")
STREETS = (
    "das Acácias|Coronel Almeida Prado|Quinze de Novembro|dos Jatobás|São Bento|Marechal Deodoro|das Laranjeiras|"
    "Padre Anchieta|Sete de Setembro|Tiradentes|do Comércio|Bela Vista|Nossa Senhora Aparecida|Ipiranga|Dom Bosco|"
    "Barão do Rio Branco|dos Expedicionários|Cônego Bernardo|Presidente Vargas|José Bonifácio|Guaianases|da Paz|"
    "Engenheiro Rebouças|dos Tamoios|Santa Rita|Visconde de Mauá|Projetada 4|28 de Julho|Wenceslau Braz|da Matriz"
).split("|")
STREET_KINDS = "Rua|Rua|Rua|R.|R.|rua|Avenida|Av.|av|Travessa|Tv.|Alameda|Al.|Rodovia|Praça|Estrada|Beco".split("|")
MONTHS = "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split()
CASE_COURTS = (
    *((8, number) for number in range(1, 28)),
    *((5, number) for number in range(1, 25)),
    *((4, number) for number in range(1, 7)),
)
KNOWN_CARDS = (
    "4111 1111 1111 1111|5555 5555 5555 4444|4012 8888 8888 1881|5105 1051 0510 5100|3782 822463 10005|"
    "3714 496353 98431|4242 4242 4242 4242|5031 4332 1540 6351|4235 6477 2802 5682"
).split("|")
CARD_STARTS = ("4", "4", "4", "51", "52", "53", "54", "55", "2221", "34", "37", "636368", "506699", "606282")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _cpf_usual(rng: random.Random) -> str:
    base = _digits(rng, 9)
    return f"{base[:3]}.{base[3:6]}.{base[6:]}-{cpf_digits(base)}"


def _cpf(rng: random.Random) -> Piece:
    return _spell(rng, _cpf_usual(rng)), "cpf"


def _cnpj(rng: random.Random) -> Piece:
    if rng.random() < 0.35:
        while True:
            base = "".join(rng.choice("0123456789" + LETTERS) for _ in range(8))
            base += rng.choice(("0001", "0001", "".join(rng.choice("0123456789" + LETTERS) for _ in range(4))))
            if any(char.isalpha() for char in base) and any(char.isdigit() for char in base[:8]):
                break
        kind = "cnpj_alfanumerico"
    else:
        base = _digits(rng, 8) + rng.choice(("0001", "0001", "0001", "0002", "0013"))
        kind = "cnpj"
    usual = f"{base[:2]}.{base[2:5]}.{base[5:8]}/{base[8:]}-{cnpj_digits(base)}"
    return _spell(rng, usual), kind


def _rg(rng: random.Random) -> Piece:
    roll = rng.random()
    if roll < 0.5:
        base = str(rng.randint(1, 5)) + _digits(rng, 7)
        usual = f"{base[:2]}.{base[2:5]}.{base[5:]}-{rg_digit(base)}"
    elif roll < 0.7:
        base = str(rng.randint(1, 2)) + _digits(rng, 7)
        usual = f"MG{rng.choice('- ')}{base[:2]}.{base[2:5]}.{base[5:]}"
    elif roll < 0.88:
        base = str(rng.randint(1, 9)) + _digits(rng, 6)
        usual = f"{base[0]}.{base[1:4]}.{base[4:]}"
    else:
        usual = str(rng.randint(1, 9)) + "0" + _digits(rng, 8)
    return _spell(rng, usual), "rg"


def _cnh(rng: random.Random) -> Piece:
    while True:
        base = "0" + _digits(rng, 8)
        check = cnh_digits(base)
        if check is not None:
            break
    usual = base + check if rng.random() < 0.7 else f"{base[:3]} {base[3:6]} {base[6:]} {check}"
    return _spell(rng, usual), "cnh"


def _voter(rng: random.Random) -> Piece:
    while True:
        base, state = _digits(rng, 8), f"{rng.randint(1, 28):02d}"
        check = voter_digits(base, state)
        if check is not None:
            return _spell(rng, f"{base[:4]} {base[4:]} {state}{check}"), "titulo_eleitor"


def _pis_base(rng: random.Random) -> str:
    return rng.choice(("1", "1", "1", "2")) + rng.choice("026") + _digits(rng, 8)


def _pis(rng: random.Random) -> Piece:
    base = _pis_base(rng)
    return _spell(rng, f"{base[:3]}.{base[3:8]}.{base[8:]}-{pis_digit(base)}"), "pis"


def _passport(rng: random.Random) -> Piece:
    series = rng.choice("FGYCS") + rng.choice(LETTERS)
    return _spell(rng, series + rng.choice(("", "", "", " ", "-")) + _digits(rng, 6)), "passaporte"


def _plate(rng: random.Random) -> Piece:
    letters = "".join(rng.choice(LETTERS) for _ in range(3))
    number = _digits(rng, 4)
    if rng.random() < 0.5:
        return _spell(rng, f"{letters}{rng.choice('---- ')}{number}"), "placa_antiga"
    series = f"{letters}{rng.choice(('', '', '', '-', ' '))}{number[0]}{rng.choice('ABCDEFGHIJ')}{number[2:]}"
    return _spell(rng, series), "placa_mercosul"


def _renavam(rng: random.Random) -> Piece:
    base = "0" + rng.choice("01") + _digits(rng, 8)
    number = base + renavam_digit(base)
    return _spell(rng, number if rng.random() < 0.7 else f"{number[:10]}-{number[10]}"), "renavam"


def _card(rng: random.Random) -> Piece:
    if rng.random() < 0.3:
        return _spell(rng, rng.choice(KNOWN_CARDS)), "cartao_credito"
    start = rng.choice(CARD_STARTS)
    length = 15 if start in {"34", "37"} else 16
    base = start + _digits(rng, length - 1 - len(start))
    number = base + luhn_digit(base)
    if length == 15:
        usual = f"{number[:4]} {number[4:10]} {number[10:]}"
    else:
        usual = " ".join(number[place : place + 4] for place in range(0, 16, 4))
    return _spell(rng, usual if rng.random() < 0.8 else usual.replace(" ", "-")), "cartao_credito"


def _account(rng: random.Random) -> Piece:
    base = str(rng.randint(1, 9)) + _digits(rng, rng.randint(3, 6))
    check = account_digit(base)
    spelled = rng.choice(
        (f"{base}-{check}",) * 5
        + (f"{base[:-3]}.{base[-3:]}-{check}", f"{base}{check}", f"{base} {check}", f"{base.zfill(8)}-{check}")
    )
    return _nudge(rng, spelled), "conta_bancaria"


def _pix(rng: random.Random) -> Piece:
    roll = rng.random()
    if roll < 0.4:
        key = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        way = rng.randrange(20)
        if way < 2:
            key = key.replace("-", "")
        elif way < 4:
            key = key.upper()
        elif way < 5:
            key = _one_separator(rng, key, lambda mark: mark + "\n")
        elif way < 6:
            key = _zero_width(rng, key)
        return key, "pix_aleatoria"
    if roll < 0.6:
        return _phone(rng, mobile=True), "pix_celular"
    if roll < 0.8:
        return _mail(rng), "pix_email"
    return _cpf(rng)[0], "pix_cpf"


def _phone(rng: random.Random, mobile: bool) -> str:
    code, last = rng.choice(AREA_CODES), _digits(rng, 4)
    middle = rng.choice("6789") + _digits(rng, 3) if mobile else rng.choice("2345") + _digits(rng, 3)
    first = "9" + middle if mobile else middle
    forms = [f"({code}) {first}-{last}"] * 6
    forms += [f"{code} {first}-{last}", f"{code}{first}{last}"] * 4
    forms += [f"+55 {code} {first}-{last}", f"+55{code}{first}{last}", f"{first}-{last}"] * 3
    forms += [f"+55 ({code}) {first}-{last}", f"({code}){first}-{last}", f"{code} {first}{last}"] * 2
    forms += [f"{first}{last}", f"{code} {first} {last}", f"0{code} {first}-{last}"] * 2
    forms += [f"({code}){first}{last}", f"({code}) {first} {last}", f"{code}.{first}.{last}", f"{code}-{first}-{last}"]
    forms += [f"(0{code}) {first}-{last}", f"0xx{code} {first}-{last}", f"{first} {last}", f"{first}.{last}"]
    forms += [
        f"55{code}{first}{last}",
        f"55 {code} {first} {last}",
        f"{code}/{first}-{last}",
        f"0055 {code} {first}{last}",
    ]
    if mobile:
        forms += [f"{code} 9 {middle}-{last}", f"({code}) 9 {middle}-{last}"] * 2
        forms += [
            f"({code}) 9.{middle}-{last}",
            f"9 {middle} {last}",
            f"9{middle[:2]} {middle[2:]}{last[:1]} {last[1:]}",
        ]
        forms += [f"+55 {code} 9 {middle} {last}", f"{code} 9{middle[:2]} {middle[2:]}{last[:1]} {last[1:]}"]
    return _nudge(rng, rng.choice(forms), 0.18)


def _plain(text: str) -> str:
    """The text without accents."""
    return "".join(char for char in unicodedata.normalize("NFD", text) if unicodedata.category(char) != "Mn")


def _mail_parts(rng: random.Random) -> tuple[str, str]:
    words = [re.sub(r"[^a-z]", "", word) for word in _plain(_full_name(rng, rng.random() < 0.5)).lower().split()]
    words = [word for word in words if len(word) > 2 and word not in {"das", "dos"}]
    first, last = words[0], words[-1]
    year = str(rng.randint(1, 99))
    users = [f"{first}.{last}", f"{first}{last}{year}", f"{first[0]}{last}", f"{last}_{first}", f"{first}-{last}"]
    users += [f"{first}.{last}{year}", f"{first}{year}", f"{first}.{last}+compras", f"{first[0]}.{last}.{year}"]
    user = rng.choice(users)
    return user, rng.choice(MAIL_HOSTS)


def _mail(rng: random.Random) -> str:
    user, host = _mail_parts(rng)
    roll = rng.randrange(100)
    if roll < 78:
        return f"{user}@{host}"
    if roll < 83:
        return f"{user.title()}@{host.title()}"
    if roll < 86:
        return f"{user}@{host}".upper()
    if roll < 90:
        return f"{user} @ {host}"
    if roll < 92:
        return f"{user}＠{host}"
    if roll < 94:
        return f"{user}@\n{host}"
    if roll < 98:
        return _zero_width(rng, f"{user}@{host}")
    return f"{user}@{host.replace('.', ' . ')}"


def _hidden_mail(rng: random.Random) -> str:
    user, host = _mail_parts(rng)
    at, dot = rng.choice(
        (
            (" arroba ", " ponto "),
            (" arroba ", " ponto "),
            (" arroba ", "."),
            ("(arroba)", "(ponto)"),
            (" (arroba) ", "."),
            ("[arroba]", "."),
            ("[at]", "[dot]"),
            (" [at] ", "."),
            (" at ", " dot "),
            ("(a)", "."),
            ("arroba", "ponto"),
            (" ARROBA ", " PONTO "),
        )
    )
    if dot == " ponto " and rng.random() < 0.5:
        user = user.replace(".", dot).replace("_", " underline ")
    return f"{user}{at}{host.replace('.', dot)}"


def _email(rng: random.Random) -> Piece:
    if rng.random() < 0.28:
        return _hidden_mail(rng), "email_disfarcado"
    return _mail(rng), "email"


def _postcode(rng: random.Random) -> Piece:
    number = f"{rng.randint(1000, 99000):05d}"
    usual = f"{number[:2]}.{number[2:]}" if rng.random() < 0.2 else number
    return _spell(rng, f"{usual}-{rng.choice(('000', '010', '100', _digits(rng, 3)))}"), "cep"


def _address(rng: random.Random) -> Piece:
    number = str(rng.choice((rng.randint(2, 99), rng.randint(100, 999), rng.randint(1000, 4999))))
    flat = str(rng.choice((rng.randint(1, 9), rng.randint(11, 98), rng.randint(101, 1904))))
    block = rng.choice("ABCDEFG")
    street = f"{rng.choice(STREET_KINDS)} {rng.choice(STREETS)}"
    forms = [f"{street}, {number}"] * 4
    forms += [f"{street}, nº {number}", f"{street}, {number}, apto {flat}", f"{street} {number}"] * 2
    forms += [f"{street}, {number} - bloco {block}, apto {flat}", f"{street}, n. {number}, casa {rng.randint(1, 4)}"]
    forms += [f"{street} n° {number} ap {flat}", f"{street}, {number}/{flat}", f"{street}, número {number}, fundos"]
    forms += [f"SQN {rng.choice((108, 205, 308, 412))}, Bloco {block}, apto {rng.randint(101, 606)}"]
    forms += [f"QNM {rng.randint(1, 40)} Conjunto {block} Casa {rng.randint(1, 50)}"]
    forms += [f"{street}, Quadra {rng.randint(1, 60)}, Lote {rng.randint(1, 40)}", f"{street}, km {rng.randint(2, 60)}"]
    address = rng.choice(forms)
    roll = rng.random()
    if roll < 0.05:
        address = address.replace(" ", NBSP)
    elif roll < 0.1:
        address = address.replace(", ", ",\n", 1)
    elif roll < 0.13:
        address = address.translate(FULL_WIDTH)
    return address, "endereco"


def _birth(rng: random.Random) -> Piece:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1938, 2012)
    name = MONTHS[month - 1]
    forms = [f"{day:02d}/{month:02d}/{year}"] * 6
    forms += [f"{day:02d}/{month:02d}/{year % 100:02d}", f"{day} de {name} de {year}", f"{day}/{month}/{year}"] * 2
    forms += [f"{day:02d}-{month:02d}-{year}", f"{day:02d}.{month:02d}.{year}", f"{year}-{month:02d}-{day:02d}"]
    forms += [f"{day:02d} {month:02d} {year}", f"{day:02d}/{name[:3]}/{year}", f"{day:02d} {name} {year}"]
    forms += [f"{day:02d}{month:02d}{year}", f"{day} de {name} de {year % 100:02d}", f"1º de {name} de {year}"]
    return _nudge(rng, rng.choice(forms), 0.15), "nascimento"


def _health_card(rng: random.Random) -> Piece:
    if rng.random() < 0.5:
        base = _pis_base(rng)
        base += pis_digit(base)
        check = -_weighted(base, range(15, 4, -1)) % 11
        if check == 10:
            base += "001"
            check = -_weighted(base, range(15, 1, -1)) % 11
        else:
            base += "000"
        card = f"{base}{check}"
    else:
        while True:
            card = rng.choice("789") + _digits(rng, 14)
            if health_card_valid(card):
                break
    return _spell(rng, f"{card[:3]} {card[3:7]} {card[7:11]} {card[11:]}"), "cartao_sus"


def _case(rng: random.Random) -> Piece:
    serial, year = f"{rng.randint(100, 1999999):07d}", rng.randint(2006, 2026)
    branch, court = rng.choice(CASE_COURTS)
    origin = f"{rng.randint(1, 799):04d}"
    check = cnj_digits(serial, f"{year}{branch}{court:02d}{origin}")
    return _spell(rng, f"{serial}-{check}.{year}.{branch}.{court:02d}.{origin}"), "processo_judicial"


KINDS: dict[str, Callable[[random.Random], Piece]] = {
    "cpf": _cpf,
    "cnpj": _cnpj,
    "rg": _rg,
    "cnh": _cnh,
    "titulo": _voter,
    "pis": _pis,
    "passaporte": _passport,
    "placa": _plate,
    "renavam": _renavam,
    "cartao": _card,
    "conta": _account,
    "pix": _pix,
    "fixo": lambda rng: (_phone(rng, mobile=False), "telefone_fixo"),
    "celular": lambda rng: (_phone(rng, mobile=True), "celular"),
    "email": _email,
    "cep": _postcode,
    "endereco": _address,
    "nascimento": _birth,
    "sus": _health_card,
    "processo": _case,
    "nome": lambda rng: (_name(rng, rng.random() < 0.5), "nome"),
    "nome_f": lambda rng: (_name(rng, woman=True), "nome"),
    "nome_m": lambda rng: (_name(rng, woman=False), "nome"),
}

# ---------------------------------------------------------------------------------------------------------------
# Templates. {kind} plants an identifier, <word> draws a harmless filler; {linha} is a line of a form and {item} a
# phrase such as "meu CPF 123…", of a kind that goes round them all.

LABELS: dict[str, tuple[str, ...]] = {
    "cpf": ("CPF", "C.P.F.", "Nº do CPF", "CPF/MF", "CPF do titular"),
    "cnpj": ("CNPJ", "CNPJ/MF", "C.N.P.J.", "CNPJ da empresa", "Inscrição no CNPJ"),
    "rg": ("RG", "R.G.", "Identidade", "Carteira de identidade", "Registro geral (RG)"),
    "cnh": ("CNH", "Nº da CNH", "Carteira de habilitação", "Registro CNH"),
    "titulo": ("Título de eleitor", "Título eleitoral", "Inscrição eleitoral", "Nº do título de eleitor"),
    "pis": ("PIS", "PIS/PASEP", "NIS", "PASEP", "NIT", "PIS/NIS"),
    "passaporte": ("Passaporte", "Nº do passaporte", "Passaporte brasileiro"),
    "placa": ("Placa", "Placa do veículo", "Placa do carro"),
    "renavam": ("RENAVAM", "Renavam", "Código RENAVAM", "Nº do Renavam"),
    "cartao": ("Cartão de crédito", "Nº do cartão", "Cartão", "Número do cartão"),
    "conta": (
        "Ag. <agencia> C/C",
        "Agência <agencia>, conta corrente",
        "Conta poupança (ag. <agencia>)",
        "Ag <agencia> conta",
    ),
    "pix": ("Chave PIX", "PIX", "Chave Pix", "pix"),
    "fixo": ("Telefone", "Tel", "Tel.", "Fone", "Telefone fixo", "Telefone residencial"),
    "celular": ("Celular", "Cel", "Cel.", "WhatsApp", "Zap", "Telefone celular", "Contato (celular)"),
    "email": ("E-mail", "Email", "e-mail", "Endereço de e-mail", "Correio eletrônico"),
    "cep": ("CEP", "CEP residencial", "Cep"),
    "endereco": ("Endereço", "Endereço residencial", "End.", "Endereço completo", "Logradouro"),
    "nascimento": ("Data de nascimento", "Nascimento", "Dt. nasc.", "Data nasc.", "DN", "Nascido em"),
    "sus": ("Cartão SUS", "CNS", "Cartão Nacional de Saúde", "Nº do cartão do SUS"),
    "processo": ("Processo", "Processo nº", "Autos nº", "Nº do processo", "Número CNJ do processo"),
    "nome": ("Nome", "Nome completo", "Titular", "Responsável", "Paciente", "Nome do requerente"),
}

PHRASES: dict[str, tuple[str, ...]] = {
    "cpf": ("o meu CPF", "o CPF da minha mãe,", "o CPF nº", "o cpf"),
    "cnpj": ("o CNPJ da minha MEI,", "o meu CNPJ", "o CNPJ nº", "o cnpj da padaria:"),
    "rg": ("o meu RG", "a minha identidade, RG", "o RG do meu filho,", "o número do RG"),
    "cnh": ("a minha CNH", "o número da CNH", "a CNH do meu marido,", "a carteira de habilitação nº"),
    "titulo": ("o meu título de eleitor", "o título de eleitor nº", "o número do título eleitoral"),
    "pis": ("o meu PIS", "o NIS", "o número do PIS/PASEP", "o NIS da minha avó,"),
    "passaporte": ("o meu passaporte", "o passaporte nº", "o passaporte da minha filha,"),
    "placa": ("a placa do meu carro,", "a placa", "o carro de placa", "a moto placa"),
    "renavam": ("o Renavam", "o código RENAVAM", "o renavam da moto,"),
    "cartao": (
        "o meu cartão de crédito",
        "o cartão número",
        "o número do meu cartão,",
        "o cartão final do pai, inteiro:",
    ),
    "conta": (
        "a minha conta na agência <agencia>, c/c",
        "a conta corrente (agência <agencia>) nº",
        "a ag <agencia> conta",
    ),
    "pix": ("a minha chave pix", "a chave PIX", "o pix"),
    "fixo": ("o telefone de casa,", "o meu telefone", "o telefone fixo", "o fone"),
    "celular": ("o meu celular", "o meu whatsapp", "o zap", "o celular da minha esposa,"),
    "email": ("o meu e-mail", "o e-mail", "o email do meu sócio,", "o endereço de e-mail"),
    "cep": ("o meu CEP", "o CEP de casa,", "o cep"),
    "endereco": ("o meu endereço,", "o endereço da minha casa,", "o endereço residencial"),
    "nascimento": ("a minha data de nascimento,", "a data de nascimento", "a data de nascimento do meu filho,"),
    "sus": ("o meu cartão do SUS", "o cartão SUS nº", "o CNS"),
    "processo": ("o meu processo", "o processo nº", "o processo judicial", "os autos nº"),
    "nome": ("o meu nome completo,", "o nome da titular,", "o nome do requerente:", "o nome da minha mãe,"),
}

TEMPLATES: tuple[str, ...] = (
    # questions and complaints
    "Meu nome é {nome} e preciso saber como faço para tirar a segunda via da conta de luz.",
    "Sou a {nome_f}, comprei um <produto> na <loja> e até hoje não entregaram.",
    "Sou o {nome_m}, CPF {cpf}, e meu benefício foi bloqueado. O que eu faço?",
    "Gostaria de falar com o sr. {nome_m} sobre o orçamento do <produto>.",
    "Posso falar com a dona {nome_f}? É sobre a entrega de <data>.",
    "Consultei o CPF {cpf} e apareceu uma dívida de <valor> que não é minha. Como contesto?",
    "Fizeram um empréstimo de <valor> usando o meu CPF ({cpf}). Que direitos eu tenho?",
    "Por que a Receita diz que {cpf} está irregular?",
    "O número {cpf} é um CPF válido? Explique o cálculo do dígito.",
    "A empresa de CNPJ {cnpj} me vendeu um <produto> com defeito. Como reclamo no Procon?",
    "Abri minha MEI em <cidade>, CNPJ {cnpj}, e não consigo emitir nota fiscal.",
    "Quero saber se o CNPJ {cnpj} precisa pagar ISS em <cidade>.",
    "Perdi minha identidade, RG {rg}, em <cidade>. Preciso fazer boletim de ocorrência?",
    "Meu RG é {rg} SSP/<uf> e está com mais de dez anos. Ainda vale para viajar?",
    "Minha CNH {cnh} venceu em <data>. Quanto tempo eu tenho para renovar?",
    "Fui multado e indiquei o condutor de CNH nº {cnh}; o Detran recusou. Por quê?",
    "Meu título de eleitor é {titulo}, como descubro a minha seção?",
    "O título eleitoral {titulo} foi cancelado, dá para regularizar pela internet?",
    "Quero consultar o abono, meu PIS é {pis}.",
    "O NIS {pis} não aparece no aplicativo do Bolsa Família, o que pode ser?",
    "Meu passaporte {passaporte} vence em <mes>, posso entrar na Argentina com ele?",
    "O consulado pediu o número do passaporte. O meu é {passaporte}. Onde preencho?",
    "Bateram no meu carro, placa {placa}, e o outro motorista fugiu. Como aciono o seguro?",
    "O veículo de placa {placa} tem multa em <cidade>? Como consulto?",
    "Vendi a moto (placa {placa}, Renavam {renavam}) e continuam chegando multas em meu nome.",
    "Com o RENAVAM {renavam} dá para pagar o IPVA em quantas vezes?",
    "Passei o cartão {cartao} na <loja> e cobraram duas vezes. Como peço estorno?",
    "Meu cartão de crédito número {cartao} foi clonado, validade 08/29. O que devo fazer primeiro?",
    "O depósito era para a agência <agencia>, conta {conta}, mas caiu em outra. Tem volta?",
    "Pode transferir <valor> para o <banco>, ag. <agencia>, c/c {conta}, em nome de {nome}.",
    "Minha chave pix é {pix} e o banco diz que ela está registrada em outra instituição.",
    "Fiz um Pix de <valor> para a chave {pix} por engano. Consigo devolver?",
    "Liguei para a operadora e pediram para confirmar o telefone {fixo}. Isso é golpe?",
    "Ninguém atende no telefone fixo {fixo} da clínica; podem me ligar no celular {celular}?",
    "Recebo mensagens estranhas no meu WhatsApp, {celular}. Como bloqueio?",
    "Me responda por e-mail: {email}. Não uso o aplicativo.",
    "Criaram uma conta com o meu e-mail {email} e agora não consigo entrar.",
    "Escreva um pedido de cancelamento para eu mandar; meu e-mail é {email} e meu celular é {celular}.",
    "Meu CEP é {cep} e a loja diz que não entrega na minha rua.",
    "Moro na {endereco}, em <cidade>, e o caminhão do lixo não passa há <n> dias.",
    "O pacote devia chegar na {endereco}, CEP {cep}, mas o rastreio parou em <cidade>.",
    "A entrega é na minha casa: {endereco}, <cidade>/<uf>, CEP {cep}. Falar com {nome}.",
    "Nasci em {nascimento}, com que idade me aposento pela regra de transição?",
    "Minha filha, nascida em {nascimento}, já pode tomar a vacina?",
    "Meu cartão do SUS é {sus} e o posto diz que está inativo.",
    "Como atualizo o endereço do cartão SUS nº {sus}?",
    "Em que fase está o processo {processo}?",
    "O juiz marcou audiência no processo nº {processo}. Preciso levar testemunha? Meu nome é {nome}.",
    'Traduza para o inglês: "Meu nome é {nome}, nasci em {nascimento} e moro na {endereco}."',
    'Corrija o português: "Eu, {nome}, portador do RG {rg} e do CPF {cpf}, declaro que resido em <cidade>."',
    "Resuma em uma frase: a autora {nome_f}, inscrita no CPF sob o nº {cpf}, pede indenização nos autos {processo}.",
    "Calcule minha idade: data de nascimento {nascimento}.",
    "Faça um recibo de <valor> recebido de {nome}, CPF {cpf}, referente ao aluguel de <mes>.",
    "Redija uma procuração em que {nome}, RG nº {rg}, nomeia um advogado para o processo {processo}.",
    "Monte um currículo curto. Nome: {nome}. Celular: {celular}. E-mail: {email}.",
    "Escreva um contrato de locação; locador {nome_m}, locatária {nome_f}, imóvel na {endereco}.",
    "O comprovante diz que o pagador foi {nome}, conta {conta}, agência <agencia>. Está certo?",
    # WhatsApp
    "oi meu nome eh {nome} queria saber do meu pedido",
    "blz? aki é o {nome_m}, meu zap é {celular}, me chama la",
    "me liga no {celular} depois das <n>h pfv",
    "manda um oi no whats {celular} q eu explico",
    "cel {celular} ou fixo {fixo} qualquer um serve",
    "meu cpf {cpf} to com pobrema no cadastro",
    "cpf {cpf} nasc {nascimento} ve ai se ta certo",
    "gente alguem sabe se a placa {placa} eh de <cidade>? o cara fechou minha garagem",
    "faz um pix de <valor> pra mim, chave {pix}",
    "qual pix mesmo? o meu é {pix} o da loja n sei",
    "anota ai meu email {email} e manda a nota",
    "meu cep é {cep} quanto fica o frete do <produto>",
    "moro na {endereco} perto da padaria, vcs entrega?",
    "deposita na ag <agencia> cc {conta} <banco>, ta no nome de {nome_f}",
    "o nr do cartao é {cartao} pode passar em <n>x",
    "preciza do meu rg? é {rg}",
    "perdi o titulo de eleitor mas tenho o numero: {titulo}",
    "fui no posto e a moça pediu o cartao do sus, {sus}, mas n achou nada",
    "meu pis eh {pis} quando sai o abono hein",
    "a cnh do meu pai é {cnh} ele tem <n> pontos, perde?",
    "falei com o seu {nome_m} da oficina e ele disse q o renavam {renavam} ta com restriçao",
    "qm fala é a {nome_f}, mae do aluno do 5o ano, vcs tem meu telefone {fixo}",
    "o advogado falo q o numero do processo é {processo} mas n entendo nada",
    "oii sou a {nome_f} do <n>o andar, o entregador deixo o pacote na portaria?",
    # e-mails and letters
    "Prezados,\n\nSolicito o cancelamento do contrato em meu nome, CPF {cpf}.\n\nAtenciosamente,\n{nome}\n{celular}",
    "De: {nome} <{email}>\nAssunto: orçamento do <produto>\n\nBom dia, aguardo retorno até <data>.",
    "Assunto: reunião de <data>\nCc: {nome_f}; {nome_m}\n\nSegue a pauta. Pode resumir em três linhas?",
    "Para: {email}\nCc: {email}\nAssunto: nota fiscal\n\nReescreva este e-mail de forma mais educada.",
    "Pode melhorar este texto?\n\nSenhor gerente, a minha conta {conta}, ag. <agencia>, travou.\n\nAtt.,\n{nome}",
    "Boa tarde,\nsegue o boleto em anexo.\n\n--\n{nome}\nSetor financeiro | Tel.: {fixo}\n{email}",
    "Caro sr. {nome_m},\ninformo que o veículo placa {placa} está liberado.\n\nOficina, tel. {fixo}",
    "Prezada sra. {nome_f},\nseu cartão SUS {sus} foi atualizado em <data>.",
    "À atenção de {nome}\n{endereco}\n{cep} <cidade> - <uf>",
    "> Em <data>, {nome} escreveu:\n> meu novo número é {celular}\n\nComo respondo confirmando?",
    "Remetente: {nome}\nEndereço: {endereco}\nCEP: {cep}\n\nComo devo preencher a etiqueta?",
    "Abs,\n{nome}\nCel.: {celular}\n\nMelhore a minha assinatura de e-mail, por favor.",
    # forms and lists
    "Preencha o formulário com estes dados:\nNome: {nome}\nCPF: {cpf}\nData de nascimento: {nascimento}",
    "Ficha do paciente\n- Nome completo: {nome}\n- CNS: {sus}\n- Nascimento: {nascimento}\nQueixa: dor de cabeça.",
    "Dados do veículo:\n* Placa: {placa}\n* Renavam: {renavam}\n* Proprietário: {nome}",
    "| campo | valor |\n|---|---|\n| CPF | {cpf} |\n| RG | {rg} |\n| PIS | {pis} |\n\nConverta a tabela em JSON.",
    '{{"nome": "{nome}", "cpf": "{cpf}", "email": "{email}"}}\n\nEsse JSON está válido?',
    "nome;cnpj;telefone\nPadaria do Porto;{cnpj};{fixo}\n\nComo importo esse CSV na planilha?",
    "1) título de eleitor: {titulo}\n2) CNH: {cnh}\n3) passaporte: {passaporte}\nQuais destes valem como identidade?",
    "Dados bancários: <banco>, agência <agencia>, conta corrente {conta}, favorecido {nome}, CPF {cpf}",
    "## Cadastro\n**CNPJ:** {cnpj}\n**E-mail:** {email}\n**Celular:** {celular}\n\nFalta algum campo obrigatório?",
    "Confere pra mim:\n{linha}\n{linha}\n{linha}",
    "Organize em tabela:\n- {linha}\n- {linha}",
    "Segue o que pediram. {linha}",
    "FORMULÁRIO DE INSCRIÇÃO\n{linha}\n{linha}\n{linha}\nCidade: <cidade>",
    "{linha}; {linha}; {linha} — está tudo no formato certo?",
    "{linha}\n\nO que significa cada parte desse número ou texto?",
    "Digitei errado {item} no cadastro da <loja>. Como corrijo?",
    "Publicaram {item} num grupo sem a minha autorização, posso processar?",
    "No contrato aparece {item}, mas a data é de <data>. Isso invalida?",
    "É seguro informar {item} para a <loja> por telefone?",
    "Quero que apaguem {item} do sistema, com base na LGPD.",
    "vazou {item} na internet, to com medo, oq eu faço??",
    "Confirmei {item} e também {item}, mas o site deu erro.",
    "tentei cadastrar {item} e da invalido, pq sera",
    "O atendente pediu {item}, {item} e {item}. É normal?",
    "Anote {item}. Depois me lembre de pagar <valor> em <data>.",
    "Como escrevo em inglês num formulário: {item}?",
)

OPENERS = (
    "Oi, tudo bem? |Boa tarde! |Bom dia. |Olá. |Por favor, me ajude. |Boa noite, pessoal. |Uma dúvida: |Socorro!! "
)
CLOSERS = "Obrigada!|Pode me ajudar?|É urgente.|Aguardo retorno.|Desde já agradeço.|Responda em uma frase.|Valeu"

PLACES = (
    "São Paulo|Santa Catarina|Belo Horizonte|São José dos Campos|Vitória da Conquista|Feira de Santana|Campina Grande|"
    "Rio Branco|João Pessoa|Porto Velho|Foz do Iguaçu|Juiz de Fora|Ribeirão Preto|Nova Iguaçu|Governador Valadares|"
    "Presidente Prudente|Santo André|São Luís|Caxias do Sul|Alta Floresta|Montes Claros|Teresina|Natal|Belém|Manaus"
).split("|")


def _price(rng: random.Random) -> str:
    cents = rng.choice(("00", "50", "90", "99", f"{rng.randint(0, 99):02d}"))
    whole = f"{rng.choice((rng.randint(3, 999), rng.randint(1000, 98000))):,}".replace(",", ".")
    return rng.choice((f"R$ {whole},{cents}", f"R$ {whole},{cents}", f"R${whole},{cents}", f"{whole} reais"))


def _event_date(rng: random.Random) -> str:
    day, month, year = rng.randint(2, 28), rng.randint(1, 12), rng.randint(2019, 2027)
    long = f"{day} de {MONTHS[month - 1]}"
    return rng.choice((f"{day:02d}/{month:02d}/{year}", f"{day:02d}/{month:02d}", long, f"{long} de {year}"))


def _thousands(rng: random.Random, low: int, high: int) -> str:
    return f"{rng.randint(low, high):,}".replace(",", ".")


def _decimal(rng: random.Random, low: float, high: float, places: int) -> str:
    return f"{rng.uniform(low, high):.{places}f}".replace(".", ",")


def _hour(rng: random.Random) -> str:
    hour, minute = rng.randint(6, 22), rng.choice((0, 10, 15, 30, 45))
    return rng.choice((f"{hour}h{minute:02d}", f"{hour:02d}:{minute:02d}", f"{hour}h"))


def _span(rng: random.Random) -> str:
    start = rng.randint(1990, 2021)
    return f"{start}{rng.choice(('-', '–', ' a ', '/'))}{start + rng.randint(1, 5)}"


def _ean(rng: random.Random) -> str:
    base = rng.choice(("789", "790")) + _digits(rng, 9)
    return base + ean_digit(base)


def _isbn(rng: random.Random) -> str:
    base = "97885" + _digits(rng, 7)
    return f"978-85-{base[5:8]}-{base[8:]}-{ean_digit(base)}"


def _coordinates(rng: random.Random) -> str:
    return f"-{rng.uniform(3, 30):.6f}, -{rng.uniform(35, 60):.6f}"


def _pick(words: str) -> Callable[[random.Random], str]:
    choices = words.split("|")
    return lambda rng: rng.choice(choices)


FILLERS: dict[str, Callable[[random.Random], str]] = {
    "agencia": lambda rng: _digits(rng, 4) + rng.choice(("", "", "-" + str(rng.randint(0, 9)))),
    "banco": _pick("Banco do Brasil|Itaú|Bradesco|Caixa|Nubank|Santander|Banco Inter|Sicoob"),
    "produto": _pick("fogão|notebook|sofá de três lugares|liquidificador|celular|tênis|guarda-roupa|ventilador|pneu"),
    "loja": _pick("loja do shopping|farmácia|loja da esquina|concessionária|distribuidora|livraria|papelaria"),
    "uf": _pick("SP|RJ|MG|BA|RS|PR|SC|PE|CE|PA|AM|GO|DF|MA|MT"),
    "valor": _price,
    "data": _event_date,
    "mes": lambda rng: rng.choice(MONTHS),
    "n": lambda rng: str(rng.randint(2, 24)),
    "cidade": lambda rng: rng.choice(PLACES),
    "hora": _hour,
    "ano": lambda rng: str(rng.randint(1890, 2026)),
    "periodo": _span,
    "pct": lambda rng: _decimal(rng, 0.1, 99, rng.choice((0, 1, 2))) + "%",
    "cento": lambda rng: str(rng.randint(100, 999)),
    "mil": lambda rng: _thousands(rng, 1100, 99_000),
    "milhoes": lambda rng: _thousands(rng, 1_100_000, 230_000_000),
    "bilhoes": lambda rng: _thousands(rng, 1_100_000_000, 99_000_000_000),
    "dec": lambda rng: _decimal(rng, 0.2, 60, 2),
    "coordenadas": _coordinates,
    "ean": _ean,
    "isbn": _isbn,
    "voo": lambda rng: f"{rng.choice(('LA', 'G3', 'AD', 'TP', 'AF'))}{rng.choice(('', ' '))}{rng.randint(1001, 9200)}",
    "sala": lambda rng: f"{rng.randint(1, 19)}{rng.randint(1, 30):02d}{rng.choice(('', '', '-B', 'A'))}",
    "sku": lambda rng: (
        rng.choice(("SKU-", "REF ", "PN-", "cód. ")) + f"{rng.randint(10, 99)}X{rng.randint(100, 999)}/B"
    ),
    "lei": lambda rng: rng.choice(
        (
            "Lei nº 13.709/2018|Lei nº 8.078/1990|Lei 8.245/91|Lei n. 11.340/2006|Lei nº 14.133/2021|Lei 9.503/97|"
            "Decreto nº 9.571/2018|Lei Complementar nº 123/2006|Emenda Constitucional nº 103/2019|"
            "Decreto-Lei nº 5.452/1943|Medida Provisória nº 1.172/2023|Lei nº 10.406/2002|Lei nº 12.965/2014"
        ).split("|")
    ),
    "art": lambda rng: rng.choice(
        (
            f"art. {rng.randint(1, 9)}º",
            f"art. {rng.randint(10, 486)}",
            f"artigo {rng.randint(10, 90)}, § {rng.randint(1, 6)}º",
            f"art. {rng.randint(10, 200)}, inciso {rng.choice(('II', 'III', 'IV', 'VII'))}",
        )
    ),
    "norma": _pick(
        "ISO 9001:2015|ISO/IEC 27001:2022|ABNT NBR 14724:2011|NBR 9050|NBR 6118:2014|ISO 8601|NR-12|NR 35|RFC 2616|"
        "IEEE 802.11|NBR 5410|ISO 45001:2018|RFC 9110"
    ),
    "lugar": _pick(
        "Cristo Redentor|Teatro Amazonas|Pelourinho|MASP|Museu do Ipiranga|Elevador Lacerda|Mercado Ver-o-Peso|"
        "Parque Ibirapuera|Pão de Açúcar|Catedral de Brasília|Jardim Botânico de Curitiba|Ponte Hercílio Luz|"
        "Chapada Diamantina|Lençóis Maranhenses|Praia de Copacabana|Beco do Batman|Estádio do Maracanã"
    ),
    "instituicao": _pick(
        "Universidade Federal da Bahia|Banco Central do Brasil|Receita Federal|Supremo Tribunal Federal|IBGE|"
        "Fundação Oswaldo Cruz|Instituto Butantan|Ministério da Saúde|Universidade de São Paulo|Detran|Procon|"
        "Santa Casa de Misericórdia|Biblioteca Nacional|Prefeitura de Belo Horizonte|Corpo de Bombeiros|Embrapa"
    ),
    "prato": _pick(
        "feijoada|moqueca capixaba|pão de queijo|vatapá|tacacá|baião de dois|pamonha|acarajé|arroz carreteiro|"
        "bolo de fubá|escondidinho de carne-seca|romeu e julieta|virado à paulista|pudim de leite|tapioca"
    ),
}

CLEAN_TEMPLATES: tuple[str, ...] = (
    # money and quantities
    "Comprei <n> quilos de arroz por <valor> e <n> litros de leite por <valor>. Quanto gastei?",
    "Quanto é <pct> de <valor>?",
    "Um <produto> custava <valor> e passou a <valor>. Qual foi o aumento percentual?",
    "Se eu guardar <valor> por mês a <pct> ao ano, quanto tenho em <n> anos?",
    "O orçamento da obra foi de R$ <milhoes>,00. Escreva por extenso.",
    "Escreva por extenso o número <milhoes>.",
    "A empresa faturou <bilhoes> de reais em <ano>; compare com os <bilhoes> do ano anterior.",
    "Divida <mil> por <n> e arredonde para duas casas.",
    "Preciso de <n> caixas com <cento> parafusos cada; quantos são no total?",
    "O pedido tem <n> mesas, <n> cadeiras e <cento> copos. Monte uma lista.",
    "quanto da <mil> vezes <cento>?",
    "qual o preço médio da gasolina em <cidade>? aqui ta R$ 6,<n>9",
    "Desconto de <pct> à vista ou <n>x de <valor>: o que compensa?",
    "Some: <valor>, <valor>, <valor> e <valor>.",
    "Um dólar a R$ 5,<cento>: quantos reais dão US$ <mil>?",
    # dates and schedules
    "A reunião será em <data> às <hora>, na sala <sala>. Escreva o convite.",
    "O festival acontece de 1º a <n> de <mes> em <cidade>. O que levar na mala?",
    "Em que dia da semana cai <data>?",
    "Quantos dias faltam de <data> até o Natal?",
    "A prova do Enem foi em <data>, com portões fechando às 13h. Quanto durou a prova?",
    "O ônibus sai às <hora>, <hora> e <hora>. Faça uma tabela de horários.",
    "Horário da biblioteca: seg a sex, das 8h30 às 22h; sáb, das 9h às <n>h. Traduza para o inglês.",
    "A Constituição foi promulgada em 5 de outubro de 1988. Qual o contexto?",
    "O que aconteceu em 7 de setembro de 1822?",
    "Resuma os fatos do período <periodo> na economia brasileira.",
    "Compare a inflação de <periodo> com a de <periodo>.",
    "O plano diretor <periodo> prevê <n> novas escolas.",
    "O prazo de inscrição vai até <data>, às 23h59.",
    "A feira é toda quinta, das 6h às <hora>, na praça. Faça um cartaz.",
    "A garantia vale até <mes> de <ano>?",
    # laws and norms
    "O que diz a <lei>, <art>?",
    "Explique a <lei> em linguagem simples.",
    "Qual a diferença entre o <art> e o <art> da <lei>?",
    "A Súmula 331 do TST ainda vale depois da <lei>?",
    "Segundo o <art> do Código Civil, quem paga o condomínio?",
    "O que muda com a norma <norma>?",
    "Minha fábrica precisa seguir a <norma> ou a <norma>?",
    "Cite a Resolução CONAMA nº 357/2005 no formato da <norma>.",
    "A Resolução CFM nº 2.217 e a Portaria nº 3.214/1978 tratam de quê?",
    "Qual o CFOP 5102 e o que é o CNAE 6201-5/01?",
    "O NCM 8471.30.12 paga quanto de IPI?",
    "O que significa o CID-10 J45.0?",
    # travel, distances, rooms
    "Meu voo é o <voo>, portão <n>, embarque às <hora>. Que horas devo chegar?",
    "O voo <voo> de <cidade> para <cidade> faz escala?",
    "Quantos quilômetros há de <cidade> a <cidade> pela BR-<cento>?",
    "A obra fica no km <cento> da BR-116, perto de <cidade>.",
    "A que distância fica <lugar> das coordenadas <coordenadas>?",
    "O ponto <coordenadas> fica em que estado?",
    "Estou no quarto <sala> do hotel e o ar-condicionado faz <n> graus.",
    "O que visitar em <cidade> em <n> dias?",
    "Vale a pena conhecer <lugar> em <mes>?",
    "<lugar>: qual é a área e desde quando recebe turistas?",
    "A linha 8700-10 passa pela Avenida Paulista e pela Rua 25 de Março?",
    "Como chego do Aeroporto Santos Dumont até <lugar> de ônibus?",
    "a trilha tem <dec> km e sobe <cento> m, da pra fazer em <n>h?",
    "Qual é o clima em <cidade> e em <cidade>?",
    # products and computing
    "Vocês têm a peça <sku> em estoque? Preciso de <n> unidades.",
    "O código de barras <ean> é de qual país?",
    "O livro de ISBN <isbn> está esgotado?",
    "Vale trocar a RTX 3060 por uma RTX 4090 para jogar em 1440p?",
    "Por que o Python 3.11.<n> dá erro 404 ao baixar o pacote na versão 2.<n>.1?",
    "Por que o inteiro 2147483647 vira -2147483648 quando somo 1?",
    "O valor máximo de um long em Java é 9223372036854775807?",
    "A máscara 255.255.255.0 permite quantos hosts?",
    "A velocidade da luz é 299792458 m/s. Converta para km/h.",
    "Pi vale 3,14159265358979; quantas casas devo usar?",
    "Continue a sequência: 1, 1, 2, 3, 5, 8, 13, 21.",
    "A cor #FF57<n> combina com #1A2B3C?",
    "Converta 1700000<cento> segundos de timestamp Unix em data.",
    "Multiplique 12345679 por <n>.",
    "O artigo saiu na revista de ISSN 1678-4634, v. <n>, n. <n>, p. <cento>.",
    "A tela é 1920x1080 e a impressora faz 1200x2400 dpi, está bom?",
    "Calcule a média de <dec>; <dec>; <dec>; <dec>.",
    "Resolva: 3x + <n> = <cento>.",
    "Um pneu 205/55 R16 91V serve no lugar de um 195/60 R15?",
    "Quantos gigabytes são <milhoes> bytes?",
    # statistics
    "<cidade> tem <milhoes> habitantes e cresceu <pct> desde <ano>.",
    "O desemprego caiu de <pct> para <pct> em <mes>. Por quê?",
    "Dos <mil> entrevistados, <pct> disseram que sim. Quantas pessoas são?",
    "A área do estado é de <milhoes> km². Compare com a de Portugal.",
    "A pesquisa ouviu <mil> pessoas em <cento> municípios, com margem de erro de 2 pontos.",
    "A população do Brasil no Censo de 2022 foi de 203.080.756 habitantes.",
    "O jogo terminou 3 a 1, com <mil> pagantes e renda de <valor>.",
    "Foram <mil> casos em <mes> e <mil> no mês seguinte; calcule a variação.",
    "O time fez <n> gols em <n> jogos no campeonato de <ano>.",
    # places, institutions, dishes
    "<instituicao>: como surgiu?",
    "Qual a função desta instituição (<instituicao>) e onde fica a sede?",
    "Me dá uma receita de <prato> para <n> pessoas.",
    "Posso congelar <prato> por <n> dias?",
    "<prato> leva quantos gramas de sal para <n> porções?",
    "Asse a 180 °C por <n> minutos, com 250 ml de leite e 1 1/2 xícara de açúcar. Falta algo na receita?",
    "Por que <mes> é o mês mais chuvoso em <cidade>?",
    "O rio São Francisco nasce na Serra da Canastra e tem <mil> km?",
    "Conte em cinco linhas a história deste lugar: <lugar>.",
    "qual é melhor pra morar, <cidade> ou <cidade>?",
    # cues that lead to nobody
    "Sou a favor da reciclagem; me dê <n> argumentos.",
    "Sou professora de matemática e preciso de <n> exercícios de frações.",
    "Meu nome é muito comum; a lei permite mudar no cartório?",
    "Quero falar com a Secretaria da Fazenda sobre o IPTU de <ano>. Qual o caminho?",
    "Posso falar com o gerente da <loja> sem hora marcada?",
    "Assunto: compra de papel\nCc: Departamento de Compras\n\nPrezados, precisamos de <n> resmas até <data>.",
    "Prezados senhores,\nsegue a ata de <data>.\n\nAtenciosamente,\nEquipe de Suporte",
    "Aqui é o setor de cobrança? Quero entender a taxa de <pct>.",
    "Sou de <cidade> e vou me mudar para <cidade>. O que preciso saber?",
    "Como tiro a segunda via do CPF e do RG? Quanto custa?",
    "O CPF tem 11 dígitos e o CNPJ tem 14. Como se calcula o dígito verificador?",
    "Qual o formato de um telefone: (XX) XXXXX-XXXX ou XX-XXXXX-XXXX?",
    "É seguro cadastrar o celular como chave Pix?",
    "Quanto tempo dura a CNH depois da <lei>?",
    "Quem fez <n> anos em <ano> precisa de título de eleitor?",
    "Minha conta de luz veio <valor> em <mes>, com consumo de <cento> kWh. É muito?",
    "O cartão do transporte custa <valor> em <cidade>?",
    "Em emergência ligo para o 190, o 192 ou o 193?",
    "Nasci em <cidade>, isso muda algo para tirar o passaporte?",
    "a nota do processo seletivo foi <dec>, a de corte era <dec>, passei?",
    "Processo de fabricação do queijo: <n> etapas a <n> °C. Explique.",
    "A placa de vídeo esquenta a <cento> °F, quantos graus Celsius são?",
    "A placa solar de <cento> W gera quantos kWh por mês em <cidade>?",
    "Protejo meu e-mail com senha de <n> caracteres, é bom?",
)

# ---------------------------------------------------------------------------------------------------------------
# Putting it together

SLOT = re.compile(r"\{\{|\}\}|\{(\w+)\}|<([a-z]+)>")
WRAPS = (("**", "**"), ("**", "**"), ("`", "`"), ("(", ")"), ("(", ")"), ('"', '"'), ("*", "*"), ("[", "]"), ("“", "”"))
DIGIT_WRAPS = (*WRAPS, ("_", "_"), ("~", "~"))
NUMBER_MARKS = (("nº", ""), ("n°", ""), ("nº ", ""))
NUMBERED = ("cpf", "cnpj", "rg", "cnh", "titulo", "pis", "passaporte", "cartao", "processo")
UNWRAPPED_NEXT_TO = "<([\"'`*|;{"
CUES = (
    "telefone celular nasc endere agência agencia conta cart crédit credit títul titul eleit passap placa veícul "
    "process identid habilit renavam corrente poupan chave arroba ponto número numero senhor favorec client titular "
    "prezad atenc whats audi autos inscri remetent condutor pagador registr nota locad locat "
    "autora propriet recebid requer pacien respons escrev"
).split()


def _literal(rng: random.Random, text: str) -> str:
    """Template text with its fillers drawn."""

    def drawn(match: re.Match[str]) -> str:
        return FILLERS[match.group(2)](rng) if match.group(2) else match.group()

    return SLOT.sub(drawn, text)


def _labelled(rng: random.Random, kind: str, phrase: bool) -> list[Piece]:
    """A line of a form, or a phrase, that names the kind and then plants it."""
    if phrase:
        return [(_literal(rng, rng.choice(PHRASES[kind])) + " ", LITERAL), KINDS[kind](rng)]
    label = _literal(rng, rng.choice(LABELS[kind]))
    mark = rng.choice((": ", ": ", ": ", ":", ":", " ", " - ", " = ", ":\n", ":" + NBSP, ":  "))
    if rng.random() < 0.1:
        return [(f"**{label}**{mark}", LITERAL), KINDS[kind](rng)]
    return [(label + mark, LITERAL), KINDS[kind](rng)]


def _pieces(rng: random.Random, template: str, kinds: Iterator[str]) -> list[Piece]:
    pieces: list[Piece] = []
    end = 0
    for match in SLOT.finditer(template):
        pieces.append((template[end : match.start()], LITERAL))
        end = match.end()
        slot, filler = match.groups()
        if filler:
            pieces.append((FILLERS[filler](rng), FIXED))
        elif slot in {"linha", "item"}:
            pieces += _labelled(rng, next(kinds), phrase=slot == "item")
        elif slot:
            pieces.append(KINDS[slot](rng))
        else:
            pieces.append((match.group()[0], LITERAL))
    pieces.append((template[end:], LITERAL))
    return [piece for piece in pieces if piece[0]]


def _wrapped(rng: random.Random, pieces: list[Piece]) -> list[Piece]:
    """Some identifiers in markdown, parentheses or quotes, or glued to the colon before them."""
    result: list[Piece] = []
    for place, (text, kind) in enumerate(pieces):
        if kind in {LITERAL, FIXED}:
            result.append((text, kind))
            continue
        before = result[-1][0] if result else ""
        after = pieces[place + 1][0] if place + 1 < len(pieces) else ""
        if before.endswith(": ") and rng.random() < 0.2:
            result[-1] = (before[:-1], result[-1][1])
        free = not before.endswith(tuple(UNWRAPPED_NEXT_TO)) and after[:1] not in {'"', ")", ">", "*"}
        if not free or rng.random() >= 0.15:
            result.append((text, kind))
            continue
        if kind == "email" and "@" in text and not re.search(r"\s", text) and rng.random() < 0.25:
            result += [("[", FIXED), (text, kind), (f"](mailto:{text})", FIXED)]
            continue
        wordy = kind.startswith(("email", "pix_email", "endereco", "nome", "nascimento"))
        numbered = kind.startswith(NUMBERED) and not re.search(r"([nN][º°o.]|[nN]úmero|é) ?$", before)
        wraps = WRAPS if wordy else (*DIGIT_WRAPS, *NUMBER_MARKS) if numbered else DIGIT_WRAPS
        left, right = rng.choice(wraps)
        result += [(left, FIXED), (text, kind), (right, FIXED)]
    return [piece for piece in result if piece[0]]


def _typo(rng: random.Random, text: str) -> str:
    """One word of the template misspelled, never one that tells what an identifier is."""
    words = [
        match
        for match in re.finditer(r"[A-Za-zÀ-ÿ]{6,}", text)
        if not match.group().isupper() and not any(cue in match.group().lower() for cue in CUES)
    ]
    if not words:
        return text
    word = rng.choice(words)
    place = word.start() + rng.randrange(1, len(word.group()) - 2)
    swapped = text[place + 1] + text[place]
    return text[:place] + rng.choice((swapped, text[place], text[place] * 2 + text[place + 1])) + text[place + 2 :]


def _unaccented(text: str) -> str:
    return unicodedata.normalize("NFC", _plain(text))


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _styled(rng: random.Random, pieces: list[Piece]) -> list[Piece]:
    """The whole prompt in one way of typing, identifiers included."""
    if rng.random() < 0.2:
        for place in rng.sample(range(len(pieces)), min(len(pieces), 2)):
            text, kind = pieces[place]
            pieces[place] = (_typo(rng, text) if kind == LITERAL else text, kind)
    casual = pieces[0][0][:1].islower()
    roll = rng.random()
    if casual:
        roll = 0.5 + roll / 2
    if roll < 0.62:
        return pieces
    if roll < 0.74:
        return [(_unaccented(text), kind) for text, kind in pieces]
    if roll < 0.86:
        return [(_unaccented(text).lower(), kind) for text, kind in pieces]
    if roll < 0.93:
        return [(text.lower(), kind) for text, kind in pieces]
    if roll < 0.97:
        return [(text.upper(), kind) for text, kind in pieces]
    return [(_decomposed(text), kind) for text, kind in pieces]


def _framed(rng: random.Random, pieces: list[Piece]) -> list[Piece]:
    """The prompt with a greeting before it or a request after it, where it is a single sentence."""
    if any("\n" in text for text, kind in pieces if kind == LITERAL):
        return pieces
    if rng.random() < 0.2:
        pieces = [(rng.choice(OPENERS.split("|")), LITERAL), *pieces]
    if rng.random() < 0.2:
        stop = " " if pieces[-1][0].endswith((".", "?", "!")) else ". "
        pieces = [*pieces, (stop + rng.choice(CLOSERS.split("|")), LITERAL)]
    return pieces


def _rounds(rng: random.Random, choices: Sequence[str]) -> Iterator[str]:
    """All the choices in a random order, then again in another, for ever."""
    while True:
        order = list(choices)
        rng.shuffle(order)
        yield from order


def planted(count: int, seed: int) -> list[Planted]:
    """As many prompts as asked, each with one to three identifiers; every template and kind takes its turn."""
    rng = random.Random(seed)
    templates, kinds = _rounds(rng, TEMPLATES), _rounds(rng, tuple(LABELS))
    prompts: list[Planted] = []
    for template in templates:
        if len(prompts) >= count:
            break
        pieces = _styled(rng, _framed(rng, _wrapped(rng, _pieces(rng, template, kinds))))
        found = [piece for piece in pieces if piece[1] not in {LITERAL, FIXED}]
        text = "".join(text for text, _ in pieces)
        prompts.append(Planted(text, tuple(value for value, _ in found), tuple(kind for _, kind in found)))
    return prompts


def clean(count: int, seed: int) -> list[str]:
    """As many prompts as asked without any personal data, no two alike while the templates allow it."""
    rng = random.Random(seed)
    texts: list[str] = []
    seen: set[str] = set()
    repeated = 0
    for template in _rounds(rng, CLEAN_TEMPLATES):
        if len(texts) >= count:
            break
        pieces = _styled(rng, _framed(rng, _pieces(rng, template, iter(()))))
        text = "".join(text for text, _ in pieces)
        if text in seen and repeated < 500:
            repeated += 1
            continue
        repeated = 0
        seen.add(text)
        texts.append(text)
    return texts


TELLING_DIGITS = 7  # of an identifier in a row are a leak, also where the rest of it was masked


def leaked(prompt: Planted, body: str) -> Iterator[str]:
    """The kinds of what can be read in `body`: the value whole, however it is spaced, or many of its digits."""
    seen = _bare(body)
    for value, kind in zip(prompt.values, prompt.kinds, strict=True):
        digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", value))
        runs = [digits[start : start + TELLING_DIGITS] for start in range(len(digits) - TELLING_DIGITS + 1)]
        if _bare(value) in seen or any(run in seen for run in runs):
            yield kind


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text)).casefold()
