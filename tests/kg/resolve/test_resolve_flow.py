"""The stage among the others: before inference, and over a batch that is still being written."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kg import iris
from kg.commit import commit, propose
from kg.draft import DERIVED, Draft, Graphs
from kg.infer import enrich, read_rules
from kg.iris import term
from kg.model import Entity, Layer, Proposal
from kg.resolve import NAMES, REVIEW, resolve
from kg.store import EmbeddedStore
from kg.terms import literal, node, quoted
from tests.kg.in_flight import in_flight_and_waited
from tests.kg.resolve.test_resolve_links import ADA, ADA_TOO, FEW, ONE, RULES, telling
from tests.kg.resolve.world import BASE, START, entity, fact, gone

_CELLS = [f"urn:list:{number}" for number in range(3)]
_NAMES = ("mlg:ownedBy", "mlg:sameThingAs", "mlg:memberOfTeam")
CHAIN = read_rules(
    [
        (term("mlg:askedOf"), term("owl:propertyChainAxiom"), node(_CELLS[0])),
        *((c, term("rdf:first"), node(term(n))) for c, n in zip(_CELLS, _NAMES, strict=True)),
        *(
            (c, term("rdf:rest"), node(rest))
            for c, rest in zip(_CELLS, [*_CELLS[1:], term("rdf:nil")], strict=True)
        ),
        *((term(n), iris.LABEL, literal(n)) for n in ("mlg:askedOf", *_NAMES)),
    ]
)
"""A model is asked of the team of whoever its owner is in another system."""


def made_ready(over: Graphs, number: int, told: tuple[Layer, list[Entity]]) -> Draft:
    draft, at = Draft(over), START + timedelta(minutes=number)
    layer, entities = told
    for one in entities:
        propose(draft, Proposal(entity=one, layer=layer), at=at)
    resolve(draft, FEW)
    enrich(draft, CHAIN, at=at)
    return draft


def test_a_chain_leads_through_a_link_and_goes_with_it(tmp_path: Path) -> None:
    asked = fact("model/mlflow/m", "mlg:askedOf", "[team/ldap/t]")
    model = entity("model/mlflow/m", ("mlg:ownedBy", f"[{ONE[1]}]"))
    ada = entity(
        "person/ldap/uid-1",
        ("foaf:mbox", "<mailto:ada.okafor@aurora.example>"),
        ("mlg:memberOfTeam", "[team/ldap/t]"),
    )
    with closing(EmbeddedStore(tmp_path, base=BASE)) as store:

        def tell(*entities: Entity) -> None:
            draft = Draft(store)
            for one in entities:
                propose(draft, Proposal(entity=one, layer="source"), at=START)
            resolve(draft, RULES)
            enrich(draft, CHAIN, at=START)
            store.apply(commit(draft, version=store.version + 1, at=START))

        tell(model, ADA_TOO)
        assert not store.holds(asked)
        tell(ada)
        assert store.holds(asked), "the link and what follows from it are one update"
        assert list(store.quads(value=quoted(asked), graph=DERIVED))
        tell(ADA)
        assert not store.holds(asked)
        tell(ada)
        tell(gone(ONE[1]))
        assert not store.holds(asked)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(telling(), st.booleans()), min_size=2, max_size=8))
def test_links_are_drawn_over_a_batch_that_is_being_written(
    steps: list[tuple[tuple[Layer, list[Entity]], bool]],
) -> None:
    """Whether that one is written before, or only after: the graph is as if one waited."""
    in_flight, waited = in_flight_and_waited(
        steps, made_ready=made_ready, start=START, graphs=("", NAMES, REVIEW, DERIVED)
    )
    assert in_flight == waited
