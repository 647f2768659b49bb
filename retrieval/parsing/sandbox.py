"""Parsing in a process that can be killed: a hostile file costs its time limit and its memory limit, nothing else.

The process reads one request a line (`{"path", "name", "limits"}`, a page's with `url` and `charset` for `name`) and
answers one line. It dies by its own alarm when
a file takes too long, which stops C code too, and with its parent, since its input ends.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from retrieval.parsing.blocks import Block, BlockKind, Gap, Limits, Page, ParsedDocument, RejectionCode, Unparsable

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]


class Parser:
    """A context manager around the process, which is started when first needed and again after it died."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Parser:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._process is not None:
            self._end_group()
            self._process.communicate()
            self._process = None

    def parse(self, path: Path, *, name: str = "") -> list[ParsedDocument]:
        """The documents in the file; raises `Unparsable`. `name` stands for the file's own where it differs."""
        return _documents(self._ask({"path": str(path.resolve()), "name": name or path.name}))

    def page(self, path: Path, *, url: str, charset: str = "") -> Page:
        """A page of the web that lies in a file; raises `Unparsable`."""
        answer = self._ask({"path": str(path.resolve()), "url": url, "charset": charset})
        said = answer["page"]
        assert isinstance(said, dict)  # noqa: S101 - our own process wrote it
        document = next(iter(_documents(answer)), None)
        return Page(document, tuple(said["links"]), said["canonical"], said["noindex"])

    def _ask(self, request: dict[str, object]) -> dict[str, object]:
        process = self._running()
        assert process.stdin is not None  # noqa: S101 - both are pipes, see `_running`
        assert process.stdout is not None  # noqa: S101
        request |= {"limits": asdict(self.limits)}
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError as exc:
            raise self._death() from exc
        if not answer.endswith("\n"):
            raise self._death()
        return _accepted(json.loads(answer))

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "retrieval.parsing.sandbox"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                cwd=ROOT,
                env={"PATH": os.environ.get("PATH", ""), "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for the parent to handle
            )
        return self._process

    def _end_group(self) -> None:
        """The process and a text recognition that it may have started; its number is its own until it is waited for."""
        assert self._process is not None  # noqa: S101
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _death(self) -> Unparsable:
        assert self._process is not None  # noqa: S101 - it has just failed to answer
        self._end_group()
        code = self._process.wait()
        self._process = None
        if code == -signal.SIGALRM:
            return Unparsable(RejectionCode.TOO_SLOW, f"more than {self.limits.seconds} s")
        return Unparsable(RejectionCode.UNREADABLE, f"the parsing process died with {code}")


def _accepted(answer: dict[str, object]) -> dict[str, object]:
    if "code" in answer:
        raise Unparsable(RejectionCode(str(answer["code"])), str(answer["detail"]))
    return answer


def _documents(answer: dict[str, object]) -> list[ParsedDocument]:
    documents = answer["documents"]
    assert isinstance(documents, list)  # noqa: S101 - our own process wrote it
    return [
        ParsedDocument(
            document["title"],
            document["media_type"],
            tuple(Block(BlockKind(kind), text, level, page) for kind, text, level, page in document["blocks"]),
            document["part"],
            tuple(Gap(RejectionCode(code), name, tuple(pages)) for code, name, pages in document["gaps"]),
        )
        for document in documents
    ]


def _serve() -> None:
    """The process: answers requests until its input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    sys.stdout = sys.stderr  # a library that prints must not garble an answer
    for line in sys.stdin:
        request = json.loads(line)
        limits = Limits(**request["limits"])
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        signal.alarm(limits.seconds)
        answer = json.dumps(_answer(request, limits), ensure_ascii=True)
        signal.alarm(0)
        answers.write(answer + "\n")
        answers.flush()


def _answer(request: dict[str, str], limits: Limits) -> dict[str, object]:
    try:
        return _parsed(request, limits)
    except Unparsable as exc:
        return {"code": exc.code, "detail": exc.detail}
    except OSError as exc:
        return {"code": RejectionCode.UNREADABLE, "detail": str(exc)}
    except MemoryError:
        return {"code": RejectionCode.TOO_LARGE, "detail": "out of memory"}


def _parsed(request: dict[str, str], limits: Limits) -> dict[str, object]:
    if "url" in request:
        from retrieval.parsing.pages import read_page

        page = read_page(Path(request["path"]), request["url"], request["charset"], limits)
        said = {"links": page.links, "canonical": page.canonical, "noindex": page.noindex}
        return {"documents": [_plain(page.document)] if page.document else [], "page": said}
    from retrieval.parsing.formats import parse

    return {"documents": [_plain(found) for found in parse(Path(request["path"]), request["name"], limits)]}


def _plain(document: ParsedDocument) -> dict[str, object]:
    return {
        "title": document.title,
        "media_type": document.media_type,
        "part": document.part,
        "blocks": [(block.kind, block.text, block.level, block.page) for block in document.blocks],
        "gaps": [(gap.code, gap.name, gap.pages) for gap in document.gaps],
    }


if __name__ == "__main__":
    _serve()
