"""No address that is not public is ever connected to, whatever the names say and whenever they change."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from ipaddress import ip_address
from threading import Event

import pytest

from retrieval.crawling.fetching import Fetcher, Reply, Want
from retrieval.crawling.network import is_public
from retrieval.crawling.pace import NoTurn
from retrieval.crawling.reasons import FetchFailed, Reason
from retrieval.crawling.urls import Scope
from tests.retrieval.crawling.website import Answer, Website

PRIVATE = """
    127.0.0.1 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 240.0.0.1 255.255.255.255
    192.0.2.1 198.18.0.1 192.88.99.1 ::1 :: fe80::1 fe80::1%1 fc00::1 fec0::1 ff02::1 ::ffff:10.0.0.1 ::10.0.0.1
    64:ff9b::10.0.0.1 64:ff9b:1::8.8.8.8 2002:a00:1::1 2001:0:808:808::1 2001:db8::1 3fff::1 100::1 5f00::1
""".split()
PUBLIC = "8.8.8.8 200.160.2.3 2001:12ff::10 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::8.8.8.8".split()


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_known(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_known(address: str) -> None:
    assert is_public(ip_address(address))


def get(
    website: Website, fetcher: Fetcher, path: str = "/", *, largest: int = 10_000, types: tuple[str, ...] = ()
) -> Reply:
    want = Want(Scope(f"{website.url}/").refusal, largest, types)
    return fetcher.get(f"{website.url}{path}", want, until=time.monotonic() + 30)


def why(website: Website, fetcher: Fetcher, path: str = "/", **options: object) -> Reason:
    with pytest.raises(FetchFailed) as failed:
        get(website, fetcher, path, **options)  # type: ignore[arg-type]  # as `get` has them
    return failed.value.reason


def test_a_server_of_this_machine_is_not_asked(website: Website) -> None:
    website.page("/", "Segredo.")
    assert why(website, Fetcher(least_s=0)) is Reason.NOT_PUBLIC
    assert website.asked == []


def test_a_name_with_one_private_address_among_public_ones_is_not_asked(website: Website) -> None:
    fetcher = Fetcher(resolve=lambda host, port: ["8.8.8.8", "127.0.0.1"], least_s=0)
    assert why(website, fetcher) is Reason.NOT_PUBLIC


def test_the_address_that_was_checked_is_the_one_connected_to(website: Website) -> None:
    """A name server that answers otherwise the second time is not asked a second time."""
    website.page("/", "Aqui.")
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    seen: list[str] = []

    def allowed(address: object) -> bool:
        seen.append(str(address))
        return True

    fetcher = Fetcher(allowed=allowed, resolve=lambda host, port: next(answers), least_s=0)
    assert get(website, fetcher).status == 200
    assert seen == ["127.0.0.1"]
    assert website.asked[0].headers["host"] == website.url.removeprefix("http://")


def test_each_redirect_is_checked_anew(website: Website) -> None:
    """The second answer of the name leads inside, as when a redirect waits until the name has changed."""
    website.says("/", status=302, Location="/dentro")
    website.page("/dentro", "Segredo.")
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    fetcher = Fetcher(
        allowed=lambda address: str(address) == "127.0.0.1", resolve=lambda host, port: next(answers), least_s=0
    )
    assert why(website, fetcher) is Reason.NOT_PUBLIC
    assert website.paths() == ["/"]


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data/", Reason.OFF_SITE),
        ("http://ana:senha@localhost/", Reason.CREDENTIALS),
        ("file:///etc/passwd", Reason.BAD_ADDRESS),
        ("/", Reason.REDIRECTS),
    ],
)
def test_redirects_lead_nowhere_else(website: Website, fetcher: Fetcher, location: str, reason: Reason) -> None:
    website.says("/", status=302, Location=location)
    assert why(website, fetcher) is reason
    assert set(website.paths()) == {"/"}


def test_no_cookie_is_sent_and_the_robot_names_itself(website: Website, fetcher: Fetcher) -> None:
    website.says("/", status=302, Location="/b", Set_Cookie="a=1")
    website.page("/b", "Texto.")
    get(website, fetcher)
    for asked in website.asked:
        assert asked.headers.keys() & {"cookie", "authorization", "referer"} == set()
        assert asked.headers["user-agent"].startswith("AIONbot/")


def test_a_wrong_type_is_not_read(website: Website, fetcher: Fetcher) -> None:
    website.says("/", b"\0" * 9, Content_Type="video/mp4")
    assert why(website, fetcher, types=("text/html",)) is Reason.TYPE


def test_a_body_that_unpacks_without_end_is_cut(website: Website, fetcher: Fetcher) -> None:
    website.says("/", gzip.compress(b"\0" * 50_000_000), Content_Encoding="gzip")
    assert why(website, fetcher) is Reason.TOO_LARGE


def test_a_gzipped_body_is_unpacked_and_a_torn_one_refused(website: Website, fetcher: Fetcher) -> None:
    packed = gzip.compress(b"texto " * 1000)
    website.says("/", packed, Content_Encoding="gzip")
    assert get(website, fetcher).body == b"texto " * 1000
    website.says("/", packed[:-20], Content_Encoding="gzip")
    assert why(website, fetcher) is Reason.UNREADABLE
    website.says("/", packed, Content_Encoding="br")
    assert why(website, fetcher) is Reason.UNREADABLE


def test_an_endless_body_is_cut_at_the_limit(website: Website, fetcher: Fetcher) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 1000

    website.answers["/"] = Answer(endless())
    assert why(website, fetcher) is Reason.TOO_LARGE


def test_a_server_that_drips_is_left_at_the_deadline(website: Website) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            time.sleep(0.05)
            yield b"x"

    website.answers["/"] = Answer(drip())
    fetcher = Fetcher(allowed=lambda address: True, resolve=lambda host, port: ["127.0.0.1"], least_s=0, fetch_s=0.5)
    begun = time.monotonic()
    assert why(website, fetcher) is Reason.TOO_SLOW
    assert time.monotonic() - begun < 5


def test_a_name_server_that_does_not_answer_is_left_at_the_deadline(website: Website) -> None:
    silent = Event()

    def waits(host: str, port: int) -> list[str]:
        silent.wait(60)
        return ["127.0.0.1"]

    fetcher = Fetcher(allowed=lambda address: True, resolve=waits, least_s=0, fetch_s=0.3)
    begun = time.monotonic()
    assert why(website, fetcher) is Reason.TOO_SLOW
    assert time.monotonic() - begun < 10
    silent.set()


def test_a_closed_port_and_an_unknown_name_are_unreachable(website: Website) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    assert why(website, Fetcher(resolve=unknown, least_s=0)) is Reason.UNREACHABLE
    closed = Website("http://localhost:1")
    local = Fetcher(allowed=lambda address: True, resolve=lambda host, port: ["127.0.0.1"], least_s=0)
    assert why(closed, local) is Reason.UNREACHABLE


def test_a_host_that_asks_for_a_pause_gets_it(website: Website, fetcher: Fetcher) -> None:
    website.says("/", status=429, Retry_After="120")
    assert get(website, fetcher).status == 429
    with pytest.raises(NoTurn) as later:
        get(website, fetcher)
    assert 100 < later.value.wait_s <= 120
