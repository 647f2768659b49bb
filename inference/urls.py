"""Addresses of the model."""

from django.urls import path

from inference import views

urlpatterns = [
    path("generate", views.GenerateView.as_view(), name="generate"),
    path("internal/generate", views.InternalGenerateView.as_view(), name="internal-generate"),
    path("adapter/reload", views.ReloadView.as_view(), name="adapter-reload"),
    path("adapter/merge", views.MergeView.as_view(), name="adapter-merge"),
    path("adapter/rollback", views.RollbackView.as_view(), name="adapter-rollback"),
]
