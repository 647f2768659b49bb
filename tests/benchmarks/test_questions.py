"""Which questions examine the adapter: none that it was trained on."""

from benchmarks.questions import examined
from chat.golden import GoldenQuestion
from chat.management.commands.build_adapter_dataset import HELD_OUT


def question(text: str, document: str, split: str = "") -> GoldenQuestion:
    return GoldenQuestion(text, ("x",), document, "", True, split=split)


def test_of_a_file_with_a_test_part_only_that_is_asked():
    asked = examined([question("a", "one.md", "train"), question("b", "two.md", "test")], 10)

    assert [one.text for one in asked] == ["b"]


def test_of_the_file_trained_on_only_documents_held_out_are_asked():
    asked = examined([question("a", "REGULAMENTO_GERAL"), question("b", HELD_OUT[0])], 10)

    assert [one.text for one in asked] == ["b"]


def test_a_file_that_was_never_trained_on_is_asked_whole():
    questions = [question("a", "one"), question("b", "two")]

    assert examined(questions, 10) == questions
