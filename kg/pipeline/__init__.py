"""The way from an event to the graph. The only package that knows the order of the stages.

One batch: take what is due from the inbox, hydrate it at its sources, normalise, lay it over the
graph as a draft, enrich and validate the draft, commit it in one atomic update, sync, index, and
only then strike it off the inbox. A crash at any point leaves the batch in the inbox; done again,
it finds nothing to change.

Writing takes little of Python's time. So a batch is *in flight* while it is written and synced, and
the next one is made ready meanwhile, over the graph as it will be once the first has landed.

`flow` is that order, `writer` what every draft passes on its way to the graph, `requests` what
people send, `references` what entities refer to and is not known yet.
"""

from __future__ import annotations

from kg.pipeline.counts import Counts
from kg.pipeline.flow import Pipeline
from kg.pipeline.references import References
from kg.pipeline.writer import Writer

__all__ = ["Counts", "Pipeline", "References", "Writer"]
