"""HTTP of the chat: validate, call one function, answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chat import conversations, sse
from chat.answering import Question, answer, answer_stream
from chat.feedback import feedback_on_answer
from chat.permissions import IsSignedIn, MayChat, MayGiveFeedback, asker_of, person_of
from chat.serializers import (
    ChatRequest,
    ChatResponse,
    ConversationRename,
    ErrorResponse,
    FeedbackRequest,
)
from chat.throttling import ChatThrottle, FeedbackThrottle, HistoryThrottle
from inference.hangup import hangup_of


class JSONWhateverIsAccepted(BaseContentNegotiation):
    """Clients of a stream send `Accept: text/event-stream`, which must not turn a refusal into a 406."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return next((parser for parser in parsers if request.content_type.startswith(parser.media_type)), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class ChatView(APIView):
    """Ask a question about the documents."""

    permission_classes = [MayChat]
    throttle_classes = [ChatThrottle]
    content_negotiation_class = JSONWhateverIsAccepted

    @extend_schema(
        operation_id="chat",
        request=ChatRequest,
        responses={
            200: ChatResponse,
            (200, "text/event-stream"): OpenApiResponse(str, "With `stream`: sources, delta, replace, done."),
            **dict.fromkeys((400, 401, 403, 413, 429, 502, 503, 504), ErrorResponse),
        },
    )
    def post(self, request: Request) -> HttpResponseBase:
        asked = ChatRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        fields = asked.validated_data
        question = Question(
            text=fields["message"],
            tau=fields["tau"],
            force_fallback=fields["forceFallback"],
            conversation_id=fields["conversationId"],
            warnings=tuple(asked.unknown_fields),
        )
        cancelled = hangup_of(request._request)
        if fields["stream"]:
            return sse.stream(answer_stream(question, asker=asker_of(request), cancelled=cancelled))
        return Response(answer(question, asker=asker_of(request), cancelled=cancelled).as_dict())


class FeedbackView(APIView):
    """Say whether an answer was good, and what it should have been."""

    permission_classes = [MayGiveFeedback]
    throttle_classes = [FeedbackThrottle]

    @extend_schema(
        operation_id="feedback",
        request=FeedbackRequest,
        responses={201: None, **dict.fromkeys((400, 401, 403, 404, 413, 429), ErrorResponse)},
    )
    def post(self, request: Request) -> Response:
        given = FeedbackRequest(data=request.data)
        given.is_valid(raise_exception=True)
        fields = given.validated_data
        feedback_on_answer(
            fields["eventId"],
            asker=asker_of(request),
            vote=fields["vote"],
            comment=fields["comment"],
            correction=fields["correction"],
            relevant_sources=fields["relevantSources"],
        )
        return Response({"ok": True, "warnings": given.unknown_fields}, status=status.HTTP_201_CREATED)


class ConversationsView(APIView):
    """One's own conversations, newest first."""

    permission_classes = [IsSignedIn]
    throttle_classes = [HistoryThrottle]

    @extend_schema(operation_id="conversations", responses={200: OpenApiResponse(description="id, title, dates")})
    def get(self, request: Request) -> Response:
        return Response({"conversations": conversations.conversations_of(person_of(request))})


class ConversationView(APIView):
    """One conversation of one's own."""

    permission_classes = [IsSignedIn]
    throttle_classes = [HistoryThrottle]

    @extend_schema(operation_id="conversation", responses={200: OpenApiResponse(description="with its messages")})
    def get(self, request: Request, conversation_id: UUID) -> Response:
        return Response(conversations.read_conversation(conversation_id, user_id=person_of(request)))

    @extend_schema(
        operation_id="rename_conversation",
        request=ConversationRename,
        responses={200: OpenApiResponse(description="as renamed"), 400: ErrorResponse, 404: ErrorResponse},
    )
    def patch(self, request: Request, conversation_id: UUID) -> Response:
        given = ConversationRename(data=request.data)
        given.is_valid(raise_exception=True)
        title = given.validated_data["title"]
        return Response(conversations.rename_conversation(conversation_id, user_id=person_of(request), title=title))

    @extend_schema(operation_id="delete_conversation", responses={204: None, 404: ErrorResponse})
    def delete(self, request: Request, conversation_id: UUID) -> Response:
        conversations.delete_conversation(conversation_id, user_id=person_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
