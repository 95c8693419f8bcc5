"""The read side's view of a simulation: what would be different, in words, and what depends on it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from kg import iris
from kg.entity import Portrayer
from kg.iris import term
from kg.model import Finding
from kg.terms import node
from kg.views import Failing, Reached, Simulation, SupposedChange

if TYPE_CHECKING:
    from kg.lineage import Tracer

FIRST: Final = 100
"""Models and deployments that are listed, with a path each; all are counted."""

_MODELS: Final = tuple(
    iris.type_of_class(term(f"mlg:{name}")) for name in ("Model", "ModelVersion", "ModelInstance")
)
_DEPLOYMENT: Final = iris.type_of_class(term("mlg:Deployment"))
_ENVIRONMENT, _PRODUCTION = term("mlg:environment"), node(term("mlgc:environment-production"))


def simulation_view(told: dict[str, Any], *, portrayer: Portrayer, tracer: Tracer) -> Simulation:
    """The view of what `kg.simulate.simulate_document` told, on the graph that it was told of."""
    minter = portrayer.minter
    changes = tuple(
        SupposedChange(
            kind=change["kind"],
            entity=portrayer.named(minter.mint(minter.resolve(change["entity"]))),
            what=change["what"],
        )
        for change in told["changes"]
    )
    refs = [minter.resolve(c["entity"]) for c in told["changes"] if c["downstream"]]
    known = [ref for ref in refs if next(iter(portrayer.checkpoint.about(minter.mint(ref))), None)]

    def failing(name: str) -> tuple[Failing, ...]:
        found = (Finding(**finding) for finding in told[name])
        return tuple(Failing(entity=portrayer.named(f.focus), finding=f) for f in found)

    counts = told["counts"]
    view = Simulation(
        breaks=counts["violations"] > 0,
        counts=counts,
        changes=changes,
        fails=failing("fails"),
        mends=failing("mends"),
        lost=tuple(portrayer.said(tuple(said)) for said in told["lost"]),
        gained=tuple(portrayer.said(tuple(said)) for said in told["gained"]),
    )
    return _with_impact(view, known, portrayer, tracer) if known else view


def _with_impact(
    view: Simulation, refs: list[iris.EntityRef], portrayer: Portrayer, tracer: Tracer
) -> Simulation:
    impact = tracer.impact(*refs, listing=False)
    models = tracer.trace(*refs, direction="down", types=_MODELS)
    deployed = tracer.trace(*refs, direction="down", types=[_DEPLOYMENT])
    production = [reached for reached in deployed.items if _in_production(reached, portrayer)]
    return replace(
        view,
        breaks=view.breaks or bool(production) or impact.tests.total > 0,
        impact=impact,
        models=tuple(islice(models.items, FIRST)),
        models_total=models.total,
        production=tuple(production[:FIRST]),
        production_total=len(production),
    )


def _in_production(reached: Reached, portrayer: Portrayer) -> bool:
    return portrayer.checkpoint.holds((reached.entity.iri, _ENVIRONMENT, _PRODUCTION))
