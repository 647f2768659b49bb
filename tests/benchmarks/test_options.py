"""What a benchmark may be told, and what it says where that is wrong."""

import pytest

from benchmarks.options import Options, parse, spread


def test_without_a_name_all_are_meant(tmp_path):
    assert parse([]) == Options()


def test_a_folder_without_the_development_sets_is_refused_by_name(tmp_path, capsys):
    (tmp_path / "faquad.json").touch()

    with pytest.raises(SystemExit):
        parse(["retrieval", "--data", str(tmp_path)])
    assert "holds no pira.jsonl" in capsys.readouterr().err


def test_an_unknown_benchmark_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse(["speed"])
    assert "retrieval" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-3", "many"])
def test_a_limit_that_asks_nothing_is_refused(limit):
    with pytest.raises(SystemExit):
        parse(["path", "--limit", limit])


def test_an_adapter_that_is_not_there_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        parse(["adapter", "--adapter", str(tmp_path / "none")])
    assert "there is no adapter" in capsys.readouterr().err


def test_the_command_is_told_without_a_path_of_this_machine(tmp_path):
    assert Options(data=tmp_path, limit=8).command("gate") == 'make bench-gate DATA=FOLDER ARGS="--limit 8"'
    assert Options().command("path") == "make bench-path"


def test_a_limit_takes_questions_from_the_whole_set():
    assert spread(range(10), 3) == [0, 3, 6]
    assert spread(range(2), 3) == range(2)
    assert spread(range(2), None) == range(2)
