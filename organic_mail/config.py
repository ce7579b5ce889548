"""The settings of one HOME: organic-mail.toml, overridden by ORGANIC_MAIL__SECTION__KEY (contract §2).

`load` reads and checks all of it at once, so that whatever starts has good settings: an unknown key or a bad value
is a `ConfigProblem` that names the key, its line and the cure.
"""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from organic_mail import config_values as values
from organic_mail.config_faults import (
    ENV_PREFIX,
    ConfigProblem,
    SettingNeeds,
    faults_of,
    placed,
    syntax_fault,
    unknown_in_environment,
)
from organic_mail.problem import Problem

FILE_NAME = "organic-mail.toml"
USUAL_LISTEN = ("0.0.0.0:25", "[::]:25")


def _or_nothing(check: Callable[[str], object]) -> AfterValidator:
    """An optional text: "" is left alone, everything else has to pass `check`."""
    return AfterValidator(lambda text: text if text == "" else check(text))


def _each(check: Callable[[str], object]) -> AfterValidator:
    def checked(texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            check(text)
        return texts

    return AfterValidator(checked)


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.listed)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CommunitySection(Section):
    domain: Annotated[str, AfterValidator(values.domain)]
    name: str = ""
    operator: Annotated[str, _or_nothing(values.address)] = ""
    language: Annotated[str, AfterValidator(values.language)] = "en"
    timezone: Annotated[str, AfterValidator(values.timezone)] = "UTC"
    peering: Literal["invite-only", "open"] = "invite-only"  # which servers may ask to exchange mail with us

    @model_validator(mode="after")
    def _operator_elsewhere(self) -> Self:
        local, _, domain = self.operator.casefold().partition("@")
        if domain == self.domain and (local in {"postmaster", "abuse", "organic"} or local.startswith("organic-")):
            raise SettingNeeds(
                "operator",
                f"{self.operator} is answered by this server itself, so mail to the operator would go in a circle; "
                "write an address that a person reads",
            )
        return self


class SmtpSection(Section):
    listen: Annotated[Texts, _each(values.listener)] = USUAL_LISTEN
    tls_certificate: str = ""
    tls_key: str = ""
    max_size: Annotated[int, BeforeValidator(values.size)] = 25 * 10**6
    authentication: Literal["enforce", "off"] = "enforce"
    trusted_relays: Annotated[Texts, _each(values.network)] = ()
    trusted_authserv_id: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if bool(self.tls_certificate) != bool(self.tls_key):
            missing, given = ("tls_key", "tls_certificate") if self.tls_certificate else ("tls_certificate", "tls_key")
            raise SettingNeeds(given, f"it needs its partner; name the file in smtp.{missing}, or empty both")
        for text in self.listen:
            if self.authentication == "off" and not values.listener(text).loopback:
                raise SettingNeeds(
                    "authentication",
                    f'"off" believes every From, and smtp.listen has {text}, which strangers may reach; '
                    'write "enforce", or listen on 127.0.0.1 only',
                )
        return self


class DeliverySection(Section):
    transport: Literal["smarthost", "direct", "mailbox", "maildir"] = "smarthost"
    smarthost: Annotated[str, AfterValidator(lambda text: values.smarthost(text) and text)] = "smtp://127.0.0.1:25"
    password_file: str = ""
    port: int = Field(default=25, ge=1, le=65535)
    concurrency: int = Field(default=20, ge=1, le=1000)
    maildir: str = ""
    allow_private_addresses: bool = False
    mta_sts: bool = True

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.transport == "maildir" and not self.maildir:
            raise SettingNeeds("transport", '"maildir" needs a folder; name it in delivery.maildir')
        if values.smarthost(self.smarthost).username and not self.password_file and self.transport == "smarthost":
            raise SettingNeeds(
                "smarthost", "it names a user, who needs a password; name its file in delivery.password_file"
            )
        return self


class DnsSection(Section):
    nameservers: Annotated[Texts, _each(values.nameserver)] = ()


class MailboxSection(Section):
    imap: Annotated[str, _or_nothing(values.imap)] = ""
    password_file: str = ""
    daily_budget: int = Field(default=400, ge=1)


class DatabaseSection(Section):
    url: Annotated[str, AfterValidator(values.database_url)] = "sqlite:///community.db"


class WebSection(Section):
    listen: Annotated[str, _or_nothing(lambda text: values.host_and_port(text) and text)] = ""
    base_url: Annotated[str, _or_nothing(values.base_url)] = ""


class LimitsSection(Section):
    """Against floods (spec/mail.md §2.1). Networks are /24 and /56; loopback is exempt from the limits per network."""

    connections: int = Field(default=200, ge=1)
    connections_per_network: int = Field(default=10, ge=1)
    connections_per_minute: int = Field(default=30, ge=1)  # new ones, from one network
    commands: int = Field(default=100, ge=10)  # in one session
    errors: int = Field(default=20, ge=1)  # in one session
    recipients: int = Field(default=50, ge=1)  # of one message
    posts_per_hour: int = Field(default=500, ge=1)  # of one member, before a person looks at them
    free_space: Annotated[int, BeforeValidator(values.size)] = 500 * 10**6  # with less on the disk, mail is put off


class Settings(BaseSettings):
    """All sections. Files are absolute paths, or "" where none is named."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter="__", env_ignore_empty=False
    )
    community: CommunitySection
    smtp: SmtpSection = SmtpSection()
    delivery: DeliverySection = DeliverySection()
    dns: DnsSection = DnsSection()
    mailbox: MailboxSection = MailboxSection()
    database: DatabaseSection = DatabaseSection()
    web: WebSection = WebSection()
    limits: LimitsSection = LimitsSection()

    @property
    def listeners(self) -> tuple[values.Listener, ...]:
        """Where we listen. In mailbox mode mail is fetched, so only where smtp.listen is not what it always is."""
        if self.delivery.transport == "mailbox" and self.smtp.listen == USUAL_LISTEN:
            return ()
        return tuple(values.listener(text) for text in self.smtp.listen)

    @model_validator(mode="after")
    def _mailbox_fits(self) -> Self:
        if self.delivery.transport != "mailbox":
            return self
        if not self.mailbox.imap:
            cure = 'delivery.transport is "mailbox"; write where that is: "imaps://USER@HOST"'
            raise SettingNeeds("mailbox.imap", cure)
        if not self.mailbox.password_file:
            raise SettingNeeds("mailbox.password_file", "the mailbox needs a password; name the file that holds it")
        if self.smtp.authentication == "off" and not values.is_loopback(urlsplit(self.mailbox.imap).hostname or ""):
            cure = '"off" believes every From, and strangers write to a mailbox, too; write "enforce"'
            raise SettingNeeds("smtp.authentication", cure)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def load(home: Path) -> Settings:
    """The settings of `home`. Raises ConfigProblem."""
    file = home / FILE_NAME
    try:
        text = file.read_text("utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigProblem(
            f"{home} has no {FILE_NAME}; make a community with: organic-mail --home {home} init DOMAIN"
        ) from None
    except UnicodeDecodeError as fault:
        raise ConfigProblem(f"{FILE_NAME}: byte {fault.start} is not UTF-8; save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as fault:
        raise syntax_fault(FILE_NAME, text, fault) from None
    except OSError as fault:
        raise ConfigProblem(f"{file} cannot be read ({fault.strerror}); run as the account that owns it") from None
    unknown_in_environment(Settings, os.environ)
    try:
        settings = Settings(**table)
    except ValidationError as fault:
        raise faults_of(fault, Settings, FILE_NAME, text, os.environ) from None
    return _with_absolute_files(settings, home)


@contextlib.contextmanager
def naming_lines(home: Path) -> Iterator[None]:
    """What is wrong with a setting that `load` took is said with the line that sets it."""
    try:
        yield
    except Problem as problem:
        raise placed(problem, Settings, FILE_NAME, (home / FILE_NAME).read_text("utf-8"), os.environ) from None


def _with_absolute_files(settings: Settings, home: Path) -> Settings:
    """Files are named relative to HOME."""
    files = {
        "smtp": ("tls_certificate", "tls_key"),
        "delivery": ("password_file", "maildir"),
        "mailbox": ("password_file",),
    }
    changed: dict[str, Any] = {}
    for name, keys in files.items():
        section: Section = getattr(settings, name)
        named = {key: str(home / getattr(section, key)) for key in keys if getattr(section, key)}
        changed[name] = section.model_copy(update=named)
    return settings.model_copy(update=changed)


def read_secret(setting: str, file: str) -> str:
    """The first line of a file that holds a password. Raises ConfigProblem naming `setting` and the cure."""
    try:
        secret = Path(file).read_text("utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not text"
        raise ConfigProblem(
            f"{setting}: {file} cannot be read ({reason}); write the password into it, mode 0600"
        ) from None
    if not secret:
        raise ConfigProblem(f"{setting}: {file} is empty; write the password into its first line")
    return secret
