"""The source beside a real Unleash: what it reads, what changes, and what it says when it is down.

Runs if ``MLG_TEST_UNLEASH`` names a folder in which ``npm install unleash-server@8.2.0`` was run;
PostgreSQL must be installed too.
"""

from __future__ import annotations

import pytest

from kg.errors import SourceUnavailable
from kg.iris import EntityRef
from kg.sources.unleash import UnleashSource
from tests.integration import unleash_universe as universe
from tests.integration.installed import installed
from tests.integration.unleash_server import TOKEN, postgres_programs, running_unleash
from tests.kg.sources.entity_facts import facts

pytestmark = [
    pytest.mark.sources,
    pytest.mark.skipif(postgres_programs() is None, reason="PostgreSQL is not installed"),
]


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "unleash", key)


def test_a_real_unleash() -> None:
    with running_unleash(installed("MLG_TEST_UNLEASH")) as server:
        strategies = universe.build(server)
        source = UnleashSource("unleash", url=server.url, token=TOKEN, page_size=2)
        before = list(source.list())
        assert len(set(before)) == len(before)
        assert {r.key for r in before if r.type == "experiment"} == {
            f"default/{name}"
            for name in ("home-rows", "by-release", "draft", "finished", "by-token")
        }
        assert not [one for one in before if source.fetch(one).gone]
        experiment = ref("experiment", "default/home-rows")
        found = facts(source, source.fetch(experiment))
        assert {
            ("mlg:experimentStatus", "mlgc:experiment-running"),
            ("mlg:ownedBy", f"person/unleash/{universe.ADA}"),
            ("dcat:keyword", "media"),
        } <= found
        share = ref("allocation", f"default/home-rows/production/{strategies['swedes']}/new-ranker")
        assert ("mlg:share", "0.125") in facts(source, source.fetch(share))
        for gone in ("given-up", "switch", "no-such-flag"):
            assert source.fetch(ref("experiment", f"default/{gone}")).gone

        universe.change(server, strategies)
        after = set(source.list())
        for one in set(before) - after:
            assert source.fetch(one).gone
        assert ref("experiment", "default/by-release") in set(before) - after
        assert share in set(before) - after
        found = facts(source, source.fetch(experiment))
        assert ("mlg:experimentStatus", "mlgc:experiment-paused") in found

        stranger = UnleashSource("unleash", url=server.url, token="*:*.nobody")
        with pytest.raises(SourceUnavailable):
            stranger.fetch(experiment)
        stranger.close()
    with pytest.raises(SourceUnavailable):
        source.fetch(experiment)
    source.close()
