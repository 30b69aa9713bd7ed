"""The account's domains: each web app's and website's own, and further ones that lead to either."""

from collections.abc import Iterator
from dataclasses import dataclass

from deployer.sandbox.sites import WEBAPP
from deployer.sandbox.store import Record, Store
from deployer.sandbox.websites import WEBSITE

DOMAIN = "domain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """`record` is what the name is kept in: its site's own, or that of a further domain."""

    name: str
    enabled: bool
    record: Record
    site: Record | None  # where it leads: a web app, a website, or nowhere
    is_further: bool
    to_website: bool


class Domains:
    """Used by the thread that serves. A name is held once, in whatever case it is spelt."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Domain]:
        return sorted(self._each(), key=lambda domain: domain.record.id)

    def find(self, name: str) -> Domain | None:
        wanted = name.lower()
        return next((each for each in self._each() if each.name.lower() == wanted), None)

    def of_site(self, site: Record) -> list[Domain]:
        return [each for each in self.all() if each.site is not None and each.site.id == site.id]

    def count_sites(self, *, disabled_too: bool) -> int:
        """Web apps and websites: what the plan's limit of web apps counts."""
        sites = [*self._store.all(WEBAPP), *self._store.all(WEBSITE)]
        return sum(disabled_too or site.body.get("enabled", True) for site in sites)

    def add(self, name: str, *, enabled: bool, site: int | None) -> Domain:
        self._store.add(DOMAIN, {"domain_name": name, "enabled": enabled, "webapp": site})
        return self._known(name)

    def change(self, domain: Domain, *, enabled: bool, site: int | None) -> Domain:
        """Only of a further domain."""
        self._store.change(domain.record, {"domain_name": domain.name, "enabled": enabled, "webapp": site})
        return self._known(domain.name)

    def remove(self, domain: Domain) -> None:
        """Only of a further domain."""
        self._store.remove(domain.record)

    def _known(self, name: str) -> Domain:
        return next(each for each in self._each() if each.name == name)

    def _each(self) -> Iterator[Domain]:
        sites: dict[int, tuple[Record, bool]] = {}
        for kind in (WEBAPP, WEBSITE):
            for site in self._store.all(kind):
                sites[site.id] = (site, kind == WEBSITE)
                yield Domain(
                    name=site.body["domain_name"],
                    enabled=site.body.get("enabled", True),
                    record=site,
                    site=site,
                    is_further=False,
                    to_website=kind == WEBSITE,
                )
        for record in self._store.all(DOMAIN):
            target, to_website = sites.get(record.body["webapp"], (None, False))
            yield Domain(
                name=record.body["domain_name"],
                enabled=record.body["enabled"],
                record=record,
                site=target,
                is_further=True,
                to_website=to_website,
            )
