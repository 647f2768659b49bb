"""What a question tells OpenTelemetry: its spans by the conventions for generative AI, and nothing of its content."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from chat import tracing
from chat.answering import Question, answer, answer_stream
from chat.exceptions import FallbackFailed
from chat.models import ChatSettingsRevision

from .conftest import STAFF, Provider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]

ASKED = "Quanto custa o passeio de dia inteiro em Sintra?"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("aion.chat"))
    yield exporter
    provider.shutdown()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    meter = provider.get_meter("aion.chat")
    monkeypatch.setattr(tracing, "_duration", meter.create_histogram("gen_ai.client.operation.duration", "s"))
    monkeypatch.setattr(tracing, "_tokens", meter.create_histogram("gen_ai.client.token.usage", "{token}"))
    yield reader
    provider.shutdown()


@pytest.fixture
def generating(db: None) -> None:
    ChatSettingsRevision.objects.create(tau=0.0, answer_mode=ChatSettingsRevision.Mode.GENERATE)


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    (span,) = [each for each in spans.get_finished_spans() if each.name.startswith(name)]
    return span


def told(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.mark.usefixtures("generating")
class TestALocalAnswer:
    def test_its_search_and_its_model_are_spans_beneath_the_question(self, spans: InMemorySpanExporter) -> None:
        given = answer(Question(ASKED), asker=STAFF)
        whole, search, chat = (named(spans, name) for name in ("invoke_workflow", "retrieval", "chat"))
        assert whole.context is not None
        assert {span.parent.span_id for span in (search, chat) if span.parent} == {whole.context.span_id}
        assert told(whole)["aion.route"] == given.used == "local"
        assert told(search)["gen_ai.operation.name"] == "retrieval"
        assert told(search)["gen_ai.data_source.id"] == "documents"

    def test_its_model_call_is_told_by_the_conventions(self, spans: InMemorySpanExporter) -> None:
        given = answer(Question(ASKED), asker=STAFF)
        chat = told(named(spans, "chat"))
        assert chat["gen_ai.operation.name"] == "chat"
        assert chat["gen_ai.provider.name"] == "aion"
        assert named(spans, "chat").name == f"chat {chat['gen_ai.request.model']}"
        assert chat["gen_ai.request.temperature"] == 0
        assert chat["gen_ai.request.max_tokens"] == 512
        assert chat["gen_ai.response.model"] == given.model
        assert chat["gen_ai.response.finish_reasons"] == ("stop",)
        assert chat["gen_ai.usage.input_tokens"] == given.usage["input_tokens"] > 0
        assert chat["gen_ai.usage.output_tokens"] == given.usage["output_tokens"] > 0

    def test_the_check_of_the_answer_is_an_evaluation(self, spans: InMemorySpanExporter) -> None:
        answer(Question(ASKED), asker=STAFF)
        (event,) = named(spans, "invoke_workflow").events
        assert event.name == "gen_ai.evaluation.result"
        assert dict(event.attributes or {})["gen_ai.evaluation.name"] == "groundedness"
        assert dict(event.attributes or {})["gen_ai.evaluation.score.label"] == "grounded"

    def test_what_was_asked_found_and_answered_is_left_out(self, spans: InMemorySpanExporter) -> None:
        given = answer(Question(ASKED), asker=STAFF)
        everything = "".join(span.to_json() for span in spans.get_finished_spans())
        assert "Sintra" not in everything
        assert given.text[:20] not in everything

    def test_it_is_there_for_those_who_ask_for_it(self, spans: InMemorySpanExporter, settings: Any) -> None:
        settings.OTEL_CAPTURE_CONTENT = "true"
        answer(Question(ASKED), asker=STAFF)
        search, chat = told(named(spans, "retrieval")), told(named(spans, "chat"))
        assert search["gen_ai.retrieval.query.text"] == ASKED
        assert any("Sintra" in document["content"] for document in json.loads(search["gen_ai.retrieval.documents"]))
        assert ASKED in json.loads(chat["gen_ai.input.messages"])[-1]["parts"][0]["content"]
        (said,) = json.loads(chat["gen_ai.output.messages"])
        assert said["role"] == "assistant"
        assert said["parts"][0]["content"]

    def test_its_time_and_tokens_are_measured(self, measured: InMemoryMetricReader) -> None:
        given = answer(Question(ASKED), asker=STAFF)
        data = measured.get_metrics_data()
        assert data is not None
        metrics = {each.name: each for each in data.resource_metrics[0].scope_metrics[0].metrics}
        (duration,) = metrics["gen_ai.client.operation.duration"].data.data_points
        assert (duration.count, duration.attributes["gen_ai.operation.name"]) == (1, "chat")  # type: ignore[union-attr,index]
        tokens = {
            point.attributes["gen_ai.token.type"]: point.sum  # type: ignore[union-attr,index]
            for point in metrics["gen_ai.client.token.usage"].data.data_points
        }
        assert tokens == {"input": given.usage["input_tokens"], "output": given.usage["output_tokens"]}

    def test_two_streams_at_once_keep_their_spans_apart(self, spans: InMemorySpanExporter) -> None:
        streams = [answer_stream(Question(ASKED), asker=STAFF) for _ in range(2)]
        for stream in streams:
            next(stream)
        for stream in streams:
            list(stream)
        finished = spans.get_finished_spans()
        wholes = {span.context.span_id for span in finished if span.name.startswith("invoke") and span.context}
        assert {span.parent.span_id for span in finished if span.name.startswith("chat") and span.parent} == wholes
        assert len(wholes) == 2
        assert trace.get_current_span() is trace.INVALID_SPAN

    def test_a_stream_that_is_given_up_ends_its_spans(self, spans: InMemorySpanExporter) -> None:
        stream = answer_stream(Question(ASKED), asker=STAFF)
        next(stream)
        stream.close()
        whole = named(spans, "invoke_workflow")
        assert told(whole)["error.type"] == "GeneratorExit"
        assert whole.status.status_code is StatusCode.UNSET


def test_the_paid_call_is_a_span_with_its_tokens_and_masked_messages(
    spans: InMemorySpanExporter, provider: Provider, settings: Any
) -> None:
    settings.OTEL_CAPTURE_CONTENT = "true"
    answer(Question(f"{ASKED} Meu CPF é 529.982.247-25.", force_fallback=True), asker=STAFF)
    chat = told(named(spans, "chat gpt-4o-mini"))
    assert chat["gen_ai.provider.name"] == chat["server.address"] == provider.url.split("/")[2]
    assert (chat["gen_ai.usage.input_tokens"], chat["gen_ai.usage.output_tokens"]) == (500, 20)
    assert "529.982" not in chat["gen_ai.input.messages"]


def test_a_failed_paid_call_tells_its_kind_and_no_more(spans: InMemorySpanExporter, provider: Provider) -> None:
    provider.behaviour = "garbage"
    with pytest.raises(FallbackFailed):
        answer(Question(ASKED, force_fallback=True), asker=STAFF)
    chat = named(spans, "chat gpt-4o-mini")
    assert (chat.status.status_code, told(chat)["error.type"]) == (StatusCode.ERROR, "FallbackFailed")
    assert not chat.events
    assert told(named(spans, "invoke_workflow"))["error.type"] == "FallbackFailed"


def test_an_answer_without_a_model_has_no_model_call(spans: InMemorySpanExporter) -> None:
    ChatSettingsRevision.objects.create(tau=1.0)
    given = answer(Question("Qual é a capital da Mongólia?"), asker=STAFF)
    assert given.used == "abstain"
    assert not [span for span in spans.get_finished_spans() if span.name.startswith("chat")]
