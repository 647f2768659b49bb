"""The description of the calls, for whoever is signed in."""

from __future__ import annotations

import pytest
from django.test import Client
from rest_framework.test import APIClient


def test_the_schema_describes_the_calls(signed_in: APIClient) -> None:
    response = signed_in.get("/api/schema", HTTP_ACCEPT="application/json")
    assert response.status_code == 200
    described = response.data["paths"]
    assert {"/api/ai/chat", "/api/ai/feedback", "/generate", "/adapter/reload", "/adapter/merge"} <= set(described)
    assert {"/v1/chat/completions", "/v1/models", "/v1/models/{model_id}", "/v1/embeddings"} <= set(described)
    assert "/internal/generate" not in described


def test_the_viewer_needs_nothing_from_outside(signed_in: APIClient) -> None:
    page = signed_in.get("/api/docs").content.decode()
    assert "swagger-ui" in page
    assert "//cdn" not in page


@pytest.mark.django_db
def test_strangers_see_neither(client: Client) -> None:
    assert client.get("/api/schema").status_code == 401
    assert client.get("/api/docs")["Location"].startswith("/entrar/")
