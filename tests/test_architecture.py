"""The shape of the source: three rooms, one direction, one word for one thing (design, "Decisions" and "Words").

The imports are read from the syntax tree, so that a rule holds for code that no test runs.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

import handlers
import organic_mail
import storage

ROOT = Path(__file__).parents[1]
ROOMS = ("organic_mail", "handlers", "storage")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
KINDS_OF_MAIL = {"post", "command", "bounce", "peer"}

INPUT_AND_OUTPUT = {
    "aiosmtpd", "alembic", "asyncio", "concurrent", "dns", "fcntl", "ftplib", "glob", "http", "imaplib", "logging",
    "mmap", "multiprocessing", "os", "pathlib", "random", "sched", "secrets", "select", "selectors", "shutil", "signal",
    "smtplib", "socket", "socketserver", "spf", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time",
    "urllib.request", "uuid",
}  # fmt: skip
SESSIONS = {"sqlmodel.Session", "sqlmodel.create_engine", "sqlmodel.select", "sqlalchemy", "psycopg"}
NOT_OUR_WORDS = {"user", "job", "task", "item", "manager", "utils", "util", "helper", "helpers", "channel", "topic"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(path: Path) -> set[str]:
    """Everything that a module imports, also inside functions, as dotted names: `a.b` and, from it, `a.b.name`."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno} imports relatively"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def within(name: str, packages: set[str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:length]) in packages for length in range(1, len(parts) + 1))


def names_given_in(path: Path) -> Iterator[tuple[int, str]]:
    """Every name that the module itself makes up, with its line."""
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.alias(asname=str(name)):
                yield node.lineno, name


def words_of(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def test_the_three_packages_share_a_parent() -> None:
    parents = {Path(package.__path__[0]).parent for package in (organic_mail, handlers, storage)}
    assert parents == {ROOT}


def test_the_top_level_is_the_one_that_the_readme_promises() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = {line.split("/")[0] for line in listed.stdout.splitlines()}
    allowed = {*ROOMS, "tests", "deploy", "pyproject.toml", "README.md", "LICENSE", "Makefile", "CHANGELOG.md"}
    assert {name for name in names if not name.startswith(".")} <= allowed


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    ours = {name for name in imports_of(path) if within(name, set(ROOMS))}
    if room == "storage":
        assert not {name for name in ours if not within(name, {"storage"})}
    if room == "handlers":
        words = {name for name in ours if name.startswith("storage.models")}
        assert not {name for name in ours - words if not within(name, {"handlers"}) and name != "storage"}


@pytest.mark.parametrize("path", [path for path in MODULES if path.is_relative_to(ROOT / "handlers")], ids=name_of)
def test_a_handler_touches_nothing_outside(path: Path) -> None:
    touched = {name for name in imports_of(path) if within(name, INPUT_AND_OUTPUT | SESSIONS)}
    assert not touched
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.Call(func=ast.Name(id="open" | "input" | "print" as name)):
                pytest.fail(f"line {node.lineno} calls {name}()")
            case ast.Call(func=ast.Attribute(attr="now" | "utcnow" | "today", value=ast.Name(id="datetime" | "date"))):
                pytest.fail(f"line {node.lineno} reads the clock: time is an argument")


@pytest.mark.parametrize("kind", sorted(KINDS_OF_MAIL))
def test_one_kind_of_mail_does_not_import_another(kind: str) -> None:
    others = {f"handlers.{other}" for other in KINDS_OF_MAIL - {kind}}
    for path in MODULES:
        if path.parent == ROOT / "handlers" and path.stem == kind:
            assert not {name for name in imports_of(path) if within(name, others)}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short_and_says_what_it_is_for(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 400
    if path.name == "__init__.py":
        assert len(tree_of(path).body) <= 1, "a package imports nothing by itself"
    if tree_of(path).body:
        assert ast.get_docstring(tree_of(path))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_one_word_has_one_meaning(path: Path) -> None:
    assert not NOT_OUR_WORDS & set(words_of(path.stem))
    for line, name in names_given_in(path):
        assert not NOT_OUR_WORDS & set(words_of(name)), f"line {line}: {name}"
        assert name not in {"email", "process"}, f"line {line}: {name}"


def test_every_package_that_is_imported_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["tnef"]]  # whose import may fail
    asked_for = {re.split(r"[<>=\[ ]", each)[0] for each in wanted} | {"pydantic", "sqlalchemy"}  # come with theirs
    providers = metadata.packages_distributions()
    foreign = {name.partition(".")[0] for path in MODULES for name in imports_of(path)} - set(ROOMS)
    for package in foreign - sys.stdlib_module_names:
        names = {re.sub(r"[-_.]+", "-", provider.lower()) for provider in providers[package]}
        assert names & {re.sub(r"[-_.]+", "-", each) for each in asked_for}, package


def test_every_rfc_that_the_code_cites_stands_in_the_table() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| RFC (\d+) \|[^|\n]*\| *(\w+)", readme, re.MULTILINE)
    assert {verdict for _, verdict in rows} <= {"implemented", "partly", "not"}
    cited = {
        number for path in MODULES for number in re.findall(r"\bRFC (\d{3,5})\b", path.read_text(encoding="utf-8"))
    }
    assert cited - {number for number, _ in rows} == set()
    assert len(rows) == len({number for number, _ in rows}), "an RFC stands in the table twice"


def test_help_loads_neither_database_nor_mail() -> None:
    """`organic-mail --help` answers in a blink: what is heavy is imported by the command that needs it."""
    script = """
import json, sys
sys.argv = ["organic-mail", "--help"]
from organic_mail.cli.main import run
try:
    run()
except SystemExit as end:
    assert not end.code, end.code
print("\\n" + json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(shown.stderr.splitlines()[-1]))
    heavy = {
        "aiosmtpd",
        "alembic",
        "asyncio",
        "cryptography",
        "dkim",
        "dns",
        "PIL",
        "jinja2",
        "pydantic",
        "sqlalchemy",
        "sqlmodel",
    }
    assert not loaded & heavy
    assert "queue" in shown.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "deploy").glob("requirements*.txt")), ids=name_of)
def test_a_lock_file_pins_everything_and_names_no_place(path: Path) -> None:
    for line in path.read_text(encoding="ascii").splitlines():
        assert re.fullmatch(r"[a-z0-9._-]+==[\w.+!]+ \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?", line), line


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "deploy" / name).read_text(), re.MULTILINE))


def test_the_lock_files_agree() -> None:
    everything = pins("requirements-dev.txt")
    for name in ("requirements.txt", "requirements-postgres.txt", "requirements-build.txt"):
        assert pins(name).items() <= everything.items()


def test_the_lock_files_hold_what_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for name, wanted in (
        ("requirements.txt", project["project"]["dependencies"]),
        ("requirements-dev.txt", project["dependency-groups"]["dev"]),
        ("requirements-build.txt", project["build-system"]["requires"]),
    ):
        names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=\[ ]", each)[0].lower()) for each in wanted}
        assert names <= pins(name).keys(), "run `make lock`"


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_no_test_is_skipped(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.Attribute(value=ast.Name(id="pytest"), attr="skip" | "xfail" | "importorskip"):
                pytest.fail(f"line {node.lineno}")
            case ast.Attribute(value=ast.Attribute(attr="mark"), attr="skip" | "skipif" | "xfail"):
                pytest.fail(f"line {node.lineno}")
