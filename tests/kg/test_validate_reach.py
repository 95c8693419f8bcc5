"""The law of incremental validation, and how little it reads.

For random graphs and random edits: judging only the affected nodes, with only their context, and
replacing their findings gives exactly what judging the whole graph gives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import iris
from kg.facts import Overlay, Properties, grouped
from kg.iris import PREFIXES, class_of_type, term
from kg.model import Finding
from kg.terms import Statement, literal, node
from kg.validate import Engine, Reach, engine, load_shapes
from kg.validate.automaton import Target
from tests.shapes.graphs import AT, turtle

BASE = "http://localhost:8080/id/"


class Held:
    """Facts in memory; ``looked`` counts the look-ups."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.statements = set(statements)
        self.looked = 0

    def about(self, subject: str) -> Iterator[Statement]:
        self.looked += 1
        return (said for said in self.statements if said[0] == subject)

    def properties(self, subject: str) -> Properties:
        return grouped(self.about(subject))

    def objects(self, subject: str, predicate: str) -> Iterator[str]:
        return (value for _, said, value in self.about(subject) if said == predicate)

    def subjects(self, predicate: str | None, value: str) -> Iterator[str]:
        self.looked += 1
        return (s for s, p, o in self.statements if o == value and predicate in (None, p))

    def holds(self, statement: Statement) -> bool:
        return statement in self.statements


@pytest.fixture(scope="module")
def fast() -> Engine:
    return engine("shacl", load_shapes())


@pytest.fixture(scope="module")
def reach(fast: Engine) -> Reach:
    return Reach(fast.shapes)


def by_focus(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        found[finding.focus].append(finding)
    return dict(found)


def law(fast: Engine, reach: Reach, graphs: list[set[Statement]]) -> None:
    """Goes from graph to graph, and compares with a full run after each step."""
    before, *rest = graphs
    standing = by_focus(fast.validate(before, at=AT).findings)
    for after in rest:
        full = by_focus(fast.validate(after, at=AT).findings)
        for seen in (after, before):  # it does not matter in which of them one walks back
            focus = reach.affected(Held(seen), before ^ after)
            context = reach.context(Held(after), focus)
            assert set(context) <= after
            replaced = {iri: found for iri, found in standing.items() if iri not in focus}
            replaced |= by_focus(fast.validate(context, at=AT, focus=focus).findings)
            assert replaced == full
        standing, before = full, after


# --- random graphs over the core rules ----------------------------------------------------------

KINDS = """
application approval business-domain dataset dataset-version deployment evaluation feature model
model-instance model-version person pipeline-run service team
"""
"""One entity of each, and a second person, team, dataset and approval."""


def _iri_of(name: str) -> str:
    kind = name.rstrip("2")
    return f"{BASE}{kind}/test/{name}"


LINKS = """
application usesService service | application inDomain business-domain
dataset computedFrom dataset2 | dataset ownedBy person | dataset2 ownedBy team2
dataset-version versionOf dataset | deployment approvedIn approval | deployment deploys model-instance
deployment ownedBy person | deployment servesWithFeature feature | evaluation evaluates model-instance
evaluation evaluates model-version | evaluation evaluatedOn dataset-version
feature computedFrom dataset | model approvedIn approval2 | model ownedBy person
model ownedBy person2 | model ownedBy team2 | model-instance instanceOf model-version
model-instance producedBy pipeline-run | model-version approvedIn approval
model-version versionOf model | person memberOfTeam team | person2 memberOfTeam team
pipeline-run usedDataset dataset-version | pipeline-run usedDataset dataset2
pipeline-run usedFeature feature
"""
VALUES = """
application dct:title A | application dct:description short | approval dct:issued date
approval dct:valid day | approval mlg:approvalDecision decision | approval2 dct:issued date
approval2 dct:valid day | approval2 mlg:approvalDecision decision
business-domain skos:inScheme scheme | business-domain skos:prefLabel A | dataset dct:created date
dataset dct:license licence | dataset mlg:lastUsedAt date | dataset2 dct:created date
dataset-version dct:license licence | deployment mlg:endsAt date
deployment mlg:environment environment | deployment mlg:startsAt date
evaluation prov:endedAtTime date | evaluation prov:startedAtTime date
evaluation mlg:runStatus status | feature dct:created date | feature mlg:lastUsedAt date
model mlg:retiresOn day | model-instance mlg:retiresOn day | model-instance mlg:sha256 A
person foaf:name A | person mlg:active truth | person mlg:leftOn day | person2 mlg:active truth
pipeline-run mlg:runStatus status | pipeline-run prov:endedAtTime date
pipeline-run prov:startedAtTime date
"""


def _typed(texts: str, datatype: str) -> list[str]:
    return [literal(text, term(datatype)) for text in texts.split()]


def _concepts(names: str) -> list[str]:
    return [node(term(f"mlgc:{name}")) for name in names.split()]


CHOICES: dict[str, list[str]] = {
    "A": [literal("A"), literal("B")],
    "date": _typed(
        "2026-01-01T00:00:00Z 2026-10-01T00:00:00Z 2026-12-01T00:00:00Z", "xsd:dateTime"
    ),
    "day": _typed("2026-11-01 2026-12-01", "xsd:date"),
    "decision": _concepts("approval-approved approval-rejected"),
    "environment": _concepts("environment-production environment-staging"),
    "licence": [node("http://spdx.org/licenses/MIT"), node("urn:mine")],
    "scheme": _concepts("business-domains"),
    "short": [literal("short"), literal("a description of some length")],
    "status": _concepts("run-succeeded run-running"),
    "truth": _typed("true false", "xsd:boolean"),
}
Slot = tuple[str, str, list[str]]


def _slots() -> Iterator[Slot]:
    """What may be said: of each subject and predicate one of some values, or none."""
    twins = ["approval2", "dataset2", "person2", "team2"]
    for name in (*KINDS.split(), *twins):
        types = [class_of_type(name.rstrip("2")), iris.TOMBSTONE]
        yield _iri_of(name), iris.TYPE, [node(iri) for iri in types]
    for link in LINKS.replace("\n", "|").split("|"):
        if link:
            ours, name, theirs = link.split()
            yield _iri_of(ours), term(f"mlg:{name}"), [node(_iri_of(theirs))]
    for value in VALUES.replace("\n", "|").split("|"):
        if value:
            ours, name, choice = value.split()
            yield _iri_of(ours), term(name), CHOICES[choice]


SLOTS = list(_slots())
Choices = list[int]


def _said(choices: Choices) -> set[Statement]:
    """The graph of some choices: 0 says nothing, 1 the first value, and so on in a ring."""
    found = set()
    for (subject, predicate, values), choice in zip(SLOTS, choices, strict=True):
        if choice:
            found.add((subject, predicate, values[(choice - 1) % len(values)]))
    return found


MOSTLY_FIRST = st.sampled_from([1, 1, 1, 1, 2, 3, 0])
EDIT = st.tuples(st.integers(0, len(SLOTS) - 1), st.integers(0, 3))


@settings(max_examples=120, deadline=None)
@given(
    st.lists(MOSTLY_FIRST, min_size=len(SLOTS), max_size=len(SLOTS)),
    st.lists(st.lists(EDIT, min_size=1, max_size=4), min_size=1, max_size=6),
)
def test_incremental_equals_full(
    fast: Engine, reach: Reach, choices: Choices, edits: list[list[tuple[int, int]]]
) -> None:
    graphs = [choices]
    for edit in edits:
        graphs.append([dict(edit).get(slot, now) for slot, now in enumerate(graphs[-1])])
    law(fast, reach, [_said(graph) for graph in graphs])


# --- everything that SHACL can follow, on a small graph -----------------------------------------

ODD = """
@prefix e: <urn:e:> .
mlgsh:Ring a sh:NodeShape ; sh:targetClass e:C ;
    sh:property [ sh:path [ sh:oneOrMorePath e:p ] ; sh:class e:D ] .
mlgsh:Star a sh:NodeShape ; sh:targetSubjectsOf e:q ;
    sh:property [ sh:path ( [ sh:zeroOrMorePath [ sh:inversePath e:p ] ] e:r ) ; sh:maxCount 1 ] .
mlgsh:Back a sh:NodeShape ; sh:targetObjectsOf e:q ;
    sh:property [ sh:path [ sh:inversePath ( e:p e:r ) ] ; sh:minCount 1 ] .
mlgsh:One a sh:NodeShape ; sh:targetNode <urn:n:1> ; sh:closed true ;
    sh:ignoredProperties ( rdf:type ) ; sh:property [ sh:path e:p ] .
mlgsh:Deep a sh:NodeShape ; sh:targetClass e:D ;
    sh:property [ sh:path e:p ; sh:node mlgsh:Inner ; sh:qualifiedValueShape mlgsh:Other ;
                  sh:qualifiedMinCount 1 ] ;
    sh:xone ( [ sh:path e:q ; sh:minCount 1 ] [ sh:path e:r ; sh:disjoint e:p ] ) .
mlgsh:Inner a sh:NodeShape ; sh:property [ sh:path [ sh:inversePath e:q ] ; sh:maxCount 0 ] .
mlgsh:Other a sh:NodeShape ; sh:not [ sh:path e:r ; sh:equals e:q ] .
mlgsh:Off a sh:NodeShape ; sh:targetClass e:C ; sh:deactivated true ; sh:nodeKind sh:Literal .
mlgsh:Asked a sh:NodeShape ; sh:targetClass e:C ;
    mlg:reads [ sh:path ( e:q [ sh:zeroOrOnePath e:q ] ) ; sh:minCount 1 ] ,
              [ sh:path ( [ sh:inversePath e:r ] [ sh:inversePath e:q ] ) ; sh:minCount 1 ] ;
    sh:sparql [ sh:message "x" ; sh:select '''SELECT $this WHERE {
        FILTER NOT EXISTS { $this <urn:e:q>/<urn:e:q>? ?x }
        FILTER EXISTS { $this ^<urn:e:r>/^<urn:e:q> ?y } }''' ] .
"""
FEW = st.sampled_from([f"urn:n:{n}" for n in range(5)])
ODD_STATEMENTS = st.one_of(
    st.tuples(FEW, st.sampled_from(["urn:e:p", "urn:e:q", "urn:e:r"]), FEW.map(node)),
    st.tuples(FEW, st.just(iris.TYPE), st.sampled_from([node("urn:e:C"), node("urn:e:D")])),
)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    file: Path = tmp_path_factory.mktemp("shapes") / "odd.ttl"
    head = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    file.write_text(head + ODD, "utf-8")
    return engine("shacl", load_shapes(file))


@pytest.fixture(scope="module")
def odd_reach(odd: Engine) -> Reach:
    return Reach(odd.shapes)


@settings(max_examples=100, deadline=None)
@given(
    st.sets(ODD_STATEMENTS, max_size=14),
    st.lists(
        st.tuples(st.sets(ODD_STATEMENTS, max_size=3), st.sets(ODD_STATEMENTS, max_size=3)),
        max_size=3,
    ),
)
def test_incremental_equals_full_for_every_kind_of_path(
    odd: Engine,
    odd_reach: Reach,
    before: set[Statement],
    edits: list[tuple[set[Statement], set[Statement]]],
) -> None:
    graphs = [before]
    for added, removed in edits:
        graphs.append((graphs[-1] - removed) | added)
    law(odd, odd_reach, graphs)


# --- how far, and how little ---------------------------------------------------------------------


def _iri(local: str) -> str:
    return f"http://localhost:8080/id/thing/test/{local}"


def test_a_person_who_leaves_reaches_what_the_person_owns(reach: Reach) -> None:
    facts = Held(turtle(":m a mlg:Model ; mlg:ownedBy :p . :s a mlg:Dataset ; mlg:ownedBy :p ."))
    (left,) = turtle(":p mlg:active false .")
    assert reach.affected(facts, [left]) >= {_iri("m"), _iri("s")}


def test_a_new_approval_reaches_deployments_of_the_model(reach: Reach) -> None:
    facts = Held(
        turtle(
            ":d mlg:deploys :i . :i mlg:instanceOf :v . :v mlg:versionOf :m . "
            ":e mlg:deploys :j . :m mlg:approvedIn :y ."
        )
    )
    affected = reach.affected(facts, turtle(":m mlg:approvedIn :y ."))
    assert _iri("d") in affected
    assert _iri("e") not in affected


def test_what_no_rule_reads_reaches_nothing(reach: Reach) -> None:
    facts = Held(turtle(":m a mlg:Model ; mlg:ownedBy :p ."))
    assert reach.affected(facts, turtle(":m dct:identifier '7' ; dcat:keyword 'x' .")) == set()


def test_context_is_what_rules_read_and_nothing_more(reach: Reach) -> None:
    held = turtle(
        ":m a mlg:Model ; dct:title 'M' ; dcat:keyword 'k' ; mlg:ownedBy :p ; mlg:purpose 'x' ."
        ":p a mlg:Person ; foaf:name 'P' ; mlg:active true ; mlg:memberOfTeam :t ."
        ":t a mlg:Team ; foaf:name 'T' . :n mlg:ownedBy :p ."
    )
    needed = turtle(
        ":m a mlg:Model ; dct:title 'M' ; mlg:ownedBy :p ."
        ":p a mlg:Person ; mlg:active true ; mlg:memberOfTeam :t . :t a mlg:Team ."
    )
    assert set(reach.context(Held(held), {_iri("m")})) == set(needed)


def test_a_new_entity_is_not_looked_up(reach: Reach) -> None:
    facts = Held([])
    draft = Overlay(facts)
    draft.fresh(_iri("m"))
    about = turtle(":m a mlg:Model ; dct:title 'M' .")
    for said in about:
        draft.add(said)
    assert set(reach.context(draft, {_iri("m")})) == set(about)
    assert facts.looked == 0


@pytest.mark.parametrize("readers", [10, 1000])
def test_a_popular_dataset_costs_no_more_than_another(reach: Reach, readers: int) -> None:
    """Whether anything reads a dataset is asked until one reader is found."""
    runs = " ".join(f":r{n} mlg:usedDataset :v ." for n in range(readers))
    facts = Held(turtle(f":s a mlg:Dataset . :v mlg:versionOf :s . {runs}"))
    context = reach.context(facts, {_iri("s")})
    assert len(context) == 3
    assert facts.looked < 20


def test_rules_that_ask_the_time_are_told(reach: Reach) -> None:
    ours = {Target("class", term(f"mlg:{name}")) for name in ("Dataset", "Deployment", "Feature")}
    assert reach.timed == ours | {Target("subjects", term("mlg:leftOn"))}
