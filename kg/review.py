"""The read side's view of the review list: pairs of entities with the evidence, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from kg.entity import Portrayer
from kg.resolve import Decided, decided, grounds, waiting
from kg.views import Evidence, Named, ReviewPage, ReviewPair, ReviewState


def review_page(portrayer: Portrayer, *, state: ReviewState, offset: int, limit: int) -> ReviewPage:
    """Some of the pairs that wait for a decision, or of those that are decided."""
    graphs = portrayer.checkpoint
    if state == "open":
        open_pairs = waiting(graphs)
        total = len(open_pairs)
        shown = [_pair(portrayer, *pair) for pair in open_pairs[offset : offset + limit]]
    else:
        known = decided(graphs)
        total = len(known)
        shown = [_decided(portrayer, pair) for pair in known[offset : offset + limit]]
    return ReviewPage(state=state, total=total, offset=offset, pairs=tuple(shown))


def _pair(portrayer: Portrayer, one: str, other: str) -> ReviewPair:
    found = grounds(portrayer.checkpoint, one, other)
    evidence = tuple(
        Evidence(
            rule=Named(iri=rule, name=portrayer.vocabulary.label(rule)),
            facts=tuple(portrayer.said(fact) for fact in sorted(facts)),
        )
        for rule, facts in sorted(found.agreed.items())
    )
    return ReviewPair(
        one=portrayer.named(one),
        other=portrayer.named(other),
        evidence=evidence,
        against=tuple(portrayer.said(fact) for fact in sorted(found.against)),
    )


def _decided(portrayer: Portrayer, pair: Decided) -> ReviewPair:
    at = datetime.fromisoformat(pair.at) if pair.at else None
    shown = _pair(portrayer, pair.one, pair.other)
    return replace(shown, decision=pair.choice, by=pair.by, at=at)
