"""Addresses for those who watch over AION."""

from django.urls import path

from aion import health

urlpatterns = [
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
]
