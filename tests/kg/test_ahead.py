"""The law of the view over which a batch is made ready while the one before is being written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from kg.commit import propose
from kg.draft import DERIVED, DOUBLED, STEWARD, Draft, Graphs
from kg.infer import enrich
from kg.model import Entity, Layer, Proposal
from kg.revision import HISTORY
from tests.kg.in_flight import in_flight_and_waited
from tests.kg.test_layers import RULES, tellings

START = datetime(2026, 1, 1, tzinfo=UTC)
GRAPHS = ("", STEWARD, DERIVED, DOUBLED, HISTORY)


def made_ready(over: Graphs, version: int, told: tuple[Layer, list[Entity]]) -> Draft:
    draft, at = Draft(over), START + timedelta(minutes=version)
    layer, entities = told
    for entity in entities:
        propose(draft, Proposal(entity=entity, layer=layer, cause="test"), at=at)
    enrich(draft, RULES, at=at)
    return draft


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(tellings(), st.booleans()), min_size=2, max_size=8))
def test_a_batch_may_be_made_ready_while_the_one_before_is_written(
    steps: list[tuple[tuple[Layer, list[Entity]], bool]],
) -> None:
    """Whether that one is written before, or only after: the graph is as if one waited."""
    in_flight, waited = in_flight_and_waited(
        steps, made_ready=made_ready, start=START, graphs=GRAPHS
    )
    assert in_flight == waited
