"""The first page, and the answer to those who ask whether everything runs."""

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from registry import owned
from registry.models import User
from workers.addresses import redis_url


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The owners that the person is a member of; the cases at once, when there is just one."""
    assert isinstance(request.user, User)
    owners = owned.owners_of(request.user)
    if len(owners) == 1:
        return redirect("cases", slug=owners[0].slug)
    return render(request, "web/home.html", {"owners": owners})


def healthz(request: HttpRequest) -> JsonResponse:
    """200 when database and broker answer, else 503; tells nothing else."""
    checks = {"database": _database_answers(), "broker": _broker_answers()}
    return JsonResponse(checks, status=200 if all(checks.values()) else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    return True


def _broker_answers() -> bool:
    client = redis.Redis.from_url(redis_url(settings.CONFIG), socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
