"""Addresses for those who watch over AION."""

from django.urls import path

from aion import health
from aion.observing import views

urlpatterns = [
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
    path("metrics", views.metrics, name="metrics"),
]
