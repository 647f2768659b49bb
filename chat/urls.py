"""Addresses of the chat: the page, its way in, and the calls."""

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LogoutView
from django.urls import path
from django.views.i18n import JavaScriptCatalog
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from chat import pages, views
from chat.permissions import IsSignedIn
from chat.v1 import views as v1

urlpatterns = [
    path("", pages.chat_page, name="chat"),
    path("entrar/", pages.SignIn.as_view(), name="login"),
    path("sair/", LogoutView.as_view(next_page="login"), name="logout"),
    path("textos.js", JavaScriptCatalog.as_view(packages=["chat"]), name="chat-texts"),
    path("api/ai/chat", views.ChatView.as_view(), name="api-chat"),
    path("api/ai/feedback", views.FeedbackView.as_view(), name="api-feedback"),
    path("api/ai/conversations", views.ConversationsView.as_view(), name="api-conversations"),
    path(
        "api/ai/conversations/<uuid:conversation_id>",
        views.ConversationView.as_view(),
        name="api-conversation",
    ),
    path("v1/chat/completions", v1.CompletionsView.as_view(), name="v1-chat-completions"),
    path("v1/models", v1.ModelsView.as_view(), name="v1-models"),
    path("v1/models/<path:model_id>", v1.ModelView.as_view(), name="v1-model"),
    path("v1/embeddings", v1.EmbeddingsView.as_view(), name="v1-embeddings"),
    path("api/schema", SpectacularAPIView.as_view(permission_classes=[IsSignedIn]), name="api-schema"),
    path(
        "api/docs",
        login_required(
            SpectacularSwaggerSplitView.as_view(url_name="api-schema", permission_classes=[IsSignedIn]),
            login_url="login",
        ),
        name="api-docs",
    ),
]
