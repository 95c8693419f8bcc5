"""Licences under SPDX's names, as the rule on allowed licences wants them."""

from __future__ import annotations

import pyoxigraph as ox
import pytest

from kg.resources import data_dir
from kg.sources.licences import licence

SPDX = "http://spdx.org/licenses/"


def test_every_licence_that_is_allowed_is_known_by_its_id_in_any_case() -> None:
    quads = ox.parse(path=data_dir("shapes") / "core" / "data.ttl")
    allowed = {q.object.value for q in quads if getattr(q.object, "value", "").startswith(SPDX)}
    assert len(allowed) > 15
    assert {licence(told.removeprefix(SPDX).lower()) for told in allowed} == allowed
    assert {licence(told) for told in allowed} == allowed
    assert {licence(told.replace("http:", "https:") + ".html") for told in allowed} == allowed


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ("https://creativecommons.org/licenses/by-sa/4.0/deed.en", "CC-BY-SA-4.0"),
        ("http://www.creativecommons.org/licenses/by/3.0", "CC-BY-3.0"),
        ("https://opendatacommons.org/licenses/odbl/1-0/", "ODbL-1.0"),
        ("https://opensource.org/license/MIT", "MIT"),
        ("http://publications.europa.eu/resource/authority/licence/CC_BY_4_0", "CC-BY-4.0"),
        ("https://choosealicense.com/licenses/apache-2.0/", "Apache-2.0"),
        (" https://spdx.org/licenses/EUPL-1.2 ", "EUPL-1.2"),
    ],
)
def test_addresses_of_licences(told: str, known: str) -> None:
    assert licence(told) == SPDX + known


@pytest.mark.parametrize("told", ["", "proprietary", "MIT or so", "javascript:x", "https://a/<b>"])
def test_what_names_no_licence(told: str) -> None:
    assert licence(told) == ""


def test_another_address_stays_as_it_is() -> None:
    for told in ("https://aurora.example/terms", "https://choosealicense.com/licenses/openrail/"):
        assert licence(told) == told
