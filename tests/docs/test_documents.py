"""Links and headings of all documents, and the form of the changelog."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, markdown_files

LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def prose(file: Path) -> str:
    return CODE.sub("", file.read_text("utf-8"))


def anchors(file: Path) -> set[str]:
    """The headings of a file, as links to them have them."""
    headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("file", markdown_files(), ids=lambda f: str(f.relative_to(ROOT)))
def test_links_lead_somewhere(file: Path) -> None:
    for link in LINK.findall(prose(file)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_documents_of_the_main_folders_are_among_them() -> None:
    known = {str(file.relative_to(ROOT)) for file in markdown_files()}
    assert {f"{name}/README.md" for name in ("kg", "ontology", "server", "shapes")} < known
    readme = (ROOT / "README.md").read_text("utf-8")
    assert {f"{n}/README.md" for n in ("kg", "ontology", "server", "shapes")} <= {
        link.partition("#")[0] for link in LINK.findall(readme)
    }


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first, *others = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert first == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", other) for other in others)
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= set(KINDS)


def test_the_changelog_has_every_part_of_the_foundation() -> None:
    unreleased = (ROOT / "CHANGELOG.md").read_text("utf-8").partition("## Unreleased\n")[2]
    added = unreleased.partition("\n## ")[0].partition("### Added")[2].partition("\n### ")[0]
    parts = re.findall(r"^- \*\*(.+?)\*\*", added, re.MULTILINE)
    assert {"Ontology", "Shapes", "Pipeline", "MLflow", "Search", "Queries", "Server"} <= set(parts)
