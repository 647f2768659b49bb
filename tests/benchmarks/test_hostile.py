"""The hostile files of `make bench-hostile_files`."""

from __future__ import annotations

from benchmarks.hostile import KINDS, hostile_files


def test_the_same_seed_makes_the_same_files_but_for_what_libraries_date() -> None:
    count = len(KINDS)
    first, again, other = (list(hostile_files(count, seed)) for seed in (7, 7, 8))
    assert [(file.kind, file.name) for file in first] == [(file.kind, file.name) for file in again]
    assert [file.data for file in first] != [file.data for file in other]
    assert {file.kind for file in first} == set(KINDS)
