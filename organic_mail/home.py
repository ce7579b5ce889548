"""HOME: the one folder that holds a community: settings, database and keys. All of it is for its owner alone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from sqlmodel import Session

from handlers.token import Secrets
from organic_mail import config, keys
from organic_mail import config_values as values
from organic_mail.config_faults import ENV_PREFIX
from organic_mail.dns_records import DnsRecord, dns_records
from organic_mail.peer_keys import have_own_key
from organic_mail.problem import Problem
from storage.community import create_community, the_community
from storage.database import Database
from storage.keys import add_key
from storage.models import KeyState
from storage.models_community import Community

_UNFINISHED = ".init-"


@dataclass(frozen=True, slots=True)
class Home:
    """Where things are."""

    path: Path

    @property
    def config_file(self) -> Path:
        return self.path / config.FILE_NAME

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def lock_file(self) -> Path:
        return self.path / "serve.lock"

    @property
    def sending_file(self) -> Path:
        """There once this machine may send by itself: see organic_mail.enabling."""
        return self.path / "may-send"


@dataclass(frozen=True, slots=True)
class Opened:
    """A HOME at work. `secrets`: what our tokens are signed with, the newest first."""

    home: Home
    settings: config.Settings
    database: Database
    secrets: Secrets


@contextlib.contextmanager
def open_home(path: Path, *, owner: bool = False) -> Iterator[Opened]:
    """Settings, keys and database of a HOME; the database is closed at the end.

    owner: only `serve`, which holds the lock. Raises Problem and DatabaseProblem.
    """
    home = Home(path.absolute())
    settings = config.load(home.path)
    secrets = keys.read_secrets(home.keys)
    database = Database.open(settings.database.url, home=home.path, owner=owner)
    try:
        _check_community(database.read(the_community), settings.community.domain)
        yield Opened(home, settings, database, secrets)
    finally:
        database.close()


def records_to_publish(opened: Opened, now: datetime) -> list[DnsRecord]:
    """The DNS records of this community; in mailbox mode the provider has them all."""
    delivery, web = opened.settings.delivery, opened.settings.web
    if delivery.transport == "mailbox":
        return []
    smarthost = values.smarthost(delivery.smarthost).host if delivery.transport == "smarthost" else ""
    return dns_records(
        opened.settings.community.domain,
        opened.database.read(lambda session: keys.to_publish(session, now)),
        smarthost="" if values.is_loopback(smarthost) else smarthost,
        policy_host=(urlsplit(web.base_url).hostname or "") if serves_sts_policy(opened.settings) else "",
    )


def serves_sts_policy(settings: config.Settings) -> bool:
    """Has the web part a policy of MTA-STS to show? Only where mail can come encrypted (RFC 8461 §3.2)."""
    return bool(settings.web.listen and settings.web.base_url and settings.smtp.tls_certificate)


def _check_community(community: Community | None, domain: str) -> None:
    if community is None:
        raise Problem(
            "the database belongs to no community; put its backup back, or make a new HOME with: organic-mail init"
        )
    if community.domain != domain:
        raise Problem(
            f"{config.FILE_NAME}: community.domain is {domain}, but the database belongs to {community.domain}; "
            "write that domain back, or make a new HOME for the other one"
        )


def init_home(path: Path, *, domain: str, name: str, operator: str, now: datetime) -> None:
    """Makes a HOME: all of it or nothing. Raises Problem and DatabaseProblem."""
    text = _settings_text(domain, name, operator)
    with new_home(path) as building:
        _build(building, text, now)


@contextlib.contextmanager
def new_home(path: Path) -> Iterator[Home]:
    """Where to build the HOME `path`: it is moved there when the `with` ends well. Raises Problem unless it is empty.

    It is built in a folder inside and moved out, the settings last, because it is they that make a folder a HOME;
    so a folder that is a mount point, or that systemd made, serves as well as none.
    """
    home = Home(path.absolute())
    made = _take_folder(home.path)
    try:
        with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=home.path) as unfinished:
            building = Home(Path(unfinished))
            yield building
            for entry in sorted(building.path.iterdir(), key=lambda entry: entry == building.config_file):
                entry.rename(home.path / entry.name)
    except BaseException:
        if made:
            shutil.rmtree(home.path, ignore_errors=True)
        raise


def _take_folder(path: Path) -> bool:
    """Makes sure of an empty folder that is ours alone. Was it made here?"""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = not path.exists()
        path.mkdir(mode=0o700, exist_ok=True)
        entries = list(path.iterdir())
    except (FileExistsError, NotADirectoryError):
        raise Problem(f"{path} is not a folder; choose another place with --home") from None
    except OSError as fault:
        raise Problem(f"{path} cannot be made ({fault.strerror}); choose another place with --home") from None
    names = {entry.name for entry in entries if not entry.name.startswith(".")} - {"lost+found"}
    if names:
        what = "is a community already" if config.FILE_NAME in names else "is not empty"
        raise Problem(f"{path} {what}; choose another place with --home")
    for entry in entries:  # left by an init that was killed
        if entry.name.startswith(_UNFINISHED):
            shutil.rmtree(entry)
    with contextlib.suppress(PermissionError):  # a folder of another account that lets us in
        path.chmod(0o700)
    return made


def _build(home: Home, settings_text: str, now: datetime) -> None:
    keys.write_private(home.config_file, settings_text.encode("utf-8"))
    settings = config.load(home.path)
    home.keys.mkdir(mode=0o700)
    keys.make_secret(home.keys, "1")
    selector = keys.new_selector(now, ())
    public_key = keys.make_signing_key(home.keys, selector)
    Database.create(settings.database.url, home=home.path)
    database = Database.open(settings.database.url, home=home.path, owner=False)

    def found(session: Session) -> None:
        create_community(session, domain=settings.community.domain, now=now)
        add_key(session, selector=selector, public_key=public_key, state=KeyState.ACTIVE, now=now)

    try:
        database.write(found)
        have_own_key(database, home.keys, now)
    finally:
        database.close()


def _settings_text(domain: str, name: str, operator: str) -> str:
    try:
        domain = values.domain(domain)
        operator = operator and values.address(operator)
    except ValueError as fault:
        raise Problem(str(fault)) from None
    if re.search(r"[\x00-\x1f\x7f]", name):
        raise Problem("the name has a line break or another control character; write it as one line of text")
    given = {
        "domain": domain,
        "name": name or domain,
        "operator": operator,
        "timezone": _timezone_here(),
        "database_url": os.environ.get(f"{ENV_PREFIX}DATABASE__URL", "sqlite:///community.db"),
    }
    template = Template(resources.files("organic_mail").joinpath(config.FILE_NAME).read_text("utf-8"))
    # A text without control characters is written in TOML as it is in JSON.
    return template.substitute({key: json.dumps(text, ensure_ascii=False) for key, text in given.items()})


def _timezone_here() -> str:
    """Where this machine stands, as far as it tells."""
    place = Path("/etc/localtime").resolve().as_posix().rpartition("/zoneinfo/")[2]
    try:
        return values.timezone(place)
    except ValueError:
        return "UTC"
