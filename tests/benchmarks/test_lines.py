"""One line of a benchmark, as it is printed."""

import json
import subprocess
import sys

from benchmarks.lines import Line, beside, skipped

RUN = {"at": "2026-11-22T10:00:00+00:00"}


def test_a_line_holds_the_peer_its_figure_and_aions_by_the_peers():
    [line] = beside("faquad", "r_at_1", 0.9, {"dense alone": 0.72}, n=561)

    assert json.loads(line.to_json("retrieval", RUN)) == {
        "benchmark": "retrieval",
        "case": "faquad",
        "metric": "r_at_1",
        "value": 0.9,
        "peer": 0.72,
        "ratio": 1.25,
        "conditions": {"peer": "dense alone", "n": 561, **RUN},
    }


def test_each_peer_has_a_line_of_its_own():
    lines = list(beside("demo", "f1", 0.4, {"quoted": 0.35, "bare model": 0.1}))

    assert [(line.peer, line.peer_value) for line in lines] == [("quoted", 0.35), ("bare model", 0.1)]


def test_a_figure_that_no_peer_has_stands_alone():
    [line] = beside("demo", "cited", 0.95, {"bare model": None})

    row = json.loads(line.to_json("answers", RUN))
    assert (row["value"], row["peer"], row["ratio"]) == (0.95, None, None)
    assert "peer" not in row["conditions"]


def test_a_peer_that_scores_nothing_has_no_ratio():
    assert Line("demo", "f1", 0.4, "bare model", 0.0).ratio is None


def test_what_is_skipped_says_why():
    row = json.loads(skipped("pira", "no folder was given").to_json("gate", RUN))

    assert (row["metric"], row["value"], row["conditions"]["why"]) == ("skipped", None, "no folder was given")


def test_a_ratio_keeps_its_digits_however_small():
    assert Line("demo", "seconds_per_answer", 0.006, "bare model", 25.6).ratio == 0.000234


def test_what_started_processes_print_does_not_come_among_the_lines():
    program = """
import subprocess, sys
from benchmarks.__main__ import stdout_for_lines
with stdout_for_lines() as lines:
    subprocess.run([sys.executable, "-c", "print('said by another')"])
    print("a line", file=lines, flush=True)
print("afterwards")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ended.stdout == "a line\nafterwards\n"
    assert "said by another" in ended.stderr
