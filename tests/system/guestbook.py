"""A Django project of its own: a guestbook with a database, uploads and static files."""

from collections.abc import Mapping

CONFIG = """
[app]
target = "~/guestbook"
wsgi = "project/wsgi.py"
strategy = "release"
keep_releases = 3
shared = ["media/", "db.sqlite3"]
virtualenv = "~/.virtualenvs/guestbook"
python = "{python}"

[[static]]
url = "/static/"
path = "collected/"

[[static]]
url = "/media/"
path = "media/"

[[hook]]
at = "before_reload"
command = "python manage.py migrate --noinput && python manage.py collectstatic --noinput"

[[hook]]
at = "after_live"
command = "python manage.py check --deploy --fail-level CRITICAL && pwd -P > ~/checked-in"

[health]
contains = "entries"
timeout = "3s"
"""

MANAGE = """
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""

SETTINGS = """
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "a guestbook has nothing to hide"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "project.urls"
INSTALLED_APPS = ["django.contrib.staticfiles", "guestbook"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL, STATIC_ROOT = "/static/", BASE_DIR / "collected"
MEDIA_URL, MEDIA_ROOT = "/media/", BASE_DIR / "media"
USE_TZ = True
"""

URLS = """
from django.urls import path
from guestbook import views

urlpatterns = [path("", views.page), path("write", views.write)]
"""

WSGI = """
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
application = get_wsgi_application()
"""

MODELS = """
from django.db import models


class Entry(models.Model):
    text = models.CharField(max_length=100)
    photo = models.FileField(upload_to="photos")
"""

VIEWS = """
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from guestbook.models import Entry


def page(request):
    return render(request, "page.html", {"entries": Entry.objects.order_by("id")})


@csrf_exempt
def write(request):
    Entry.objects.create(text=request.POST["text"], photo=request.FILES["photo"])
    return HttpResponse("thank you")
"""

PAGE = "{{ entries|length }} entries{% for each in entries %}; {{ each.text }}{% endfor %}"

FIRST_MIGRATION = """
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Entry",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("text", models.CharField(max_length=100)),
                ("photo", models.FileField(upload_to="photos")),
            ],
        )
    ]
"""

FIRST: Mapping[str, str] = {
    "manage.py": MANAGE,
    "project/__init__.py": "",
    "project/settings.py": SETTINGS,
    "project/urls.py": URLS,
    "project/wsgi.py": WSGI,
    "guestbook/__init__.py": "",
    "guestbook/models.py": MODELS,
    "guestbook/views.py": VIEWS,
    "guestbook/migrations/__init__.py": "",
    "guestbook/migrations/0001_initial.py": FIRST_MIGRATION,
    "guestbook/templates/page.html": f"one: {PAGE}",
    "guestbook/static/style.css": "/* one */",
}

ANOTHER_PAGE: Mapping[str, str] = {
    "guestbook/templates/page.html": f"two: {PAGE}",
    "guestbook/static/style.css": "/* two */",
}

CANNOT_BE_IMPORTED: Mapping[str, str] = {"project/wsgi.py": f"import nowhere\n{WSGI}", **ANOTHER_PAGE}

CANNOT_BE_SHOWN: Mapping[str, str] = {
    "project/wsgi.py": WSGI,
    "guestbook/views.py": VIEWS.replace(
        "def page(request):", "def page(request):\n    raise ValueError('no')"
    ),
}

CANNOT_BE_MIGRATED: Mapping[str, str] = {
    "guestbook/views.py": VIEWS,
    "guestbook/migrations/0002_mood.py": FIRST_MIGRATION,  # there is such a table
}

WITH_A_MOOD: Mapping[str, str] = {
    "guestbook/views.py": VIEWS,
    "guestbook/models.py": f'{MODELS}    mood = models.CharField(max_length=20, default="cheerful")\n',
    "guestbook/migrations/0002_mood.py": """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guestbook", "0001_initial")]
    operations = [
        migrations.AddField("Entry", "mood", models.CharField(max_length=20, default="cheerful"))
    ]
""",
    "guestbook/templates/page.html": "three: {{ entries|length }} entries"
    "{% for each in entries %}; {{ each.text }} ({{ each.mood }}){% endfor %}",
    "guestbook/static/style.css": "/* three */",
}
