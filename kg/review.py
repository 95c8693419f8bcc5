"""The read side's view of the review list: pairs of entities with the evidence, in words."""

from __future__ import annotations

from datetime import datetime

from kg.entity import Portrayer
from kg.resolve import Decided, Waiting, decided, waiting
from kg.views import Evidence, Named, ReviewPage, ReviewPair, ReviewState


def review_page(portrayer: Portrayer, *, state: ReviewState, offset: int, limit: int) -> ReviewPage:
    """Some of the pairs that wait for a decision, or of those that are decided."""
    graphs = portrayer.checkpoint
    if state == "open":
        open_pairs = waiting(graphs)
        total = len(open_pairs)
        shown = [_open(portrayer, pair) for pair in open_pairs[offset : offset + limit]]
    else:
        known = decided(graphs)
        total = len(known)
        shown = [_decided(portrayer, pair) for pair in known[offset : offset + limit]]
    return ReviewPage(state=state, total=total, offset=offset, pairs=tuple(shown))


def _open(portrayer: Portrayer, pair: Waiting) -> ReviewPair:
    evidence = tuple(
        Evidence(
            rule=Named(iri=rule, name=portrayer.vocabulary.label(rule)),
            facts=tuple(portrayer.said(fact) for fact in sorted(pair.evidence[rule])),
        )
        for rule in sorted(pair.evidence)
    )
    return ReviewPair(
        one=portrayer.named(pair.one),
        other=portrayer.named(pair.other),
        evidence=evidence,
        against=tuple(portrayer.said(fact) for fact in sorted(pair.against)),
    )


def _decided(portrayer: Portrayer, pair: Decided) -> ReviewPair:
    return ReviewPair(
        one=portrayer.named(pair.one),
        other=portrayer.named(pair.other),
        decision=pair.choice,
        by=pair.by,
        at=datetime.fromisoformat(pair.at) if pair.at else None,
    )
