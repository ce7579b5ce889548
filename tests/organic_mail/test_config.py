"""Good settings, and how their values are read. Wrong ones: tests/bad_config."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from organic_mail import config_values as values
from organic_mail.config import load, read_secret
from organic_mail.config_faults import ConfigProblem, line_of
from organic_mail.config_values import Listener, Smarthost

DOMAIN = '[community]\ndomain = "oak.example"\n'


def settings_of(home: Path, text: str = "") -> object:
    (home / "organic-mail.toml").write_text(DOMAIN + text, "utf-8")
    return load(home)


class TestFile:
    def test_what_is_not_said_is_as_contract_2_has_it(self, tmp_path: Path) -> None:
        (tmp_path / "organic-mail.toml").write_text(DOMAIN)
        settings = load(tmp_path)
        assert settings.smtp.listen == ("0.0.0.0:25", "[::]:25")
        assert settings.smtp.max_size == 25_000_000
        assert settings.smtp.authentication == "enforce"
        assert (settings.delivery.transport, settings.delivery.smarthost) == ("smarthost", "smtp://127.0.0.1:25")
        assert (settings.delivery.port, settings.delivery.concurrency, settings.mailbox.daily_budget) == (25, 20, 400)
        assert (settings.delivery.mta_sts, settings.delivery.allow_private_addresses) == (True, False)
        assert (settings.database.url, settings.web.listen, settings.dns.nameservers) == (
            "sqlite:///community.db",
            "",
            (),
        )

    def test_a_mailbox_needs_no_open_door(self, tmp_path: Path) -> None:
        mailbox = (
            '[delivery]\ntransport = "mailbox"\n'
            '[mailbox]\nimap = "imaps://us%40elm.example@imap.elm.example"\npassword_file = "secret"\n'
        )
        for listen, doors in (("", ()), ('["0.0.0.0:25", "[::]:25"]', ()), ("[]", ()), ('["127.0.0.1:2525"]', (2525,))):
            smtp = f"[smtp]\nlisten = {listen}\n" if listen else ""
            (tmp_path / "organic-mail.toml").write_text(DOMAIN + smtp + mailbox)
            assert tuple(listener.port for listener in load(tmp_path).listeners) == doors
            (tmp_path / "organic-mail.toml").write_text(DOMAIN + smtp)
            assert len(load(tmp_path).listeners) == {"": 2, "[]": 0}.get(listen, listen.count(":25"))

    def test_files_are_relative_to_home(self, tmp_path: Path) -> None:
        text = '[smtp]\ntls_certificate = "cert.pem"\ntls_key = "/etc/key.pem"\n[delivery]\nmaildir = "mail"\n'
        (tmp_path / "organic-mail.toml").write_text(DOMAIN + text)
        settings = load(tmp_path)
        assert (settings.smtp.tls_certificate, settings.smtp.tls_key) == (f"{tmp_path}/cert.pem", "/etc/key.pem")
        assert (settings.delivery.maildir, settings.delivery.password_file) == (f"{tmp_path}/mail", "")

    @pytest.mark.parametrize("written", ['["127.0.0.1:0", "lmtp:/run/om"]', "127.0.0.1:0, lmtp:/run/om"])
    def test_the_environment_overrides(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
        (tmp_path / "organic-mail.toml").write_text(DOMAIN + '[smtp]\nmax_size = "1 MB"\nlisten = ["127.0.0.1:25"]\n')
        monkeypatch.setenv("ORGANIC_MAIL__SMTP__LISTEN", written)
        monkeypatch.setenv("ORGANIC_MAIL__COMMUNITY__DOMAIN", "elm.example")
        settings = load(tmp_path)
        assert settings.smtp.listen == ("127.0.0.1:0", "lmtp:/run/om")
        assert (settings.smtp.max_size, settings.community.domain) == (1_000_000, "elm.example")

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("SMTP__LISEN", "x", "{} in the environment is not a setting; did you mean ORGANIC_MAIL__SMTP__LISTEN?"),
            ("SMTP__MAX_SIZE", "big", '{}: smtp.max_size: "big" is not a size; write for example "25 MB"'),
            ("SMTP__LISTEN", "[1", "{}: smtp.listen: [1 is not a list; write the values with commas between them"),
        ],
    )
    def test_the_environment_is_checked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
    ) -> None:
        (tmp_path / "organic-mail.toml").write_text(DOMAIN)
        monkeypatch.setenv(f"ORGANIC_MAIL__{name}", value)
        with pytest.raises(ConfigProblem) as problem:
            load(tmp_path)
        assert str(problem.value) == said.format(f"ORGANIC_MAIL__{name}")

    def test_a_file_that_is_not_utf_8(self, tmp_path: Path) -> None:
        (tmp_path / "organic-mail.toml").write_bytes(b'[community]\nname = "\xe4"\n')
        with pytest.raises(ConfigProblem, match="byte 20 is not UTF-8; save the file as UTF-8"):
            load(tmp_path)

    @given(st.text(max_size=60))
    def test_nonsense_is_a_problem_and_never_a_crash(self, text: str) -> None:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            Path(folder, "organic-mail.toml").write_text(text, "utf-8", errors="surrogatepass")
            with pytest.raises(ConfigProblem) as problem:
                load(Path(folder))
            assert str(problem.value)

    def test_a_password_is_the_first_line_of_its_file(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("sesame \nand a remark\n")
        assert read_secret("delivery.password_file", str(file)) == "sesame"
        file.write_text("\n")
        with pytest.raises(ConfigProblem, match=r"delivery.password_file: .* is empty; write the password"):
            read_secret("delivery.password_file", str(file))


class TestLines:
    TEXT = (
        'smtp.max_size = "1 MB"\n[ "community" ] # here\n  domain = "x"\n\n[smtp]\nlisten = [\n  "a",\n]\ntls_key="b"\n'
    )

    @pytest.mark.parametrize(
        ("path", "line"),
        [
            (("community", "domain"), 3),
            (("community",), 2),
            (("community", "name"), 2),
            (("smtp", "listen"), 6),
            (("smtp", "listen", "1"), 6),
            (("smtp", "tls_key"), 9),
            (("smtp", "max_size"), 1),
            (("web",), None),
        ],
    )
    def test_a_setting_has_its_line(self, path: tuple[str, ...], line: int | None) -> None:
        assert line_of(self.TEXT, path) == line


class TestValues:
    @pytest.mark.parametrize(
        ("text", "read"),
        [
            ("0.0.0.0:25", Listener(lmtp=False, host="0.0.0.0", port=25)),
            ("[::]:25", Listener(lmtp=False, host="::", port=25)),
            ("localhost:0", Listener(lmtp=False, host="localhost", port=0)),
            ("lmtp:127.0.0.1:24", Listener(lmtp=True, host="127.0.0.1", port=24)),
            ("lmtp:[::1]:24", Listener(lmtp=True, host="::1", port=24)),
            ("lmtp:/run/om/lmtp", Listener(lmtp=True, path="/run/om/lmtp")),
        ],
    )
    def test_listeners(self, text: str, read: Listener) -> None:
        assert values.listener(text) == read
        assert str(read) == text.removeprefix("lmtp:")

    @pytest.mark.parametrize(
        "text", ["", "25", ":25", "127.0.0.1", "::1:25", "a b:25", "a:99999", "a:-1", "lmtp:", "lmtp:x"]
    )
    def test_no_listeners(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not HOST:PORT"):
            values.listener(text)

    @pytest.mark.parametrize(
        ("text", "loopback"),
        [("127.0.0.1:25", True), ("127.9.9.9:25", True), ("[::1]:25", True), ("localhost:25", True), ("lmtp:/x", True),
         ("0.0.0.0:25", False), ("[::]:25", False), ("192.0.2.1:25", False), ("mail.example:25", False)],
    )  # fmt: skip
    def test_who_can_reach_a_listener(self, text: str, loopback: bool) -> None:
        assert values.listener(text).loopback is loopback

    @pytest.mark.parametrize(
        ("text", "read"),
        [
            ("smtp://127.0.0.1", Smarthost("smtp", "127.0.0.1", 25)),
            ("smtp://[::1]:2525/", Smarthost("smtp", "::1", 2525)),
            ("smtps://mail.example", Smarthost("smtps", "mail.example", 465)),
            ("submission://a%40oak.example@m.example", Smarthost("submission", "m.example", 587, "a@oak.example")),
        ],
    )  # fmt: skip
    def test_smarthosts(self, text: str, read: Smarthost) -> None:
        assert values.smarthost(text) == read

    @pytest.mark.parametrize(
        "text", ["", "mail.example", "http://x", "smtp://", "smtp://x/path", "smtp://x:y", "smtp://[::1"]
    )
    def test_no_smarthosts(self, text: str) -> None:
        with pytest.raises(ValueError, match="write for example"):
            values.smarthost(text)

    @pytest.mark.parametrize(
        ("written", "size"),
        [("25 MB", 25 * 10**6), ("25MB", 25 * 10**6), ("1.5 kB", 1500), ("2 MiB", 2 * 2**20), ("1000", 1000), (7, 7)],
    )
    def test_sizes(self, written: object, size: int) -> None:
        assert values.size(written) == size

    @pytest.mark.parametrize("written", ["", "MB", "-1 MB", "0", 0, True, None, "1 XB", "1e9", "1 MB 2", [1]])
    def test_no_sizes(self, written: object) -> None:
        with pytest.raises(ValueError, match="is not a size"):
            values.size(written)

    @pytest.mark.parametrize(
        ("text", "domain"),
        [("oak.example", "oak.example"), ("Oak.Example.", "oak.example"), ("träd.example", "xn--trd-rla.example")],
    )
    def test_domains(self, text: str, domain: str) -> None:
        assert values.domain(text) == domain

    @pytest.mark.parametrize(
        "text", ["", ".", "oak", "oak..example", "oak example", "-oak.example", "a@oak.example", "a" * 64 + ".b"]
    )
    def test_no_domains(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not a mail domain"):
            values.domain(text)

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("9.9.9.9", ("9.9.9.9", 53)),
            ("127.0.0.1:5353", ("127.0.0.1", 5353)),
            ("::1", ("::1", 53)),
            ("[::1]:53", ("::1", 53)),
        ],
    )  # fmt: skip
    def test_name_servers(self, text: str, place: tuple[str, int]) -> None:
        assert values.nameserver(text) == place

    @given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=9)))
    def test_a_list_as_json_in_the_environment(self, texts: list[str]) -> None:
        assert values.listed(json.dumps(texts)) == texts
