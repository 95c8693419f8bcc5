"""What is refused in a shapes graph before an engine sees it.

Engines ignore what they do not know: with ``sh:minCounts`` everything conforms. They also ignore
a severity on a query, and differ in the extensions of SHACL. All of that is an error here.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from pyoxigraph import Literal, NamedNode, Triple

from kg.errors import BadRdf
from kg.iris import PREFIXES, term
from kg.validate.graph import Graph, Term

_SH: Final = PREFIXES["sh"]

_CORE = """
AbstractResult AndConstraintComponent BlankNode BlankNodeOrIRI BlankNodeOrLiteral
ClassConstraintComponent ClosedConstraintComponent ConstraintComponent
DatatypeConstraintComponent DisjointConstraintComponent EqualsConstraintComponent
HasValueConstraintComponent IRI IRIOrLiteral InConstraintComponent Info
LanguageInConstraintComponent LessThanConstraintComponent LessThanOrEqualsConstraintComponent
Literal MaxCountConstraintComponent MaxExclusiveConstraintComponent
MaxInclusiveConstraintComponent MaxLengthConstraintComponent MinCountConstraintComponent
MinExclusiveConstraintComponent MinInclusiveConstraintComponent MinLengthConstraintComponent
NodeConstraintComponent NodeKind NodeKindConstraintComponent NodeShape NotConstraintComponent
OrConstraintComponent Parameter Parameterizable PatternConstraintComponent
PropertyConstraintComponent PropertyGroup PropertyShape QualifiedMaxCountConstraintComponent
QualifiedMinCountConstraintComponent ResultAnnotation Severity Shape
UniqueLangConstraintComponent ValidationReport ValidationResult Validator Violation Warning
XoneConstraintComponent alternativePath and class closed conforms datatype deactivated declare
defaultValue description detail disjoint entailment equals flags focusNode group hasValue
ignoredProperties in inversePath languageIn lessThan lessThanOrEquals maxCount maxExclusive
maxInclusive maxLength message minCount minExclusive minInclusive minLength name namespace node
nodeKind not oneOrMorePath or order path pattern prefix prefixes property qualifiedMaxCount
qualifiedMinCount qualifiedValueShape qualifiedValueShapesDisjoint result resultMessage
resultPath resultSeverity severity shapesGraph shapesGraphWellFormed sourceConstraint
sourceConstraintComponent sourceShape suggestedShapesGraph targetClass targetNode
targetObjectsOf targetSubjectsOf uniqueLang value xone zeroOrMorePath zeroOrOnePath
"""
CORE: Final = frozenset(_CORE.split())
"""The terms of SHACL Core, by local name."""

_QUERIES = """
PrefixDeclaration SPARQLConstraint SPARQLConstraintComponent SPARQLExecutable
SPARQLSelectExecutable select sparql
"""
QUERIES: Final = frozenset(_QUERIES.split())
"""The terms of SHACL-SPARQL that rules with a query need."""

_ELSEWHERE = """
ExpressionConstraintComponent Function JSConstraint JSConstraintComponent JSExecutable
JSFunction JSLibrary JSRule JSTarget JSTargetType JSValidator Rule SPARQLAskExecutable
SPARQLAskValidator SPARQLConstructExecutable SPARQLFunction SPARQLRule SPARQLSelectValidator
SPARQLTarget SPARQLTargetType SPARQLUpdateExecutable SPARQLValuesDeriver Target TargetType
TripleRule annotationProperty annotationValue annotationVarName ask condition
construct expression filterShape intersection js jsFunctionName jsLibrary jsLibraryURL
labelTemplate nodeValidator nodes object optional parameter predicate propertyValidator
resultAnnotation returnType rule subject target this union update validator values
"""
ELSEWHERE: Final = frozenset(_ELSEWHERE.split())
"""Terms of SHACL's extensions (custom components, functions, rules, JavaScript): not read here."""


_SINGLE = """
path minCount maxCount datatype nodeKind minLength maxLength pattern flags in languageIn uniqueLang
closed severity qualifiedValueShape qualifiedMinCount qualifiedMaxCount deactivated minInclusive
maxInclusive minExclusive maxExclusive
"""
_ONE: Final = frozenset(term(f"sh:{local}") for local in _SINGLE.split())
"""Parameters that take one value on a shape."""


def check(graph: Graph, triples: list[Triple], *, queries: bool = True, name: str) -> None:
    """Raises `BadRdf` for the first thing in the shapes that would not do what it says.

    ``queries`` allows rules with SPARQL; what strangers send has none.
    """
    for triple in triples:
        for item in (triple.predicate, triple.object):
            if isinstance(item, NamedNode) and item.value.startswith(_SH):
                _term(item.value.removeprefix(_SH), triple.subject, queries=queries, name=name)
    for problem in _silent(graph):
        raise BadRdf(f"{name}: {problem}")


def _term(local: str, subject: Term, *, queries: bool, name: str) -> None:
    if local in CORE or (queries and local in QUERIES):
        return
    where = f"sh:{local} on {subject}"
    if local in QUERIES:
        raise BadRdf(f"{name}: {where}: no rules with a query are taken from here; use Core.")
    if local in ELSEWHERE:
        raise BadRdf(f"{name}: {where}: extensions of SHACL are not read; use Core or sh:sparql.")
    close = get_close_matches(local, CORE | QUERIES, n=1)
    hint = f" Did you mean sh:{close[0]}?" if close else ""
    raise BadRdf(f"{name}: {where} is not a term of SHACL, so nothing would be checked.{hint}")


def _silent(graph: Graph) -> Iterator[str]:
    """What engines pass over without a word."""
    severity, select = term("sh:severity"), term("sh:select")
    constraints = {c for s in graph.subjects() for c in graph.objects(s, term("sh:sparql"))}
    for constraint in constraints:
        if graph.objects(constraint, severity):
            yield (
                "engines ignore sh:severity on a query; give the query a node shape of its own and "
                "put the severity there."
            )
        if not any(isinstance(q, Literal) for q in graph.objects(constraint, select)):
            yield "a sh:sparql constraint has no sh:select."
    for subject in graph.subjects():
        for predicate, objects in graph.about(subject).items():
            if predicate in _ONE and len(objects) > 1:
                local = predicate.removeprefix(_SH)
                yield f"{subject} has {len(objects)} values of sh:{local}; it takes one."
