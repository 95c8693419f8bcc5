"""Another kind of Iceberg catalogue, REST, in front of the same real tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.errors import SourceUnavailable
from kg.iris import EntityRef
from tests.kg.sources.case_iceberg import Lake, lake_source
from tests.kg.sources.iceberg_rest import Facade


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake(tmp_path / "lake")
    made.fill()
    yield made
    made.close()


def dataset(key: str) -> EntityRef:
    return EntityRef("dataset", "lake", key)


def test_a_rest_catalogue_tells_the_same(lake: Lake) -> None:
    source = lake_source(lake.url)
    with Facade(lake.catalog) as facade:
        rest = lake_source(facade.url)
        refs = set(source.list())
        assert set(rest.list()) == refs
        for ref in refs:
            assert rest.fetch(ref) == source.fetch(ref)
        assert rest.fetch(dataset("media.none")).gone
        assert rest.fetch(dataset("none.such")).gone
        rest.close()
    source.close()


@pytest.mark.parametrize("status", [404, 500, 503, 401, 403])
def test_a_refusal_of_everything_is_not_a_lake_without_tables(lake: Lake, status: int) -> None:
    with Facade(lake.catalog) as facade:
        rest = lake_source(facade.url)
        rest.fetch(dataset("media.plays"))
        facade.refuse_with = status
        with pytest.raises(SourceUnavailable):
            rest.fetch(dataset("media.plays"))
        with pytest.raises(SourceUnavailable):
            list(rest.list())
        rest.close()


def test_a_rest_catalogue_that_does_not_answer(lake: Lake) -> None:
    with Facade(lake.catalog) as facade:
        rest = lake_source(facade.url)
    with pytest.raises(SourceUnavailable):
        rest.fetch(dataset("media.plays"))
