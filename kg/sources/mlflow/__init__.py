"""MLflow: registered models, their versions and artefacts, prompts, runs and what they read.

Needs MLflow 3 (tried with 3.17.2). Settings::

    [sources.mlflow]
    kind = "mlflow"
    url = "http://127.0.0.1:5000"        # the tracking server, with a path if it has one
    webhook_secret = "env:MLFLOW_HOOK"   # without it notices are refused
    username = "graph"                   # for MLflow's basic authentication, with password; or
    password = "env:MLFLOW_PASSWORD"     # token = "…" for a bearer token
    public_url = ""                      # where people open MLflow, if not at url
    owner_tag = "owner"                  # the tag that names who answers for something
    timeout_seconds = 10
    per_second = 0                       # requests that begin in a second at most; 0 is no limit
    max_answer_mb = 64
    page_size = 200                      # records asked for at a time, 1000 at most

What is what:

====================== ===================== ==================================================
MLflow                 type                  key
====================== ===================== ==================================================
registered model       ``model``             its name
model version          ``model-version``     ``name/version``
logged model           ``model-instance``    ``m-…``
path of a version      ``model-instance``    ``name/version``, if it has no logged model
prompt                 ``prompt``            its name
prompt version         ``prompt-version``    ``name/version``
experiment             ``pipeline``          its id
run                    ``pipeline-run``      its id
input of a run         ``dataset``           its name
input of a run         ``dataset-version``   ``name/digest``
metric of logged model ``evaluation-result`` ``m-…/metric`` or ``m-…/metric@dataset-version``
data of such a metric  ``evaluation``        ``m-…/dataset-version``
name of such a metric  ``metric``            itself
====================== ===================== ==================================================

The chain version ← instance → run → dataset version is whole as long as MLflow has its links. The
edges are facts of the instance, and which versions it has is asked of the registry, for MLflow's
own note of it (the tag ``mlflow.modelVersions``) is not updated when a version is deleted.
MLflow keeps prompts among its registered models, marked by a tag; the words of a version and the
settings of the model that they are meant for are tags, too. Which prompt versions a run or a logged
model loaded, MLflow notes by itself (the tag ``mlflow.linkedPrompts``).

Persons come from the tag ``owner``, else from the user that MLflow noted; a source of identities
describes them, by ``links = {person = "…"}``.

MLflow has webhooks for models, prompts and their versions only, and sends none for many changes even
of those. So a version brings along its instance, its run and the run's data, which may have changed
since; and a model or prompt brings its versions, for the one that lost an alias gets no notice.
Everything else is found by the sweep, what is deleted and what is restored too (experiments and runs
are only marked); it asks for searches alone, which show all that there is. To set it up, create a
webhook for ``registered_model.created`` and ``prompt.created``, and for all events of
``model_version``, ``prompt_version`` and of the tags and aliases of both and of ``prompt_tag``, with a
secret and the address ``…/webhooks/{source}``. Outside https and public addresses the MLflow server needs
``MLFLOW_WEBHOOK_ALLOWED_SCHEMES`` and ``MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS``.

Datasets that a run only tested with are ``prov:used`` by it and not ``mlg:usedDataset``, from which
it follows that a model was trained on them. Metrics are those of logged models; what a run measured
on its way stays in MLflow, which is the better place to compare runs.

Known limits: an entity whose name has a control character is left out (the log says so). MLflow
shows a logged model's metric that is no number as 0.0; it is left out when the run knows better.
A listing is not one moment: what it lacks is gone only if ``fetch`` agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from kg.errors import BadPayload
from kg.iris import EntityRef
from kg.model import Notice, Snapshot, utc_now
from kg.sources import not_owned
from kg.sources.http import checked_url, credentials, positive, whole_number
from kg.sources.mlflow import webhooks
from kg.sources.mlflow.calls import Calls
from kg.sources.mlflow.client import Client
from kg.sources.mlflow.documents import Documents
from kg.sources.mlflow.finders import Finders
from kg.sources.mlflow.listing import Listing
from kg.sources.pace import Pace


class MlflowSource:
    """One MLflow server. The module's docstring has the settings and what becomes of what."""

    types: ClassVar[frozenset[str]] = frozenset(
        {
            "model",
            "model-version",
            "model-instance",
            "prompt",
            "prompt-version",
            "pipeline",
            "pipeline-run",
            "dataset",
            "dataset-version",
            "evaluation",
            "evaluation-result",
            "metric",
        }
    )
    contexts: ClassVar[Path] = Path(__file__).parent
    in_flight: ClassVar[int] = 4

    def __init__(
        self,
        name: str,
        *,
        url: str,
        webhook_secret: str = "",
        token: str = "",
        username: str = "",
        password: str = "",
        public_url: str = "",
        owner_tag: str = "owner",
        timeout_seconds: float = 10.0,
        per_second: float = 0.0,
        max_answer_mb: float = 64.0,
        page_size: int = 200,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.name = name
        self._secret = webhook_secret
        self._now = now
        self._client = Client(
            name,
            url=url,
            headers=credentials(name, token=token, username=username, password=password),
            timeout_seconds=positive(name, "timeout_seconds", timeout_seconds),
            max_answer_bytes=int(positive(name, "max_answer_mb", max_answer_mb) * 1024 * 1024),
            page_size=whole_number(name, "page_size", page_size, most=1000),
            connections=self.in_flight,
            pace=Pace(name, per_second),
        )
        pages = checked_url(name, public_url or url)
        self._make = Documents(source=name, pages=pages, owner_tag=owner_tag)
        self._find = Finders(Calls(self._client), self._make).find

    def fetch(self, ref: EntityRef) -> Snapshot:
        if ref.type not in self.types or ref.source != self.name:
            raise not_owned(self, ref)
        try:
            return Snapshot(ref=ref, documents=self._find(ref))
        except BadPayload as error:
            raise BadPayload(f"Source {self.name!r} on {ref}: {error}") from error

    def list(self) -> Iterator[EntityRef]:
        for found in self.list_whole():
            yield found.ref if isinstance(found, Snapshot) else found

    def list_whole(self) -> Iterator[Snapshot | EntityRef]:
        return iter(Listing(self._client, self._make))

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        delivery = webhooks.authenticate(
            headers,
            body,
            secret=self._secret,
            setting=f"[sources.{self.name}] webhook_secret",
            now=self._now(),
        )
        events = webhooks.events(self.name, body, delivery=delivery)
        return Notice(events=tuple(events), delivery=delivery)

    def close(self) -> None:
        self._client.close()
