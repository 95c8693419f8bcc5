"""The ontology as code reads it: labels for people, the axioms, the example queries.

Everything that differs between entity types comes from here, so a new type needs no code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from pyoxigraph import RdfFormat, parse

from kg import iris
from kg.errors import BadIri
from kg.iris import PREFIXES, term, type_of_class
from kg.questions import Question
from kg.resources import data_dir
from kg.terms import Statement, iri_of, is_literal, language_of, node, statement, text_of

_INVERSE_LABEL, _IS_DERIVED = term("mlg:inverseLabel"), term("mlg:isDerived")
_INVERSE = term("owl:inverseOf")
_IS_ABSTRACT, _ALT_LABEL = term("mlg:isAbstract"), term("skos:altLabel")
_DEFINITION, _CLASS = term("skos:definition"), node(term("owl:Class"))
_COMMENT, _SELECT = term("rdfs:comment"), term("sh:select")
_PREFIXES, _DECLARE = term("sh:prefixes"), term("sh:declare")
_PREFIX, _NAMESPACE = term("sh:prefix"), term("sh:namespace")
_SYMMETRIC = node(term("owl:SymmetricProperty"))
_TRANSITIVE = node(term("owl:TransitiveProperty"))
_KEYWORDS = term("schema:keywords")


class Vocabulary:
    """One reading of ``ontology/``."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or data_dir("ontology")
        self.statements = tuple(self._read("*.ttl", "concepts/*.ttl"))
        self._facts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for subject, predicate, value in self.statements:
            self._facts[subject][predicate].append(value)

    def label(self, iri: str, *, inverse: bool = False) -> str:
        """What people call a term; read backwards, ``versionOf`` is "has version"."""
        label = self._inverse_label(iri) if inverse else None
        label = label or self._text(iri, iris.LABEL) or self._text(iri, iris.PREF_LABEL)
        return label or _split_words(iri)

    def _inverse_label(self, iri: str) -> str | None:
        named = self._inverses.get(iri)
        return self._text(iri, _INVERSE_LABEL) or (named and self._text(named, iris.LABEL))

    @cached_property
    def _inverses(self) -> Mapping[str, str]:
        """The properties that are read backwards by another one's name, with that name."""
        found = {}
        for iri, facts in self._facts.items():
            for other in facts.get(_INVERSE, ()):
                found[iri_of(other)] = iri
        return found

    def plural(self, class_iri: str) -> str:
        return self._text(class_iri, _ALT_LABEL) or self.label(class_iri) + "s"

    def definition(self, iri: str) -> str | None:
        return self._text(iri, _DEFINITION)

    def is_derived(self, iri: str) -> bool:
        return self._text(iri, _IS_DERIVED) == "true"

    def is_symmetric(self, iri: str) -> bool:
        """Whether a property holds both ways if it holds one way."""
        return _SYMMETRIC in self._facts.get(iri, {}).get(iris.TYPE, ())

    def inverse_of(self, iri: str) -> str | None:
        """The property that an inverse name reads backwards; None for one that is stored."""
        return next(map(iri_of, self._facts.get(iri, {}).get(_INVERSE, ())), None)

    @cached_property
    def properties(self) -> tuple[str, ...]:
        """The relations and attributes of ours that entities may have."""
        kinds = {node(term(f"owl:{kind}Property")) for kind in ("Object", "Datatype")}
        return tuple(
            iri
            for iri, facts in self._facts.items()
            if iri.startswith(PREFIXES["mlg"]) and kinds.intersection(facts.get(iris.TYPE, ()))
        )

    def is_transitive(self, iri: str) -> bool:
        """Whether a property leads on from where it leads to."""
        return _TRANSITIVE in self._facts.get(iri, {}).get(iris.TYPE, ())

    def is_term(self, iri: str) -> bool:
        return iri in self._facts

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """The labels of all terms and concepts, by IRI."""
        return {iri: self.label(iri) for iri in self._facts if "://" in iri}

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The entity types (kebab case) that an entity can have: the concrete classes of ours."""
        found = []
        for iri, facts in self._facts.items():
            if not iri.startswith(PREFIXES["mlg"]) or self._text(iri, _IS_ABSTRACT) == "true":
                continue
            if _CLASS in facts[iris.TYPE]:
                try:
                    found.append(type_of_class(iri))
                except BadIri:
                    continue
        return tuple(sorted(found))

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The example queries of ``ontology/queries``, by name."""
        declared = self.prefixes
        found = []
        for file in sorted((self._folder / "queries").glob("*.ttl")):
            facts: dict[str, list[str]] = defaultdict(list)
            for _, predicate, value in _parse(file):
                facts[predicate].append(text_of(value))
            if facts[_SELECT]:
                found.append(
                    Question(
                        name=file.stem,
                        label=facts[iris.LABEL][0],
                        comment=facts[_COMMENT][0],
                        text=_with_prefixes(facts[_SELECT][0], declared),
                        keywords=tuple(sorted(facts[_KEYWORDS])),
                    )
                )
        return tuple(found)

    @cached_property
    def prefixes(self) -> Mapping[str, str]:
        """The prefixes that the ontology declares for queries."""
        named: dict[str, dict[str, str]] = defaultdict(dict)
        for subject, predicate, value in self.statements:
            if predicate in (_PREFIX, _NAMESPACE):
                named[subject][predicate] = text_of(value)
        return {pair[_PREFIX]: pair[_NAMESPACE] for pair in named.values() if len(pair) == 2}

    def _read(self, *patterns: str) -> Iterator[Statement]:
        for pattern in patterns:
            for file in sorted(self._folder.glob(pattern)):
                yield from _parse(file)

    def _text(self, subject: str, predicate: str) -> str | None:
        values = [v for v in self._facts.get(subject, {}).get(predicate, ()) if is_literal(v)]
        english = [v for v in values if language_of(v) in ("en", None)]
        return text_of((english or values)[0]) if values else None


def _parse(file: Path) -> Iterator[Statement]:
    for quad in parse(path=str(file), format=RdfFormat.TURTLE, rename_blank_nodes=True):
        yield statement(quad.triple)


def _with_prefixes(select: str, declared: Mapping[str, str]) -> str:
    """The query as it runs anywhere: with the prefixes that it uses, each declared on a line."""
    used = {name: iri for name, iri in sorted(declared.items()) if f"{name}:" in select}
    lines = [f"PREFIX {name}: <{iri}>" for name, iri in used.items()]
    body = select.strip("\n")
    return "\n".join([*lines, body, ""])


def _split_words(iri: str) -> str:
    """The last part of an IRI as words: the label of a term that nobody labelled."""
    local = iri.rstrip("/#").rpartition("#")[2].rpartition("/")[2]
    return "".join(f" {c.lower()}" if c.isupper() else c for c in local).strip() or iri
