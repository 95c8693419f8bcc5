"""GrowthBook's webhooks: what they say, how both kinds are signed, and whom nobody should believe."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadEvent, NotAuthentic
from kg.iris import EntityRef
from kg.sources import Notifies
from kg.sources.growthbook import GrowthbookSource
from tests.kg.sources.growthbook_replay import ROWS, SECRET, experiment, feature, phase, rule

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEY = "whsec_" + base64.b64encode(b"a secret of twenty-four!").decode()
PHASE = phase("Main", "2026-11-02T09:00:00.000Z", "", coverage=1, var_0=0.5, var_1=0.5)
TOLD = experiment(ROWS, "Home rows", phases=[PHASE])


def source(*, secret: str = SECRET, now: datetime = NOW) -> GrowthbookSource:
    """One that would fail if it called anybody."""
    return GrowthbookSource(
        "growthbook", url="http://127.0.0.1:1", token="x", webhook_secret=secret, now=lambda: now
    )


def ref(entity_type: str, key: str) -> EntityRef:
    return EntityRef(entity_type, "growthbook", key)


def notice(event: str, data: Any, *, at: datetime = NOW, **more: Any) -> bytes:
    """An event in the payload type JSON."""
    told = {
        "event": event,
        "object": event.partition(".")[0],
        "api_version": "2024-07-31",
        "created": int(at.timestamp() * 1000),
        "data": data,
        "user": None,
        "projects": [],
        "tags": [],
        "environments": [],
        "containsSecrets": False,
    }
    return json.dumps({**told, **more}).encode()


def signed(body: bytes, *, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-GrowthBook-Signature": digest}


def standard(body: bytes, *, at: datetime = NOW, key: bytes, id: str = "msg_1") -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    digest = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Webhook-Id": id,
        "Webhook-Timestamp": stamp,
        "Webhook-Signature": "v1," + base64.b64encode(digest).decode(),
    }


def refs(body: bytes) -> list[EntityRef]:
    return [event.ref for event in source().notice(signed(body), body).events]


def test_it_notifies() -> None:
    assert isinstance(source(), Notifies)


# --- what they say ------------------------------------------------------------------------------------


def test_an_experiment_that_is_new_brings_its_cells_by_itself() -> None:
    body = notice("experiment.created", {"object": TOLD})
    [event] = source().notice(signed(body), body).events
    assert event.ref == ref("experiment", ROWS)
    assert (event.event_type, event.time) == ("experiment.created", NOW)


def test_what_it_had_before_is_named_too() -> None:
    now = TOLD | {"variations": TOLD["variations"][:1], "phases": []}
    changed = {"variations": TOLD["variations"], "phases": [PHASE]}
    body = notice("experiment.updated", {"object": now, "previous_attributes": changed})
    before = TOLD
    older = notice("experiment.updated", {"current": now, "previous": before})
    assert refs(body) == refs(older)
    assert refs(body) == [
        ref("experiment", ROWS),
        ref("experiment-cell", f"{ROWS}/var_1"),
        ref("allocation", f"{ROWS}/1/var_0"),
        ref("allocation", f"{ROWS}/1/var_1"),
    ]


@pytest.mark.parametrize("member", ["object", "previous"])
def test_an_experiment_that_was_deleted_takes_all_along(member: str) -> None:
    told = refs(notice("experiment.deleted", {member: TOLD}))
    assert told[0] == ref("experiment", ROWS)
    assert {one.type for one in told[1:]} == {"experiment-cell", "allocation"}
    assert len(told) == 5


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_warning_names_its_experiment(wrapped: bool) -> None:
    warning = {"type": "srm", "experimentId": ROWS, "experimentName": "Home rows"}
    data = {"object": warning} if wrapped else warning
    assert refs(notice("experiment.warning", data)) == [ref("experiment", ROWS)]


def test_a_feature_speaks_of_the_experiments_that_its_rules_give_out_or_did() -> None:
    now = feature("f", production=(True, [rule("exp_a"), {"type": "force", "enabled": True}]))
    before = {"environments": feature("f", dev=(False, [rule("exp_b")]))["environments"]}
    told = refs(notice("feature.updated", {"object": now, "previous_attributes": before}))
    assert told == [ref("experiment", "exp_a"), ref("experiment", "exp_b")]
    assert refs(notice("feature.deleted", {"previous": now})) == [ref("experiment", "exp_a")]


@pytest.mark.parametrize("event", ["user.login", "webhook.test", "metric.odd"])
def test_other_events_are_of_no_interest(event: str) -> None:
    assert refs(notice(event, {"object": {"id": 3}})) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        notice("experiment.updated", []),
        notice("experiment.updated", {}),
        notice("experiment.updated", {"object": {"id": 2.5}}),
        notice("experiment.updated", {"object": {"id": "a\nb"}}),
        notice("experiment.updated", {"object": {"id": "x", "variations": 3}}),
        notice("experiment.deleted", {"object": {}}),
        notice("feature.updated", {"object": {"environments": []}}),
        notice("feature.updated", {"object": {"environments": {"dev": {"rules": [{"type": "experiment-ref"}]}}}}),
    ],
)  # fmt: skip
def test_an_unusable_notice(body: bytes) -> None:
    with pytest.raises(BadEvent):
        source().notice(signed(body), body)


# --- whom to believe ----------------------------------------------------------------------------------

BODY = notice("experiment.updated", {"object": TOLD})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-GrowthBook-Signature": ""},
        {"X-GrowthBook-Signature": "0" * 64},
        {"X-GrowthBook-Signature": "ü"},
        signed(BODY, secret="another"),
        signed(BODY + b" "),
    ],
)
def test_a_wrong_signature_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(NotAuthentic):
        source().notice(headers, BODY)


def test_without_a_secret_every_notice_is_refused() -> None:
    with pytest.raises(NotAuthentic, match=r"\[sources\.growthbook\] webhook_secret"):
        source(secret="").notice(signed(BODY, secret=""), BODY)


def test_a_repeated_notice_says_the_same_and_an_old_one_nothing() -> None:
    first = source().notice(signed(BODY), BODY)
    late = source(now=NOW + timedelta(minutes=11))
    assert first.delivery and late.notice(signed(BODY), BODY) == first
    with pytest.raises(NotAuthentic, match="old"):
        source(now=NOW + timedelta(hours=2)).notice(signed(BODY), BODY)


def test_a_notice_without_its_moment_may_be_another_with_the_same_words() -> None:
    told = {name: value for name, value in json.loads(BODY).items() if name != "created"}
    undated = json.dumps(told).encode()
    notice = source().notice(signed(undated), undated)
    assert notice.events and not notice.delivery


@pytest.mark.parametrize("secret", [KEY, SECRET])
def test_standard_webhooks_are_checked(secret: str) -> None:
    key = base64.b64decode(KEY[6:]) if secret == KEY else SECRET.encode()
    hook = source(secret=secret)
    [event] = hook.notice(standard(BODY, key=key), BODY).events
    assert (event.ref, event.event_id) == (ref("experiment", ROWS), "msg_1")
    several = standard(BODY, key=key)
    several["Webhook-Signature"] = "v1,AAAA v1a,x " + several["Webhook-Signature"]
    assert hook.notice(several, BODY).events == (event,)
    changed = b'{"type": "payload.changed", "timestamp": "2026-11-23T09:00:00Z", "data": {}}'
    assert hook.notice(standard(changed, key=key), changed).events == ()


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Id": "msg_2"},
        {"Webhook-Id": ""},
        {"Webhook-Timestamp": str(int(NOW.timestamp()) + 1)},
        {"Webhook-Timestamp": ""},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1,"},
        {"Webhook-Signature": "v1,AAAA"},
        {"Webhook-Signature": "v1,ü"},
    ],
)
def test_a_standard_webhook_that_was_changed_is_refused(change: dict[str, str]) -> None:
    key = base64.b64decode(KEY[6:])
    with pytest.raises(NotAuthentic):
        source(secret=KEY).notice(standard(BODY, key=key) | change, BODY)


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
def test_a_standard_webhook_is_good_for_five_minutes(seconds: int) -> None:
    headers = standard(BODY, key=SECRET.encode(), at=NOW - timedelta(seconds=seconds))
    with pytest.raises(NotAuthentic, match="old"):
        source().notice(headers, BODY)


def test_a_signed_timestamp_that_is_no_number() -> None:
    digest = hmac.new(SECRET.encode(), b"msg_1.soon." + BODY, hashlib.sha256).digest()
    headers = standard(BODY, key=b"") | {"Webhook-Timestamp": "soon"}
    headers["Webhook-Signature"] = "v1," + base64.b64encode(digest).decode()
    with pytest.raises(NotAuthentic, match="number of seconds"):
        source().notice(headers, BODY)


def test_a_secret_that_is_no_base64_opens_nothing() -> None:
    headers = standard(BODY, key=b"")
    with pytest.raises(NotAuthentic, match="base64"):
        source(secret="whsec_???").notice(headers, BODY)


def test_the_specification_s_own_example() -> None:
    """The signature that the reference libraries make for this secret and message."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    then = datetime.fromtimestamp(1614265330, UTC)
    with pytest.raises(BadEvent, match="'event'"):  # believed, and of no use
        source(secret=secret, now=then).notice(headers, body)


MEMBERS = ("event", "data", "object", "id", "created", "variations", "phases", "environments")
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda told: st.lists(told) | st.dictionaries(st.sampled_from(MEMBERS) | st.text(), told),
    max_leaves=20,
)


@given(st.binary(max_size=300) | JSON.map(lambda told: json.dumps(told).encode()))
def test_whatever_is_sent_is_events_or_a_refusal(body: bytes) -> None:
    with contextlib.suppress(BadEvent, NotAuthentic):
        source().notice(signed(body), body)
