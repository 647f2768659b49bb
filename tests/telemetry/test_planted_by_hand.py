"""Prompts written by hand, without a look at the benchmark's generator: chats, forms, deeds, scans, tables.

And texts that name nobody. All people and numbers are invented.
"""

from __future__ import annotations

import re
import unicodedata

import pytest

from telemetry.pii import find_personal_data, mask_for_egress

PLANTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("oi bom dia, meu cpf é 529 982 247 25 consegue ver minha reserva?", ("529 982 247 25",)),
    (
        "blz, anota aí: 529982247-25, nome Thainá Figueiredo",
        (
            "529982247-25",
            "Thainá Figueiredo",
        ),
    ),
    ("me chama no zap 81 9 9876 5432 q te explico", ("81 9 9876 5432",)),
    ("meu zap é 81-9.9876.5432", ("81-9.9876.5432",)),
    ("o numero do meu marido: +55 (0xx81) 99876-5432", ("99876-5432",)),
    ("liga la em casa 3222-4567 dps das 18h", ("3222-4567",)),
    (
        "tel fixo 081 3222 4567 falar c/ dona Neide",
        (
            "081 3222 4567",
            "Neide",
        ),
    ),
    (
        "zap oito um nove nove oito sete seis cinco quatro três dois",
        ("oito um nove nove oito sete seis cinco quatro três dois",),
    ),
    (
        "cpf cinco dois nove nove oito dois dois quatro sete dois cinco",
        ("cinco dois nove nove oito dois dois quatro sete dois cinco",),
    ),
    ("meu cpf: 529\n982\n247\n25", ("529\n982\n247\n25",)),
    (
        "o pix pode ser pelo cel 11 94002 8922 ou no email gil.mar@bol.com.br",
        (
            "11 94002 8922",
            "gil.mar@bol.com.br",
        ),
    ),
    ("pix: 7d9f2f7e-0c3e-4b0a-9a34-2f1f1f0f4c11", ("7d9f2f7e-0c3e-4b0a-9a34-2f1f1f0f4c11",)),
    ("chave aleatória é 7D9F2F7E 0C3E 4B0A 9A34 2F1F1F0F4C11 no nubank", ("7D9F2F7E 0C3E 4B0A 9A34 2F1F1F0F4C11",)),
    (
        "manda no e-mail: gilmar underline reis arroba gmail ponto com",
        ("gilmar underline reis arroba gmail ponto com",),
    ),
    ("meu email gilmar.reis arroba uol ponto com ponto br", ("gilmar.reis arroba uol ponto com ponto br",)),
    ("gilmar.reis [at] ufpe [dot] br", ("gilmar.reis [at] ufpe [dot] br",)),
    ("gilmar_reis(a)hotmail.com", ("gilmar_reis(a)hotmail.com",)),
    ("escreve pra gilmar reis@ gmail. com", ("reis@ gmail. com",)),
    ("gilmarreis{at}yahoo{dot}com{dot}br é meu contato", ("gilmarreis{at}yahoo{dot}com{dot}br",)),
    ("g i l m a r @ g m a i l . c o m", ("g i l m a r @ g m a i l . c o m",)),
    ("contato: gilmar.reis @gmail.com", ("gilmar.reis @gmail.com",)),
    ("email\ngilmar.reis@\ngmail.com", ("gilmar.reis@\ngmail.com",)),
    (
        "Nome: Wellington Evaristo Prates\nRG: 7.654.321 SDS/PE\nÓrgão emissor: SDS\nData nasc.: 03-07-1979",
        (
            "Wellington Evaristo Prates",
            "7.654.321",
            "03-07-1979",
        ),
    ),
    ("RG 48 123 456 X SSP-SP", ("48 123 456 X",)),
    ("Identidade nº 1.234.567-PE", ("1.234.567",)),
    ("R.G. n. 20.987.654-3 (DETRAN/RJ)", ("20.987.654-3",)),
    ("C.P.F. n.º 111.444.777-35", ("111.444.777-35",)),
    ("C P F 111 444 777 35", ("111 444 777 35",)),
    ("CPF/MF sob o n° 111444777/35", ("111444777/35",)),
    (
        "CPF|111.444.777-35|RG|34.567.890-1",
        (
            "111.444.777-35",
            "34.567.890-1",
        ),
    ),
    (
        "cpf=11144477735&rg=345678901",
        (
            "11144477735",
            "345678901",
        ),
    ),
    (
        '{"cpf": "11144477735", "nome": "Jucimara Alencastro", "nascimento": "1979-07-03"}',
        (
            "11144477735",
            "Jucimara Alencastro",
            "1979-07-03",
        ),
    ),
    (
        "CPF;NOME;FONE\n111.444.777-35;IVANILDO BRITO;(81)3222.4567",
        (
            "111.444.777-35",
            "IVANILDO BRITO",
            "(81)3222.4567",
        ),
    ),
    ("Título eleitoral 1023 4567 0108 zona 045 seção 0123", ("1023 4567 0108",)),
    ("título: 102345670108", ("102345670108",)),
    ("PIS/PASEP 120.56789.10-4", ("120.56789.10-4",)),
    ("NIT 1205678910-4", ("1205678910-4",)),
    ("CTPS 1234567 série 0012-PE", ("1234567",)),
    ("carteira de trabalho nº 98765 série 00123/SP", ("98765 série 00123",)),
    ("CNH registro 01234567890 categoria AB", ("01234567890",)),
    ("habilitação n° 0123456789-0", ("0123456789-0",)),
    ("cartão nacional de saúde: 898 0012 3456 7890", ("898 0012 3456 7890",)),
    ("passaporte brasileiro YC 345678", ("YC 345678",)),
    ("Passport No.: YC345678", ("YC345678",)),
    ("RNE V123456-J", ("V123456-J",)),
    ("RNM F1234567", ("F1234567",)),
    ("carro placa KJX-4D21", ("KJX-4D21",)),
    ("meu carro é um Onix, placa K J X 4 D 2 1", ("K J X 4 D 2 1",)),
    ("placa: kjx\n4d21", ("kjx\n4d21",)),
    ("Renavam 0098765432-1", ("0098765432-1",)),
    (
        "multa do veículo KJX4D21, RENAVAM 00987654321",
        (
            "KJX4D21",
            "00987654321",
        ),
    ),
    (
        "Pelo presente, Ana Clara Vasconcelos Leal, brasileira, casada, "
        "portadora da cédula de identidade nº 3.456.789 SSP/BA e do CPF nº 111.444.777-35, residente e domiciliada "
        "na Rua Barão de Itapuã, nº 45, apto. 302, Barra, Salvador/BA, CEP 40140-060",
        (
            "Ana Clara Vasconcelos Leal",
            "3.456.789",
            "111.444.777-35",
            "Barão de Itapuã, nº 45",
            "40140-060",
        ),
    ),
    (
        "A empresa Padaria Estrela Ltda, CNPJ 11.222.333/0001-81, por seu sócio Aderbal Nóbrega, RG 1234567 SSP-PB",
        (
            "11.222.333/0001-81",
            "Aderbal Nóbrega",
            "1234567",
        ),
    ),
    (
        "cnpj um um dois dois dois três três três zero zero zero um oito um",
        ("um um dois dois dois três três três zero zero zero um oito um",),
    ),
    ("C.N.P.J.: 11 222 333 / 0001 - 81", ("11 222 333 / 0001 - 81",)),
    ("CNPJ 1 2 . A B C . 3 4 5 / 0 1 D E - 3 5", ("1 2 . A B C . 3 4 5 / 0 1 D E - 3 5",)),
    ("o cnpj novo 12ABC34501DE35 não passa", ("12ABC34501DE35",)),
    (
        "Autos n. 0000001-83.2017.8.26.0100 em que figura como réu Edivaldo Sarmento",
        (
            "0000001-83.2017.8.26.0100",
            "Edivaldo Sarmento",
        ),
    ),
    ("proc. 0000001 83 2017 8 26 0100", ("0000001 83 2017 8 26 0100",)),
    (
        "Banco 001 Ag 3456-7 C/C 12345-6 em nome de Sebastiana Furtado",
        (
            "12345-6",
            "Sebastiana Furtado",
        ),
    ),
    ("agência 3456, conta-corrente 98.765-X", ("98.765-X",)),
    ("conta pp 00123456-7 op 013 ag 0657", ("00123456-7",)),
    ("meu cartão 4111-1111-1111-1111 val 08/29 cvv 123", ("4111-1111-1111-1111",)),
    ("visa 4111.1111.1111.1111", ("4111.1111.1111.1111",)),
    ("cartao amex 3782 822463 10005", ("3782 822463 10005",)),
    ("CPF: 1l1.444.777-35", ("444.777-35",)),
    ("C P F : 111 . 444 . 777 - 35", ("111 . 444 . 777 - 35",)),
    ("CPF 111,444,777-35", ("111,444,777-35",)),
    ("CPF 111•444•777•35", ("111•444•777•35",)),
    ("CPF １１１．４４４．７７７－３５", ("１１１．４４４．７７７－３５",)),
    ("CPF 111_444_777_35", ("111_444_777_35",)),
    ("CPF **111.444.777-35**", ("111.444.777-35",)),
    ("CPF 𝟏𝟏𝟏.𝟒𝟒𝟒.𝟕𝟕𝟕-𝟑𝟓", ("𝟏𝟏𝟏.𝟒𝟒𝟒.𝟕𝟕𝟕-𝟑𝟓",)),
    ("TELEFONE : ( 8 1 ) 9 9 8 7 6 - 5 4 3 2", ("( 8 1 ) 9 9 8 7 6 - 5 4 3 2",)),
    ("Nome do paciente ..... : SEVERINO RAMOS GUEDES", ("SEVERINO RAMOS GUEDES",)),
    ("NOME DA MÃE\nGERTRUDES PAIXÃO MOTA", ("GERTRUDES PAIXÃO MOTA",)),
    (
        "ATA: Aos três dias, reuniram-se Dr. Hilário Boaventura, a Sra. Cremilda Uchoa e o síndico Tibúrcio Penha.",
        (
            "Hilário Boaventura",
            "Cremilda Uchoa",
            "Tibúrcio Penha",
        ),
    ),
    (
        "Presentes: Jackson Amorim, Lucineide Bastos, Kellyane Dutra.",
        (
            "Jackson Amorim",
            "Lucineide Bastos",
            "Kellyane Dutra",
        ),
    ),
    (
        "Prezada Jurema,\nsegue em anexo.\n\nCordialmente,\nAdalgisa Tenório",
        (
            "Jurema",
            "Adalgisa Tenório",
        ),
    ),
    (
        "Oi Rosângela, tudo bem? Aqui é o Claudemir da recepção.",
        (
            "Rosângela",
            "Claudemir",
        ),
    ),
    ("quem fala é a Dagmar Sobral", ("Dagmar Sobral",)),
    ("paciente Iracema Toledo, 54 anos, leito 3", ("Iracema Toledo",)),
    ("a minha filha Maitê Bragança faz 5 anos dia 3", ("Maitê Bragança",)),
    ("meu aniversário é 3 de julho de 1979", ("3 de julho de 1979",)),
    ("nasci em 3/7/79", ("3/7/79",)),
    (
        "nascido aos três de julho de mil novecentos e setenta e nove",
        ("três de julho de mil novecentos e setenta e nove",),
    ),
    ("D.N. 03/07/1979", ("03/07/1979",)),
    ("DN: 03.07.79", ("03.07.79",)),
    ("moro na av conselheiro aguiar 1360 apto 801 boa viagem recife", ("conselheiro aguiar 1360",)),
    ("Endereço: R Cel João Ramalho 77 - Casa Forte", ("João Ramalho 77",)),
    ("meu endereço é Quadra 12 Conjunto C Casa 8, Ceilândia Norte", ("Quadra 12 Conjunto C Casa 8",)),
    ("entregar na SQN 210 bloco F apto 305", ("SQN 210 bloco F apto 305",)),
    ("cep 40140060", ("40140060",)),
    ("CEP 40.140-060", ("40.140-060",)),
    ("cep: 40 140 060", ("40 140 060",)),
    ("meu ip é 189.45.12.207", ("189.45.12.207",)),
    ("meu insta é @gilmar.reis.real", ("@gilmar.reis.real",)),
    (
        "dados do hóspede\nnome - Fausto Milhomem\ndoc - 34567890\nfone - 81998765432",
        (
            "Fausto Milhomem",
            "34567890",
            "81998765432",
        ),
    ),
    ("documento 34.567.890-1, emitido em 2001", ("34.567.890-1",)),
    (
        "matrícula funcional 1234567-8 do servidor Onofre Galvão",
        (
            "Onofre Galvão",
            "1234567-8",
        ),
    ),
    ("nº do benefício 123.456.789-0 INSS", ("123.456.789-0",)),
    (
        "Segurada: Zuleide Capistrano – NIS 12056789104",
        (
            "Zuleide Capistrano",
            "12056789104",
        ),
    ),
    (
        "tel.: 81 3222.4567 / 99876.5432",
        (
            "3222.4567",
            "99876.5432",
        ),
    ),
    ("(81)3222-4567 ramal 21", ("(81)3222-4567",)),
    ("0800? não, é 55 81 998765432", ("55 81 998765432",)),
    ("fone81998765432", ("81998765432",)),
    ("CPF11144477735", ("11144477735",)),
    ("https://exemplo.gov.br/consulta?cpf=111.444.777-35&nome=Rita", ("111.444.777-35",)),
    ("wa.me/5581998765432", ("5581998765432",)),
    ("mailto:adalgisa%40empresa.com.br", ("adalgisa%40empresa.com.br",)),
)

CLEAN = (
    "Re: orçamento de janeiro, contato: segunda a sexta, responsável: setor de compras.",
    "Autor: desconhecido. Cliente: pessoa física ou jurídica.",
    "O inteiro máximo de 32 bits é 2147483647 e o de 16 bits, 65535.",
    "Segundo o art. 5º, inciso XII, da Constituição, e a Lei nº 12.965/2014, o sigilo é inviolável.",
    "O artigo 1.829 do Código Civil trata da ordem de vocação hereditária.",
    "A Lei Complementar 101/2000 e o Decreto-Lei 5.452, de 1º de maio de 1943.",
    "O protocolo de atendimento é 20261122004512.",
    "O livro tem ISBN 978-85-359-0277-5 e custa R$ 64,90.",
    "ISBN 8535902775, 3ª edição, 2019, 432 páginas.",
    "Código do produto: SKU 4587-TX-220, lote 20260311.",
    "Código de barras 7891000315507 no pacote.",
    "As coordenadas são -23.550520, -46.633308, a 760 m de altitude.",
    "Latitude 8°03'14\"S, longitude 34°52'52\"W.",
    "O voo LA 3456 sai às 14h25 do portão 12; o G3 1290 atrasou 35 minutos.",
    "O ônibus 875A-10 passa a cada 12 minutos; a linha 6450 só em dias úteis.",
    "A inflação foi de 4,62% em 2023, ante 5,79% em 2022 e 10,06% em 2021.",
    "O faturamento foi de 1.234.567,89 reais no 3º trimestre.",
    "A população de Recife era de 1.488.920 habitantes em 2022.",
    "Pi vale aproximadamente 3,14159265358979.",
    "A sequência de Fibonacci: 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233.",
    "O servidor roda Python 3.11.9, PostgreSQL 16.4 e Redis 7.2.5.",
    "O endereço de loopback é 127.0.0.1, porta 8080.",
    "A rosa é a flor preferida da rainha, e a vitória veio no fim.",
    "A Mega-Sena acumulou em R$ 45 milhões; a cena da novela foi boa.",
    "Vitória é a capital do Espírito Santo; Natal, do Rio Grande do Norte.",
    "A festa de São João em Campina Grande e a de Santo Antônio em Barbalha.",
    "O Rio Paraná nasce da junção do Rio Grande com o Paranaíba.",
    "Machado de Assis escreveu Dom Casmurro em 1899.",
    "A Avenida Paulista, 1578, é o endereço do MASP.",
    "A sede do banco fica na Avenida Paulista, 1374, e abre às 10h.",
    "Ligue 190 para a polícia, 192 para o SAMU e 193 para os bombeiros.",
    "A central atende no 0800 771 2345, de segunda a sexta.",
    "Disque 156 ou acesse o portal da prefeitura.",
    "A tabela tem 3 colunas e 12.500 linhas; a soma é 98765432.",
    "O processo seletivo 03/2026 tem 40 vagas; inscrições até 15/12/2026.",
    "O CPF tem 11 dígitos e o CNPJ, 14; a partir de 2026 o CNPJ pode ter letras.",
    "Como faço para tirar a segunda via do RG e da CNH?",
    "Qual é o prazo para justificar o voto sem o título de eleitor?",
    "O CEP é o código de endereçamento postal, com 8 dígitos.",
    "Perdi o cartão do SUS, onde peço outro?",
    "A placa do carro Mercosul tem quatro letras e três números.",
    "O contrato nº 045/2025 vence em 31/12/2027.",
    "A Resolução CONAMA 357/2005 classifica os corpos de água.",
    "O edital 12/2026 exige o anexo III e a ata de 14/03/2026.",
    "São 1 kg de farinha, 3 ovos, 200 g de açúcar e 50 mL de leite.",
    "Tome 1 comprimido de 500 mg de 8 em 8 horas por 7 dias.",
    "A velocidade da luz é 299792458 m/s.",
    "A constante de Avogadro é 6,02214076 × 10^23.",
    "O telescópio custou 10 bilhões de dólares e foi lançado em 25/12/2021.",
    "O filme dura 2h15 e estreia em 12 de março de 2027.",
    "O cliente será atendido em até 5 dias úteis, das 8h às 18h.",
    "A conta de água de outubro veio R$ 87,45 mais cara.",
    "Dom João VI chegou ao Brasil em 1808, e Dom Pedro I proclamou a Independência em 1822.",
    "A Universidade Federal de Pernambuco tem 105 cursos de graduação.",
    "O hash do commit é 3b3307c e o da release, 9feacee.",
    "RFC 2616 foi substituída pela RFC 7230 e seguintes.",
    "Norma NBR 14724:2011, seção 5.2.3.",
    "A nota fiscal 000.123.456, série 1, foi emitida ontem.",
    "Pedido 48219377, rastreio BR123456789BR.",
    "O empenho 2026NE000123 foi liquidado.",
    "A temperatura caiu de 31,5 °C para 22,8 °C entre 14h e 18h.",
    "O canal 13 e a rádio 98,7 FM transmitem o jogo às 21h30.",
    "O terreno tem 12 x 30 m, ou seja, 360 m².",
    "A Serra da Mantiqueira e a Chapada Diamantina são ótimas em julho.",
    "Aurora boreal, íris e margarida são palavras bonitas.",
    "A pata, o leão e a clara do ovo: a aula de hoje é sobre animais e comida.",
    "Feliz Natal e boas festas, um abraço da equipe!",
    "Bom dia! Atenciosamente, Secretaria de Educação.",
    "A quadra 12 do parque tem bloco de pedra e casa de máquinas.",
    "O carro a álcool fez 9 km/l e o de 1999 fez 12.",
    "Arroba é a unidade de 15 kg usada no gado; o boi está a R$ 310 a arroba.",
    "A arroba do boi ponto a ponto subiu; o sinal de arroba aparece no teclado.",
    "Ele marcou um, dois, três, quatro, cinco gols no campeonato.",
    "Conta até dez: um dois três quatro cinco seis sete oito nove dez.",
    "O título do livro é 1984 e o do outro, 2001.",
    "A versão 2.14.7483647 não existe.",
    "O preço do petróleo foi de 79.86 para 81.02 dólares em 2024-03-15.",
    "O id 507f1f77bcf86cd799439011 aponta para o registro no banco.",
    "uuid 550e8400-e29b-41d4-a716-446655440000 no log do servidor",
    "Timestamp 1732345678 equivale a 23/11/2024.",
    "Ramal 4512, sala 301, bloco C, 3º andar.",
    "O concurso 2750 da Mega-Sena sorteou 04 13 21 33 48 56.",
    "A partida terminou 3-2, com parciais de 25-21, 23-25, 25-19, 22-25 e 15-12.",
)


def bare(text: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text)).casefold()


@pytest.mark.parametrize(("text", "values"), PLANTED)
def test_nothing_of_it_can_be_read_and_all_comes_back(text, values):
    mask = mask_for_egress([text])
    assert [value for value in values if bare(value) in bare(mask.texts[0])] == []
    assert mask.unmask(mask.texts[0]) == text


@pytest.mark.parametrize("text", CLEAN)
def test_what_names_nobody_stays(text):
    assert find_personal_data(text) == []
