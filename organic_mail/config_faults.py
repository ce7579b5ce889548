"""From a wrong organic-mail.toml to one line that names the key, its line in the file and the cure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from organic_mail.config_values import nearest
from organic_mail.problem import Problem

ENV_PREFIX = "ORGANIC_MAIL__"

Path = tuple[str, ...]


class ConfigProblem(Problem):
    """The settings cannot be used; a line for each fault."""


class SettingNeeds(ValueError):
    """A setting that is well written, but does not fit its section; or, as section.key, another section."""

    def __init__(self, key: str, cure: str) -> None:
        super().__init__(cure)
        self.key = key


def line_of(text: str, path: Path) -> int | None:
    """The line that sets `path`, else the line of what contains it: its list, its section."""
    section: Path = ()
    best: tuple[int, int | None] = (0, None)
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[?\s*([^\]#]+?)\s*\]", line):
            section = found = _names(header[1])
        elif key := re.match(
            r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""", line
        ):
            found = section + _names(key[1])
        else:
            continue
        if len(found) > best[0] and path[: len(found)] == found:
            best = len(found), number
    return best[1]


def _names(dotted: str) -> Path:
    return tuple(name.strip().strip("\"'") for name in dotted.split("."))


def _settings(model: type[BaseModel]) -> Iterator[Path]:
    for section, field in model.model_fields.items():
        yield from ((section, key) for key in cast("type[BaseModel]", field.annotation).model_fields)


def syntax_fault(file: str, text: str, fault: tomllib.TOMLDecodeError) -> ConfigProblem:
    """What tomllib says, with the line first."""
    message = re.sub(r" \(at .*\)$", "", str(fault))
    at = re.search(r"at line (\d+)", str(fault))
    number = int(at[1]) if at else len(text.splitlines())
    line = text.splitlines()[number - 1].strip() if text.strip() else ""
    cure = (
        'text stands in straight quotes: key = "text"'
        if "Invalid value" in message
        else "compare it with the lines around it"
    )
    return ConfigProblem(f"{file} line {number}: {message}: `{line}`; {cure}")


def unknown_in_environment(model: type[BaseModel], environment: Mapping[str, str]) -> None:
    """Raises ConfigProblem for a variable that would silently set nothing."""
    known = [f"{ENV_PREFIX}{'__'.join(path)}".upper() for path in _settings(model)]
    for name in environment:
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known:
            close = nearest(name.upper(), known)
            raise ConfigProblem(
                f"{name} in the environment is not a setting" + (f"; did you mean {close}?" if close else "; unset it")
            )


def faults_of(
    fault: ValidationError, model: type[BaseModel], file: str, text: str, environment: Mapping[str, str]
) -> ConfigProblem:
    """One line for each fault, in the order of the file."""
    lines: list[tuple[int, str]] = []
    for detail in fault.errors(include_url=False):
        needs = detail.get("ctx", {}).get("error")
        path = tuple(str(step) for step in detail["loc"]) + (
            tuple(needs.key.split(".")) if isinstance(needs, SettingNeeds) else ()
        )
        name = ".".join(step for step in path if not step.isdigit())
        number, place = _place(path, file, text, environment)
        lines.append((number, f"{place}: {_sentence(name, path, model, detail)}"))
    return ConfigProblem("\n".join(line for _, line in sorted(lines)))


def placed(problem: Problem, model: type[BaseModel], file: str, text: str, environment: Mapping[str, str]) -> Problem:
    """The same with its line, when it begins with the name of a setting, such as one whose file is missing."""
    path = tuple(str(problem).partition(": ")[0].split("."))
    if path not in _settings(model):
        return problem
    _, place = _place(path, file, text, environment)
    return ConfigProblem(f"{place}: {problem}")


def _place(path: Path, file: str, text: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """The number of the line and how to say it; 0 when the environment sets it, or nothing does."""
    variable = f"{ENV_PREFIX}{'__'.join(path[:2])}".upper()
    if variable in {given.upper() for given in environment}:
        return 0, variable
    number = line_of(text, path)
    return (number, f"{file} line {number}") if number else (0, file)


def _sentence(name: str, path: Path, model: type[BaseModel], detail: Any) -> str:
    given, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return f"{name} is not a setting{_meant(path, model)}"
        case "missing":
            section, key = path if len(path) > 1 else (path[0], "domain")
            return f'{section}.{key} is missing; write  {key} = "…"  below [{section}]'
        case "value_error":
            return f"{name}: {context['error']}"
        case "literal_error":
            return f"{name}: {_shown(given)} is not one of {context['expected']}"
        case "string_type":
            return f"{name}: {_shown(given)} is not text; put it in quotes"
        case "bool_type" | "bool_parsing":
            return f"{name}: {_shown(given)} is neither true nor false; write one of them"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"{name}: {_shown(given)} is not a whole number; write it without quotes"
        case "greater_than_equal":
            return f"{name}: {_shown(given)} is too small; the least is {context['ge']}"
        case "less_than_equal":
            return f"{name}: {_shown(given)} is too large; the most is {context['le']}"
        case "tuple_type":
            return f'{name}: {_shown(given)} is not a list; write ["…"]'
        case "model_type" | "model_attributes_type":
            return f"{name} is a section; write [{name}] on a line and its settings below it"
        case _:
            return f"{name}: {detail['msg']}"


def _shown(given: object) -> str:
    if isinstance(given, bool):
        return str(given).lower()
    return f'"{given}"' if isinstance(given, str) else str(given)


def _meant(path: Path, model: type[BaseModel]) -> str:
    """`; did you mean smtp.listen?` Also for a key that stands in the wrong section."""
    settings = list(_settings(model))
    if len(path) == 1:
        close = nearest(path[0], model.model_fields)
        homes = [f"{section}.{key}" for section, key in settings if key == path[0]]
        close = close or next(iter(homes), "")
    else:
        siblings = [key for section, key in settings if section == path[0]]
        same = [f"{section}.{key}" for section, key in settings if key == path[1]]
        sibling = nearest(path[1], siblings)
        close = next(iter(same), "") or (f"{path[0]}.{sibling}" if sibling else "")
    return f"; did you mean {close}?" if close else "; take the line out"
