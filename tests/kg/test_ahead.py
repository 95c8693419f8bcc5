"""The law of the view over which a batch is made ready while the one before is being written."""

from __future__ import annotations

import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kg.commit import HISTORY, commit, propose
from kg.draft import DERIVED, DOUBLED, STEWARD, Draft, Graphs
from kg.enrich import enrich
from kg.model import Change, Entity, Layer, Proposal
from kg.pipeline.ahead import Ahead
from kg.store import EmbeddedStore
from kg.terms import Quad
from tests.kg.graphs import BASE
from tests.kg.test_layers import RULES, tellings

START = datetime(2026, 1, 1, tzinfo=UTC)
GRAPHS = ("", STEWARD, DERIVED, DOUBLED, HISTORY)


def made_ready(over: Graphs, version: int, layer: Layer, entities: list[Entity]) -> Draft:
    draft, at = Draft(over), START + timedelta(minutes=version)
    for entity in entities:
        propose(draft, Proposal(entity=entity, layer=layer, cause="test"), at=at)
    enrich(draft, RULES)
    return draft


def content(store: EmbeddedStore) -> set[Quad]:
    return {quad for graph in GRAPHS for quad in store.quads(graph=graph)}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(tellings(), st.booleans()), min_size=2, max_size=8))
def test_a_batch_may_be_made_ready_while_the_one_before_is_written(
    steps: list[tuple[tuple[Layer, list[Entity]], bool]],
) -> None:
    """Whether that one is written before, or only after: the graph is as if one waited."""
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        closing(EmbeddedStore(Path(one), base=BASE)) as patient,
        closing(EmbeddedStore(Path(other), base=BASE)) as store,
    ):
        view: Graphs = store
        waiting = Change()
        for number, ((layer, entities), early) in enumerate(steps):
            if early and waiting:
                store.apply(waiting)
            draft = made_ready(view, number, layer, entities)
            if not early and waiting:
                store.apply(waiting)
            at = START + timedelta(minutes=number)
            waiting = commit(draft, version=store.version + 1, at=at)
            draft.facts.rest_on(store)
            view = Ahead(store, facts=draft.facts, change=waiting)

            waited = made_ready(patient, number, layer, entities)
            if change := commit(waited, version=patient.version + 1, at=at):
                patient.apply(change)
        if waiting:
            store.apply(waiting)
        assert content(store) == content(patient)
