"""Every kind of page in a real browser: accessible, whole at 320 pixels, and without JavaScript."""

from __future__ import annotations

import gzip
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

SELECT = "SELECT ?s ?p ?o WHERE { ?s ?p ?o } LIMIT 50"
CONSTRUCT = "CONSTRUCT { ?s a ?o } WHERE { ?s a ?o } LIMIT 50"
ENTITY = "/e/model/registry/home-ranker"
WHY = "subject=model-instance/registry/home-ranker-2026-11-01&predicate=associatedWithTest&object="
PAGES = {
    "home": ("/", 200),
    "search": ("/search?q=ranker", 200),
    "search with filters": ("/search?q=ranker&type=model", 200),
    "search without hits": ("/search?q=zzzzzzzz", 200),
    "entity": (ENTITY, 200),
    "entity with findings": ("/e/deployment/registry/search-ranker-legacy-tv", 200),
    "entity that is not there": ("/e/model/registry/none-such", 404),
    "why": (f"/why?{WHY}experiment/experiments/12345", 200),
    "why not": (f"/why?{WHY}experiment/experiments/12420", 404),
    "history": (ENTITY + "/history", 200),
    "history that is not there": ("/e/model/registry/none-such/history", 404),
    "search of the past": ("/search?q=ranker&as-of=2020-01-01T00:00:00Z", 200),
    "questions": ("/questions", 200),
    "question": ("/questions/incident-walk", 200),
    "question of the past": ("/questions/whom-to-ask?as-of=2020-01-01T00:00:00Z", 200),
    "question with a wrong value": ("/questions/unused-since?since=yesterday", 400),
    "sparql": ("/sparql", 200),
    "sparql of the past": ("/sparql?query=ASK%20%7B%7D&as-of=2020-01-01T00:00:00Z", 200),
    "sparql table": (f"/sparql?query={quote(SELECT)}", 200),
    "sparql graph": (f"/sparql?query={quote(CONSTRUCT)}", 200),
    "sparql yes": ("/sparql?query=ASK%20%7B%7D", 200),
    "sparql error": ("/sparql?query=SELECT%20%3F", 400),
    "validate": ("/validate", 200),
    "sources": ("/sources", 200),
    "review": ("/review", 200),
    "review of what is decided": ("/review?state=decided", 200),
    "not found": ("/nothing/here", 404),
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

OpenPage = Callable[..., "Page"]


def complaints_of_axe(page: Page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    return [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_for_everybody(open_page: OpenPage, name: str) -> None:
    path, status = PAGES[name]
    page = open_page(path, status=status, color_scheme="light")
    assert complaints_of_axe(page) == []
    page.emulate_media(color_scheme="dark")
    assert complaints_of_axe(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.locator("script").count() == 0
    if name != "sparql table":  # as long as what was asked for
        assert len(gzip.compress(page.content().encode())) <= 30_000


def test_the_page_of_the_past_is_for_everybody(open_page: OpenPage) -> None:
    """Reached from the history, as people reach it."""
    page = open_page(ENTITY + "/history", status=200, color_scheme="light")
    page.get_by_role("link", name="as it was then").last.click()
    assert page.get_by_text("As the graph knew it at").count() == 1
    assert complaints_of_axe(page) == []
    page.get_by_role("link", name="See it as it is now").click()
    assert page.get_by_text("As the graph knew it at").count() == 0


def test_axe_would_find_something(open_page: OpenPage) -> None:
    page = open_page("/")
    page.evaluate("document.querySelector('main').innerHTML = '<img src=/static/mlg.svg>'")
    assert complaints_of_axe(page) != []


def test_the_style_sheet_is_small(site: str) -> None:
    with urllib.request.urlopen(site + "/static/mlg.css") as answer:
        assert len(gzip.compress(answer.read())) <= 12_000


def test_from_home_to_an_entity_by_keyboard(open_page: OpenPage) -> None:
    page = open_page("/")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    page.keyboard.type("home ranker")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=home+ranker")
    first = page.locator("ol.hits a.name").first
    assert first.inner_text() == "Home ranker"
    first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**" + ENTITY)
    assert page.locator("h1").inner_text() == "Home ranker"


def test_facets_narrow_a_search_without_script(open_page: OpenPage) -> None:
    page = open_page("/search?q=ranker", java_script_enabled=False)
    before = page.locator("ol.hits > li").count()
    page.get_by_label("model version").check()
    with page.expect_navigation():
        page.get_by_role("button", name="Apply").click()
    hits = page.locator("ol.hits > li").all()
    assert 0 < len(hits) <= before
    assert {hit.locator(".chip").first.inner_text() for hit in hits} == {"model version"}


def test_an_example_query_runs_without_script(open_page: OpenPage) -> None:
    page = open_page("/sparql", java_script_enabled=False)
    with page.expect_navigation():
        page.locator("#examples ~ ul a.name").first.click()
    page.locator("table").wait_for()
    with page.expect_navigation():
        page.locator("table a").first.click()
    assert "/e/" in page.url


def test_a_wrong_query_is_kept_with_its_place(open_page: OpenPage) -> None:
    wrong = "SELECT ?s WHERE {\n  ?s ?p }"
    page = open_page(f"/sparql?query={quote(wrong)}", status=400)
    assert page.get_by_label("Query").input_value() == wrong
    assert "Line 2" in page.get_by_role("alert").inner_text()


def test_relations_lead_from_entity_to_entity(open_page: OpenPage) -> None:
    page = open_page(ENTITY)
    links = page.locator("#relationships ~ ul a")
    name = links.first.inner_text()
    with page.expect_navigation():
        links.first.click()
    assert page.locator("h1").inner_text() == name
