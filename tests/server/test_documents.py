"""The tables of ``server/README.md`` against the application: neither may hold what the other lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

from kg import errors as kg_errors
from server import errors
from server.context import parameters_of

README = Path(errors.__file__).with_name("README.md")


def table(heading: str) -> Iterator[tuple[str, ...]]:
    """The rows of the first table under a heading, their cells without back-ticks."""
    text = README.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|(.+)\|$", text, re.MULTILINE)
    for row in rows[2:]:
        yield tuple(cell.strip().replace("`", "") for cell in row.split("|"))


def test_the_route_table_is_the_route_map(app: Flask) -> None:
    written = {row[0]: set(row[1].split(", ")) for row in table("Routes")}
    served: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        served.setdefault(rule.rule, set()).update((rule.methods or set()) - {"HEAD", "OPTIONS"})
    assert written == served


def test_the_route_table_names_every_parameter_of_the_api(app: Flask) -> None:
    rows = {row[0]: row[2] for row in table("Routes")}
    for rule in app.url_map.iter_rules():
        for name in parameters_of(app.view_functions[rule.endpoint]) or ():
            # as-of of a history is for an entity whose own key ends so
            told = rule.rule.endswith("/history") and name == "as-of"
            assert told or re.search(rf"(?<![\w-]){name}(?![\w-])", rows[rule.rule]), rule.rule


def test_the_error_table_is_the_error_tree() -> None:
    written = {row[0]: (int(row[1]), row[2]) for row in table("Errors")}
    told = {c.code: (kind.status, kind.meaning) for c, kind in errors.KINDS.items()}
    assert written == told


def test_every_class_of_error_has_a_row() -> None:
    classes = {
        value
        for value in vars(kg_errors).values()
        if isinstance(value, type) and issubclass(value, kg_errors.MlgError)
    }
    assert classes == errors.KINDS.keys()


def test_a_class_that_has_no_row_is_told_like_its_ancestor() -> None:
    class Odd(kg_errors.BadEvent):
        code = "odd"

    assert errors.kind_of(Odd("…")) == errors.KINDS[kg_errors.BadEvent]


def test_an_answer_that_is_too_large_is_not_worth_trying_again() -> None:
    rows = errors.kind_of(kg_errors.LimitExceeded("…", limit="rows"))
    time = errors.kind_of(kg_errors.LimitExceeded("…", limit="time"))
    assert (rows.status, rows.retry_after) == (413, None)
    assert (time.status, time.retry_after) == (503, 10)
