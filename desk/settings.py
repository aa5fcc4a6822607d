"""Django settings, derived from the configuration."""

import gc
from pathlib import Path
from urllib.parse import urlsplit

from desk.access_classes import MAX_TEXT_BYTES, RATES
from exhibit.config.secrets import load_secret_key
from exhibit.files.private import set_private_umask
from registry.configuration import load_config
from registry.services.addresses import REDIS_SECONDS, build_django_database, get_redis_url
from registry.services.mail import build_mail_settings
from registry.services.secret_fingerprints import check_secrets

gc.set_threshold(5_000, 10, 10)  # Modules are never freed; a threshold of 700 objects slows the start by a fifth.
set_private_umask()  # Applies to all processes that use the database, including the site's.
CONFIG = load_config()
check_secrets(CONFIG)

BASE = Path(__file__).resolve().parent
DEBUG = CONFIG.debug
SECRET_KEY = load_secret_key(CONFIG)
_PUBLIC_URL = urlsplit(CONFIG.public_url)
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", CONFIG.web_host, *CONFIG.allowed_hosts]
if _PUBLIC_URL.hostname:
    ALLOWED_HOSTS.append(_PUBLIC_URL.hostname)
ROOT_URLCONF = "desk.urls"
WSGI_APPLICATION = "desk.wsgi.application"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "registry.apps.RegistryConfig",
    "desk.web.apps.WebConfig",  # Before allauth, so that its templates override allauth's.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "desk.web.middleware.headers.security_headers",
    "desk.web.middleware.requests.log_requests",
    "desk.api.common.problems.as_problems",
    "desk.web.middleware.assets.serve_assets",
    "desk.web.middleware.compression.Compression",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "desk.web.middleware.limits.limit_requests",
    "desk.web.middleware.requests.clean_form_input",
    "allauth.account.middleware.AccountMiddleware",
    "desk.web.middleware.reader.activate_preferences",
    "desk.web.middleware.reader.set_device_cookie",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "desk.web.templatetags.exhibit_parts.punctuation",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "desk.web.templatetags.exhibit_accounts",
                "desk.web.templatetags.exhibit_steps",
                "desk.web.templatetags.exhibit_notices",
                "desk.web.templatetags.exhibit_parts",
                "desk.web.templatetags.exhibit_rows",
            ],
        },
    }
]

DATABASES = {"default": {**build_django_database(CONFIG), "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Rate limits (sign-ins, links, invitations) use this cache, which all processes of the site share.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": get_redis_url(CONFIG),
        "KEY_PREFIX": "desk",
        "OPTIONS": {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS},
    }
}

AUTH_USER_MODEL = "registry.User"
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

ACCOUNT_ADAPTER = "desk.web.account.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # Unregistered addresses receive no email.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_CHANGE_EMAIL = True
# In addition to allauth's own rate limits; per IP address (per network for IPv6).
ACCOUNT_RATE_LIMITS = RATES
ALLAUTH_TRUSTED_PROXY_COUNT = CONFIG.proxies
USERSESSIONS_ADAPTER = "desk.web.account.sign_in.UserSessionsAdapter"
MFA_ADAPTER = "desk.web.account.sign_in.AuthenticatorAdapter"
MFA_FORMS = {
    "activate_totp": "desk.web.account.second_factors.ActivationCodeForm",
    "authenticate": "desk.web.account.second_factors.SignInCodeForm",
    "reauthenticate": "desk.web.account.second_factors.ReauthenticationCodeForm",
    "add_webauthn": "desk.web.account.second_factors.NewKeyForm",
    "edit_webauthn": "desk.web.account.second_factors.RenameKeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # Tolerate inaccurate phone clocks.
MFA_TOTP_ISSUER = "Exhibit"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not CONFIG.public_url.startswith("https://")

LANGUAGE_CODE = CONFIG.languages[0]
LANGUAGES = [(code, {"en": "English", "zh-hans": "简体中文"}[code]) for code in CONFIG.languages]
FORMAT_MODULE_PATH = ["desk.formats"]
# The second folder overrides allauth's and Django's translations.
LOCALE_PATHS = [BASE / "locale", BASE / "locale_of_accounts"]
TIME_ZONE = CONFIG.time_zone

STATIC_URL = "static/"  # Required by Django. The actual URLs come from desk.web.middleware.assets.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "desk.web.middleware.assets.AssetStorage"},
}

SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # Needs no additional cookie.
CSRF_FAILURE_VIEW = "desk.web.account.views.csrf_failure"
if CONFIG.public_url.startswith("https://"):
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    # Browsers accept these cookies only from this exact host and over TLS.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    LANGUAGE_COOKIE_NAME = "__Host-language"
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
CSRF_TRUSTED_ORIGINS = [CONFIG.public_url] if CONFIG.public_url else []

globals().update(build_mail_settings(CONFIG))
DATA_UPLOAD_MAX_NUMBER_FILES = 1_000
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_TEXT_BYTES

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "exhibit.logs.TextLines", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "exhibit.logs.JsonLines"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": CONFIG.log_format}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # Log the result of each request and task for log collectors.
    "loggers": {"exhibit": {"level": "INFO" if CONFIG.log_format == "json" else "WARNING"}},
}
