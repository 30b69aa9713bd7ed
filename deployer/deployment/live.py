"""The platform's answers in the words of the model: web app, mappings and tasks as they are now."""

from deployer.deployment.site_work import SiteWork
from deployer.errors import NotFound
from deployer.model.manifest import AppliedMapping, AppliedTask
from deployer.model.site import ScheduledTask, Site, StaticMapping, WebAppSettings
from deployer.planning.settings import InDoubt, LiveSettings
from deployer.pythonanywhere import PythonAnywhere, Task, WebApp


def read_settings(work: SiteWork, doubt: InDoubt) -> LiveSettings:
    """Read the families in doubt; nothing at all while settings are as recorded."""
    site, api = work.site, work.api
    webapp = None
    asks_webapp = doubt.webapp or doubt.static or doubt.wsgi
    if asks_webapp:
        work.reporter.observing(f"web app {site.domain}")
        webapp = find_webapp(api, site)
    exists = webapp is not None or not asks_webapp
    if doubt.tasks:
        work.reporter.observing("scheduled tasks")
    return LiveSettings(
        webapp_exists=exists,
        webapp=webapp_settings(webapp) if webapp else WebAppSettings(),
        static=read_mappings(api, site) if doubt.static and exists else (),
        tasks=read_tasks(api, site) if doubt.tasks else (),
        wsgi=read_wsgi(work) if doubt.wsgi and exists else None,
        virtualenv_exists=_virtualenv_exists(work) if doubt.webapp else None,
    )


def find_webapp(api: PythonAnywhere, site: Site) -> WebApp | None:
    """By the list: asking for a missing one by name may give 403 or 404, nobody knows which."""
    wanted = site.domain.lower()
    return next((app for app in api.webapps.list() if app.domain_name.lower() == wanted), None)


def read_mappings(api: PythonAnywhere, site: Site) -> tuple[AppliedMapping, ...]:
    return tuple(
        AppliedMapping(id=item.id, mapping=StaticMapping(url=item.url or "", path=item.path or ""))
        for item in api.static_files.list(site.domain)
    )


def read_tasks(api: PythonAnywhere, site: Site) -> tuple[AppliedTask, ...]:
    """Every task of the account; those with this site's label by their names, all others without."""
    return tuple(AppliedTask(id=item.id, task=_scheduled(item, site)) for item in api.schedule.list())


def _scheduled(item: Task, site: Site) -> ScheduledTask:
    name, _, domain = (item.description or "").rpartition(" (")
    is_ours = f"{name} ({domain}" == site.task_label(name)
    hourly = item.interval == "hourly"
    return ScheduledTask(
        name=name if is_ours else "",
        command=item.command or "",
        interval="hourly" if hourly else "daily",
        hour=None if hourly else item.hour,
        minute=item.minute or 0,
        enabled=item.enabled is not False,
    )


def webapp_settings(webapp: WebApp) -> WebAppSettings:
    return WebAppSettings(
        python_version=webapp.python_version,
        source_directory=webapp.source_directory,
        working_directory=webapp.working_directory,
        virtualenv_path=webapp.virtualenv_path,
        force_https=webapp.force_https,
    )


def read_wsgi(work: SiteWork) -> bytes | None:
    """The WSGI file as it is there; None when there is none."""
    try:
        return work.api.files.read(work.site.wsgi_path)
    except NotFound:
        return None


def _virtualenv_exists(work: SiteWork) -> bool | None:
    path = work.site.webapp.virtualenv_path
    if path is None:
        return None
    try:
        work.api.files.list_directory(path)
    except NotFound:
        return False
    return True
