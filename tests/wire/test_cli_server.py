"""init, dns, keys, upgrade, log and wrong usage, as contract §1 has them."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from handlers.sts_policy import record_id
from organic_mail import home, keys, upgrade
from organic_mail.cli import main
from organic_mail.config import load
from organic_mail.config_values import size
from storage.events import record
from tests.dns_server import DnsServer
from tests.wire.command_line import DOMAIN, Operator, empty_home, om

__all__ = ["empty_home", "om"]

ROOT = Path(__file__).parents[2]


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}


def use_name_server(om: Operator, server: DnsServer) -> None:
    file = om.home / "organic-mail.toml"
    file.write_text(
        file.read_text("utf-8").replace("nameservers = []", f'nameservers = ["{server.nameserver}"]'), "utf-8"
    )


class TestInit:
    def test_makes_a_home_for_its_owner_alone(self, tmp_path: Path) -> None:
        om = Operator(tmp_path / "below" / "home")
        before = os.umask(0)
        try:
            made = om("init", "Öak.example", "--name", 'The "Oak" $treet \\ 1', "--operator", "olu@example.org")
        finally:
            os.umask(before)
        assert made.code == 0
        assert modes(om.home) == {0o700, 0o600}
        assert {path.name for path in om.home.iterdir()} == {"organic-mail.toml", "community.db", "keys"}
        settings = load(om.home)
        assert settings.community.domain == "xn--ak-eka.example"
        assert (settings.community.name, settings.community.operator) == ('The "Oak" $treet \\ 1', "olu@example.org")
        assert made.out == om("dns", "show").out

    def test_settings_that_init_writes_are_the_defaults(self, om: Operator) -> None:
        written = tomllib.loads((om.home / "organic-mail.toml").read_text("utf-8"))
        community = written.pop("community")
        settings = load(om.home)
        for section, given in written.items():
            defaults = type(getattr(settings, section))().model_dump(mode="json")
            sizes = {name: size(text) for name, text in given.items() if name in {"max_size", "free_space"}}
            assert given | sizes == defaults
        assert written["smtp"]["max_size"] == "25 MB"
        assert set(community) == set(settings.community.model_dump())

    def test_refuses_a_home_in_use(self, om: Operator) -> None:
        before = om.state()
        assert om("init", "elm.example").error == f"{om.home} is a community already; choose another place with --home"
        assert om.state() == before

    def test_refuses_a_folder_with_something_in_it(self, tmp_path: Path) -> None:
        (tmp_path / "letters").write_text("dear")
        assert "is not empty; choose another place" in Operator(tmp_path)("init", "oak.example").error
        assert [path.name for path in tmp_path.iterdir()] == ["letters"]

    def test_takes_an_empty_folder_and_clears_away_what_a_killed_init_left(self, tmp_path: Path) -> None:
        (tmp_path / ".init-killed" / "keys").mkdir(parents=True)
        assert Operator(tmp_path)("init", "oak.example").code == 0
        assert {path.name for path in tmp_path.iterdir()} == {"organic-mail.toml", "community.db", "keys"}
        assert modes(tmp_path) == {0o700, 0o600}

    @pytest.mark.parametrize("step", ["make_secret", "make_signing_key"])
    @pytest.mark.parametrize("there", [True, False])
    def test_leaves_nothing_behind_when_it_fails(
        self, step: str, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device", "keys")

        path = tmp_path / "home"
        if there:
            path.mkdir()
        monkeypatch.setattr(keys, step, full)
        assert Operator(path)("init", "oak.example").error.startswith("keys: No space left on device; make room")
        assert list(tmp_path.rglob("*")) == ([path] if there else [])

    @pytest.mark.parametrize(
        ("words", "cure"),
        [
            (["oak"], '"oak" is not a mail domain; write for example "oak.example"'),
            (["oak.example", "--operator", "Olu"], '"Olu" is not an address; write for example "olu@example.org"'),
            (
                ["oak.example", "--operator", "abuse@oak.example"],
                "community.operator: abuse@oak.example is answered by",
            ),
            (["oak.example", "--name", "two\nlines"], "the name has a line break"),
        ],
    )
    def test_says_what_is_wrong(self, words: list[str], cure: str, tmp_path: Path) -> None:
        assert cure in Operator(tmp_path / "home")("init", *words).error
        assert list(tmp_path.iterdir()) == []


class TestHome:
    def test_a_folder_without_a_community(self, tmp_path: Path) -> None:
        cure = f"{tmp_path} has no organic-mail.toml; make a community with: organic-mail --home {tmp_path} init DOMAIN"
        assert Operator(tmp_path)("list", "ls").error == cure

    def test_a_domain_that_is_not_the_databases(self, om: Operator) -> None:
        file = om.home / "organic-mail.toml"
        file.write_text(file.read_text("utf-8").replace(DOMAIN, "elm.example"), "utf-8")
        said = om("list", "ls").error
        assert (
            "community.domain is elm.example, but the database belongs to oak.example; write that domain back" in said
        )

    @pytest.mark.parametrize("content", [None, b"", b"short", b"\xff\xfe", b"00" * 31])
    def test_a_secret_that_is_not_there(self, om: Operator, content: bytes | None) -> None:
        file = om.home / "keys" / "hmac-1.key"
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        assert "put it back from the backup" in om("list", "ls").error

    def test_the_newest_secret_signs(self, om: Operator) -> None:
        for kid in ("2", "10"):
            keys.make_secret(om.home / "keys", kid)
        with om.opened() as opened:
            assert [secret.kid for secret in opened.secrets] == ["10", "2", "1"]
            assert {len(secret.key) for secret in opened.secrets} == {32}


class TestDns:
    def test_shows_what_to_publish(self, om: Operator) -> None:
        records = om("dns", "show", "--json").json
        (key,) = om("keys", "ls", "--json").json
        assert [set(record) for record in records] == [{"name", "type", "value"}] * 5
        mx, spf, dkim, dmarc, tlsrpt = records
        assert mx == {"name": DOMAIN, "type": "MX", "value": f"10 {DOMAIN}."}
        assert spf == {"name": DOMAIN, "type": "TXT", "value": "v=spf1 mx ~all"}
        assert (dkim["name"], dkim["type"]) == (f"{key['selector']}._domainkey.{DOMAIN}", "TXT")
        assert re.fullmatch(r"v=DKIM1; k=rsa; p=[A-Za-z0-9+/]{390,}={0,2}", dkim["value"])
        assert dmarc["name"] == f"_dmarc.{DOMAIN}"
        assert dmarc["value"] == f"v=DMARC1; p=none; rua=mailto:postmaster@{DOMAIN}"
        assert (tlsrpt["name"], tlsrpt["type"]) == (f"_smtp._tls.{DOMAIN}", "TXT")
        assert tlsrpt["value"] == f"v=TLSRPTv1; rua=mailto:postmaster@{DOMAIN}"

    def test_shows_mta_sts_only_where_the_policy_is_served(self, om: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
        for setting, value in (
            ("WEB__BASE_URL", "https://lists.oak.example"),
            ("WEB__LISTEN", "127.0.0.1:8080"),
            ("SMTP__TLS_CERTIFICATE", "certificate.pem"),
        ):
            assert len(om("dns", "show", "--json").json) == 5
            monkeypatch.setenv(f"ORGANIC_MAIL__{setting}", value)
            monkeypatch.setenv("ORGANIC_MAIL__SMTP__TLS_KEY", "key.pem" if setting.startswith("SMTP") else "")
        sts, host = om("dns", "show", "--json").json[5:]
        assert sts["name"] == f"_mta-sts.{DOMAIN}"
        assert record_id([sts["value"].encode()])
        assert host == {"name": f"mta-sts.{DOMAIN}", "type": "CNAME", "value": "lists.oak.example."}

    def test_prints_lines_of_a_zone_file(self, om: Operator, tmp_path: Path) -> None:
        from dns.zone import from_text

        zone = from_text(
            f"@ 60 IN SOA ns.{DOMAIN}. root.{DOMAIN}. 1 1 1 1 60\n@ 60 IN NS ns.{DOMAIN}.\n"
            + om("dns", "show").out.replace(". IN", ". 60 IN"),
            origin=DOMAIN,
            relativize=False,
        )
        for shown in om("dns", "show", "--json").json:
            found = zone.find_rdataset(f"{shown['name']}.", shown["type"])
            texts = {b"".join(getattr(each, "strings", (str(each).encode(),))).decode() for each in found}
            assert shown["value"] in texts


class TestKeys:
    def test_rotate_overlaps_old_and_new(self, om: Operator, dns_server: DnsServer) -> None:
        use_name_server(om, dns_server)
        dns_server.put(DOMAIN, A=["192.0.2.1"])
        (first,) = om("keys", "ls", "--json").json
        made = om("keys", "rotate")
        second = om("keys", "ls", "--json").json[1]
        assert (first["state"], second["state"]) == ("active", "next")
        assert second["selector"] in made.out
        again = om("keys", "rotate")
        assert "DNS does not have this record yet" in again.err
        assert again.out == made.out
        published = {record["name"]: record["value"] for record in om("dns", "show", "--json").json}
        name = f"{second['selector']}._domainkey.{DOMAIN}"
        dns_server.put(name, TXT=[[published[name][:200], published[name][200:]]])
        assert f"{second['selector']} signs from now on" in om("keys", "rotate").err
        assert [key["state"] for key in om("keys", "ls", "--json").json] == ["retired", "active"]
        assert set(published) == {record["name"] for record in om("dns", "show", "--json").json}
        assert modes(om.home) == {0o700, 0o600}

    def test_another_key_in_dns_is_not_ours(self, om: Operator, dns_server: DnsServer) -> None:
        use_name_server(om, dns_server)
        om("keys", "rotate")
        old, new = om("keys", "ls", "--json").json
        published = {record["name"]: record["value"] for record in om("dns", "show", "--json").json}
        other = published[f"{old['selector']}._domainkey.{DOMAIN}"]
        dns_server.put(f"{new['selector']}._domainkey.{DOMAIN}", TXT=[other])
        om("keys", "rotate")
        assert [key["state"] for key in om("keys", "ls", "--json").json] == ["active", "next"]

    def test_rotate_changes_nothing_when_dns_is_silent(self, om: Operator, dns_server: DnsServer) -> None:
        use_name_server(om, dns_server)
        om("keys", "rotate")
        new = om("keys", "ls", "--json").json[1]
        dns_server.fail(f"{new['selector']}._domainkey.{DOMAIN}", how="servfail")
        before = om.state()
        assert "DNS does not answer" in om("keys", "rotate").error
        assert om.state() == before

    def test_rotate_now_asks_nobody(self, om: Operator) -> None:
        assert om("keys", "rotate", "--now").code == 0
        assert [key["state"] for key in om("keys", "ls", "--json").json] == ["retired", "active"]

    def test_a_key_whose_file_is_gone_does_not_begin_to_sign(self, om: Operator) -> None:
        om("keys", "rotate")
        new = om("keys", "ls", "--json").json[1]
        (om.home / "keys" / f"{new['selector']}.pem").unlink()
        assert ".pem is missing; put it back from the backup" in om("keys", "rotate", "--now").error
        assert [key["state"] for key in om("keys", "ls", "--json").json] == ["active", "next"]

    def test_a_retired_key_is_revoked_after_a_month_and_leaves_dns_after_a_year(self, om: Operator) -> None:
        om("keys", "rotate", "--now")
        with om.opened() as opened:
            old, new = opened.database.read(lambda session: keys.to_publish(session, datetime.now(UTC)))
            for days, published in ((29, [old, new]), (31, [(old[0], ""), new]), (366, [new])):
                at = datetime.now(UTC) + timedelta(days=days)
                assert opened.database.read(lambda session: keys.to_publish(session, at)) == published  # noqa: B023
                removed = keys.remove_revoked(opened.database, opened.home.keys, at)
                assert removed == ([old[0]] if days == 31 else [])
            assert {file.name for file in om.home.glob("keys/*.pem")} == {f"{new[0]}.pem"}


class TestUpgrade:
    def test_does_nothing_to_a_home_of_today(self, om: Operator) -> None:
        before = om.state()
        for _ in range(2):
            assert om("upgrade").out == "The database is ready for this program.\n"
        assert om.state() == before
        assert not list(om.home.glob("*before-upgrade*"))

    def test_makes_a_backup_before(self, om: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
        before = om.state()
        monkeypatch.setattr(upgrade, "REVISIONS", (*upgrade.REVISIONS, "9999_v9.9"))
        seen: list[str] = []
        monkeypatch.setattr(upgrade.Database, "upgrade", lambda url, **_: seen.append(url))
        said = om("upgrade")
        (backup,) = om.home.glob("community.db.before-upgrade-*")
        assert said.out.startswith(f"Upgraded. What was before is in {backup}")
        assert seen == ["sqlite:///community.db"]
        assert backup.stat().st_mode & 0o777 == 0o600
        shutil.move(backup, om.home / "community.db")
        assert om.state() == before

    def test_a_home_of_a_newer_program(self, om: Operator) -> None:
        with sqlite3.connect(om.home / "community.db") as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999_v9.9'")
        connection.close()
        for words in (["upgrade"], ["list", "ls"], ["serve"]):
            assert "was written by a newer organic-mail: install at least 9.9" in om(*words).error
        assert not list(om.home.glob("*before-upgrade*"))


class TestLog:
    def test_tells_what_happened(self, om: Operator) -> None:
        om("list", "create", "family")
        om("list", "create", "choir")
        with om.opened() as opened:

            def write(session: object) -> None:
                for number, (list_id, text) in enumerate(
                    [(1, "Anna wrote"), (2, "Olu\x1b[31m wrote"), (None, "A key")]
                ):
                    at = datetime(2026, 11, 22, 8, number, tzinfo=UTC)
                    record(session, "posted", text, now=at, list_id=list_id)  # type: ignore[arg-type]

            opened.database.write(write)
        assert [event["text"] for event in om("log", "--json").json] == ["Anna wrote", "Olu\x1b[31m wrote", "A key"]
        assert [event["text"] for event in om("log", "--list", "family", "--json").json] == ["Anna wrote"]
        lines = om("log", "-n", "2").out.splitlines()
        assert len(lines) == 2
        assert lines[0].endswith("posted    Olu\\x1b[31m wrote")

    def test_an_unknown_list(self, om: Operator) -> None:
        assert "garden" in om("log", "--list", "garden").error

    def test_following_is_no_document(self, om: Operator) -> None:
        assert om("log", "--follow", "--json").code == 2


class TestUsage:
    @pytest.mark.parametrize(
        "words",
        [
            ["lst"],
            ["list"],
            ["init"],
            ["serve", "--only", "nothing"],
            ["dns", "show", "--jsno"],
            ["queue", "ls", "extra"],
        ],
    )
    def test_wrong_usage_exits_2_and_points_to_the_help(self, om: Operator, words: list[str]) -> None:
        answer = om(*words)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith(("error: ", "Usage: "))
        assert "--help" in answer.err

    def test_no_traceback_for_what_nobody_thought_of(self, om: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("a\nb")

        monkeypatch.setattr(home, "open_home", broken)
        assert om("list", "ls").error.startswith(
            "something that we did not think of: ZeroDivisionError: a b; see it whole"
        )
        monkeypatch.setenv("ORGANIC_MAIL_DEBUG", "1")
        assert "Traceback" in om("list", "ls").err

    def test_nothing_heavy_is_imported_for_help(self) -> None:
        program = (
            "import sys; sys.argv = ['organic-mail', '--help']\n"
            "from organic_mail.cli.main import run\n"
            "try: run()\n"
            "finally: print(*sorted(sys.modules), file=sys.stderr)"
        )
        said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
        loaded = {name.partition(".")[0] for name in said.stderr.split()}
        heavy = {
            "sqlmodel",
            "sqlalchemy",
            "alembic",
            "pydantic",
            "rich",
            "dkim",
            "dns",
            "cryptography",
            "structlog",
            "asyncio",
        }
        assert not loaded & heavy
        for noun in (
            "init",
            "serve",
            "demo",
            "doctor",
            "list",
            "member",
            "thread",
            "post",
            "held",
            "queue",
            "shunt",
            "dns",
            "keys",
            "upgrade",
            "log",
        ):
            assert re.search(rf"^  {noun} ", said.stdout, re.MULTILINE), noun

    def test_a_reader_that_has_enough(self, om: Operator) -> None:
        command = [sys.executable, "-m", "organic_mail.cli.main", "--home", str(om.home), "dns", "show"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            assert program.stdout
            assert program.stderr
            program.stdout.close()
            assert program.stderr.read() == b""
            assert program.wait() in {0, 1}


def test_json_is_one_document(om: Operator) -> None:
    for words in (["dns", "show"], ["keys", "ls"], ["log"], ["list", "ls"]):
        json.loads(om(*words, "--json").out)


def test_the_commands_have_help(om: Operator) -> None:
    for words in (
        [],
        ["init"],
        ["serve"],
        ["demo"],
        ["doctor"],
        ["upgrade"],
        ["log"],
        ["dns", "show"],
        ["keys", "rotate"],
    ):
        said = om(*words, "--help")
        assert said.code == 0
        assert main.app.info.name
        assert said.out.startswith("Usage: organic-mail")
