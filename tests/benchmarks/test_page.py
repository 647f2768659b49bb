"""docs/benchmarks.md from the lines of runs."""

import json

from benchmarks.lines import Line, beside, skipped
from benchmarks.page import render, write_page

RUN = {
    "at": "2026-11-22T10:00:00+00:00",
    "machine": "a processor, 2 cores",
    "load_at_start": 0.1,
    "command": "make bench-retrieval DATA=FOLDER",
}


def rows_of(benchmark, lines, **run):
    return [json.loads(line.to_json(benchmark, RUN | run)) for line in lines]


def test_a_row_shows_aion_beside_all_its_peers():
    lines = beside("faquad", "r_at_1", 0.9, {"dense alone": 0.72, "BM25 alone": 0.85}, n=561, interval_95=[0.86, 0.93])

    page = render(rows_of("retrieval", lines))

    assert "| case | metric | n | AION | dense alone | BM25 alone |" in page
    assert "| faquad | r_at_1 | 561 | 0.900 [0.860, 0.930] | 0.720 (×1.25) | 0.850 (×1.06) |" in page


def test_a_peer_without_a_figure_leaves_its_cell_empty():
    lines = [
        *beside("demo", "r_at_1", 0.9, {"RRF": 0.8}, n=5),
        *beside("demo", "search_p50_ms", 4.0, {"text": 2.0}, n=5),
    ]

    page = render(rows_of("retrieval", lines))

    assert "| demo | search_p50_ms ↓ | 5 | 4.000 |  | 2.000 (×2) |" in page


def test_rates_are_better_when_higher_and_seconds_when_lower():
    lines = [Line("same length", "decode_tokens_per_s", 50.0), Line("answers", "seconds_per_answer", 0.4)]

    page = render(rows_of("engine", lines))

    assert "| decode_tokens_per_s |" in page
    assert "| seconds_per_answer ↓ |" in page


def test_a_section_says_what_is_measured_how_when_and_on_what():
    page = render(rows_of("retrieval", beside("demo", "mrr", 0.9, {}, n=5, passages=7)))

    assert "## retrieval\n\nWhether the right passage is found" in page
    assert "`make bench-retrieval DATA=FOLDER`, 2026-11-22, on a processor, 2 cores; load at the start 0.1." in page
    assert "Conditions: passages 7." in page


def test_a_case_with_reasons_is_explained_below_the_table():
    reasons = {"reasons": ["Too few.", "Wait."]}
    lines = [Line("night 1", "promoted", 0.0, conditions=reasons), Line("x", "promoted", 1.0)]

    page = render(rows_of("nights", lines))

    assert "\n- night 1: Too few. Wait.\n" in page
    assert "- x:" not in page


def test_what_was_skipped_is_said_with_its_reason():
    page = render(rows_of("gate", [skipped("pira", "no folder was given")]))

    assert "Skipped: pira (no folder was given)." in page
    assert "| case |" not in page


def test_only_the_newest_run_of_a_benchmark_is_shown():
    older = rows_of("path", [Line("own", "p50_ms", 12.0)], at="2026-11-20T10:00:00+00:00")
    newer = rows_of("path", [Line("own", "p50_ms", 11.0)])
    of_another = rows_of("gate", [Line("demo", "auroc", 0.9)], at="2026-11-19T10:00:00+00:00")

    page = render([*newer, *older, *of_another])

    assert "11.0" in page
    assert "12.0" not in page
    assert "0.900" in page


def test_the_page_is_written_whole(tmp_path):
    results, page = tmp_path / "results.jsonl", tmp_path / "benchmarks.md"
    results.write_text(Line("own", "p50_ms", 11.0).to_json("path", RUN) + "\n")

    write_page(results, page)

    assert page.read_text().startswith("# Benchmarks\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["benchmarks.md", "results.jsonl"]
