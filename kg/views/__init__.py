"""What the read side answers: an entity, a page of search hits, the state of a source.

Plain data, ready to be rendered as a page or as JSON (`as_json`); no store object leaks through.
"""

from __future__ import annotations

from kg.views.condition import (
    DeadLetter,
    Outcome,
    SourceStatus,
    Status,
)
from kg.views.entities import (
    EntityView,
    State,
)
from kg.views.lineage import (
    Failing,
    Group,
    Groups,
    ImpactView,
    PathStep,
    Reached,
    Simulation,
    SupposedChange,
    Trace,
)
from kg.views.past import (
    DifferenceView,
    HistoryPage,
    RevisionView,
)
from kg.views.reasons import (
    Evidence,
    Explanation,
    ReviewPage,
    ReviewPair,
    ReviewState,
    Statedness,
    Way,
)
from kg.views.search import (
    FacetCount,
    Hit,
    SearchPage,
)
from kg.views.things import (
    Fact,
    Named,
    Relation,
    Said,
    Value,
)
from kg.views.to_json import as_json, json_chunks

__all__ = [
    "DeadLetter",
    "DifferenceView",
    "EntityView",
    "Evidence",
    "Explanation",
    "FacetCount",
    "Fact",
    "Failing",
    "Group",
    "Groups",
    "HistoryPage",
    "Hit",
    "ImpactView",
    "Named",
    "Outcome",
    "PathStep",
    "Reached",
    "Relation",
    "ReviewPage",
    "ReviewPair",
    "ReviewState",
    "RevisionView",
    "Said",
    "SearchPage",
    "Simulation",
    "SourceStatus",
    "State",
    "Statedness",
    "Status",
    "SupposedChange",
    "Trace",
    "Value",
    "Way",
    "as_json",
    "json_chunks",
]
