"""What people ask to be written: each request is committed or refused, and its outcome kept."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from kg.commit import propose
from kg.draft import Draft
from kg.errors import MlgError, SystemFailure
from kg.events import Inbox, Request
from kg.iris import Minter, graph
from kg.model import Finding, Proposal
from kg.pipeline.counts import Counts
from kg.pipeline.writer import Writer
from kg.resolve import DECISION, apply, decision
from kg.submission import Submission, decode
from kg.validate import report_quads

_QUARANTINE = graph("quarantine")
_log = logging.getLogger(__name__)

Decided = tuple[Counts, Mapping[str, int]]
"""What came of a request, and what the statements refer to that the graph gained by it."""


def decide(
    request: Request, *, writer: Writer, inbox: Inbox, minter: Minter, at: datetime
) -> Decided:
    """Decides one request, come what may: one that is undecided would come back for ever."""
    try:
        if request.kind == DECISION:
            return _decision(request, writer=writer, inbox=inbox, minter=minter, at=at)
        submission = decode(request, minter)
        return _submission(submission, by=request.sent_by, writer=writer, inbox=inbox, at=at)
    except SystemFailure:
        raise
    except Exception as error:  # noqa: BLE001 - nor come back for ever
        _log.exception("Request %s failed", request.id)
        problem = {"code": SystemFailure.code, "detail": f"This is a fault of ours: {error!r}"}
        inbox.decide(request.id, "refused", {"problem": problem})
        return Counts(refused=1), {}


def _decision(
    request: Request, *, writer: Writer, inbox: Inbox, minter: Minter, at: datetime
) -> Decided:
    """Commits what a person says of two entities: that they are one thing, or two, or neither."""
    draft = Draft(writer.store)
    draft.stated_by = request.sent_by
    try:
        pair = apply(draft, decision(request.body, minter=minter), minter=minter)
    except MlgError as error:
        problem = {"code": error.code, "detail": str(error), **error.details}
        inbox.decide(request.id, "refused", {"problem": problem})
        return Counts(refused=1), {}
    draft.causes |= dict.fromkeys(pair, request.id)
    writer.enrich(draft, at=at)
    writer.commit(draft, at=at)
    writer.store.publish()
    inbox.decide(request.id, "done", {"iris": list(pair)})
    return Counts(accepted=1, statements=len(draft.changes())), {}


def _submission(
    submission: Submission, *, by: str, writer: Writer, inbox: Inbox, at: datetime
) -> Decided:
    """Commits what a person submitted, or refuses it with the violations that it would make.

    Old debt does not refuse new work: only violations that were not there before count.
    """
    if submission.problem is not None:
        inbox.decide(submission.id, "refused", submission.outcome())
        return Counts(refused=1), {}
    draft = Draft(writer.store)
    draft.stated_by = by
    for entity in submission.entities:
        replaces = frozenset(predicate for _, predicate, _ in entity.statements)
        proposal = Proposal(entity=entity, layer="steward", cause=submission.id, replaces=replaces)
        propose(draft, proposal, at=at)
    writer.enrich(draft, at=at)
    described = {entity.iri for entity in submission.entities}
    after = writer.validator.findings(draft.facts, described)
    debt = {_place(f) for iri in described for f in writer.validator.stored(writer.store, iri)}
    found = [finding for iri in sorted(described) for finding in after[iri]]
    new = [finding for finding in found if _place(finding) not in debt]
    if any(finding.severity == "violation" for finding in new):
        _quarantine(submission, new, writer=writer, at=at)
        inbox.decide(submission.id, "refused", submission.outcome(new))
        return Counts(refused=1), {}
    writer.commit(draft, at=at)
    writer.store.publish()  # a write is acknowledged when it is synced and visible
    inbox.decide(submission.id, "done", submission.outcome(found))
    return Counts(accepted=1, statements=len(draft.changes())), draft.referred()


def _quarantine(
    submission: Submission, findings: list[Finding], *, writer: Writer, at: datetime
) -> None:
    """Keeps the report of a refusal; once, even if a crash kept the refusal from being said."""
    node = f"urn:mlgraph:submission:{submission.id}"
    if next(iter(writer.store.quads(subject=node, graph=_QUARANTINE)), None) is None:
        refusal = Draft(writer.store)
        for quad in report_quads(node, findings, at=at, graph=_QUARANTINE):
            refusal.add(quad)
        writer.write(refusal.change())


def _place(finding: Finding) -> tuple[str, str, str | None]:
    """Which rule fails where: what tells an old finding from a new one."""
    return finding.focus, finding.rule, finding.value
