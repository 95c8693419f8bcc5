"""Says what openlineage-python sends: ``python record.py WHERE``, to a server (``http://…``), to a
topic (``kafka://HOST:PORT/TOPIC``) or to a file.

Recorded with openlineage-python as ``client.jsonl``; ``dbt.jsonl`` is what ``dbt-ol build`` sent of
``tests/data/dbt/project``, with ``OPENLINEAGE_NAMESPACE=aurora``.
"""

import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import (
    Dataset,
    DatasetEvent,
    InputDataset,
    Job,
    JobEvent,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import (
    datasource_dataset,
    documentation_dataset,
    documentation_job,
    error_message_run,
    ownership_dataset,
    ownership_job,
    schema_dataset,
    source_code_location_job,
)
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.transport.http import HttpConfig, HttpTransport
from openlineage.client.transport.kafka import KafkaConfig, KafkaTransport

NAMESPACE, STORE = "scheduler", "s3://plays"
MOMENT = datetime(2026, 11, 1, 4, tzinfo=UTC)


def time(minutes):
    return (MOMENT + timedelta(minutes=minutes)).isoformat()


def main(where):
    if where.startswith("http"):
        transport = HttpTransport(HttpConfig(url=where))
    elif where.startswith("kafka"):
        brokers, _, topic = where.removeprefix("kafka://").partition("/")
        config = {"bootstrap.servers": brokers, "acks": "all", "retries": "3"}
        transport = KafkaTransport(KafkaConfig(config=config, topic=topic))
    else:
        transport = FileTransport(FileConfig(log_file_path=where, append=True))
    client = OpenLineageClient(transport=transport)
    job = Job(
        namespace=NAMESPACE,
        name="rank_titles",
        facets={
            "documentation": documentation_job.DocumentationJobFacet(
                description="Ranks the titles of each member."
            ),
            "ownership": ownership_job.OwnershipJobFacet(
                owners=[ownership_job.Owner(name="team:ranking", type="OWNER")]
            ),
            "sourceCodeLocation": source_code_location_job.SourceCodeLocationJobFacet(
                type="git", url="https://git.example/ranking/rank_titles.py"
            ),
        },
    )
    plays = InputDataset(
        namespace=STORE,
        name="raw/plays",
        facets={
            "schema": schema_dataset.SchemaDatasetFacet(
                fields=[
                    schema_dataset.SchemaDatasetFacetFields(name="member_id", type="BIGINT"),
                    schema_dataset.SchemaDatasetFacetFields(name="title_id", type="BIGINT"),
                ]
            ),
            "dataSource": datasource_dataset.DatasourceDatasetFacet(name="plays", uri=STORE),
        },
    )
    ranks = OutputDataset(namespace=STORE, name="ranked/titles")
    good = Run(runId=str(UUID(int=1, version=4)))
    bad = Run(
        runId=str(UUID(int=2, version=4)),
        facets={
            "errorMessage": error_message_run.ErrorMessageRunFacet(
                message="Partition 2026-11-01 is missing.", programmingLanguage="python"
            )
        },
    )

    def told(minutes, run, state, **data):
        client.emit(RunEvent(eventTime=time(minutes), run=run, job=job, eventType=state, **data))

    told(0, good, RunState.START, inputs=[plays])
    told(1, good, RunState.RUNNING)
    told(5, good, RunState.COMPLETE, outputs=[ranks])
    told(60, bad, RunState.START, inputs=[plays])
    told(61, bad, RunState.FAIL, outputs=[ranks])
    titles = Dataset(
        namespace=STORE,
        name="raw/titles",
        facets={
            "documentation": documentation_dataset.DocumentationDatasetFacet(
                description="Every title that can be played, one row each."
            ),
            "ownership": ownership_dataset.OwnershipDatasetFacet(
                owners=[ownership_dataset.Owner(name="user:ada@aurora.example", type="OWNER")]
            ),
        },
    )
    client.emit(DatasetEvent(eventTime=time(2), dataset=titles))
    client.emit(
        JobEvent(
            eventTime=time(3),
            job=Job(namespace=NAMESPACE, name="catalogue"),
            inputs=[InputDataset(namespace=STORE, name="raw/titles")],
            outputs=[OutputDataset(namespace=STORE, name="ranked/catalogue")],
        )
    )
    client.close()


if __name__ == "__main__":
    main(sys.argv[1])
