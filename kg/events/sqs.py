"""Amazon SQS, alone or behind SNS topics, by boto3 (extra ``sqs``).

``events.url = "sqs://eu-west-1/queue"``, with these options:

==============  ====================================================================
``account``     the queue's owner, if it is another account
``endpoint``    another address of the service than Amazon's
``wait``        seconds that one call waits for messages (5, up to 20); a stop waits as long
``visibility``  seconds until a message that was not deleted comes again (60)
``batch``       most messages put into the inbox together (200)
==============  ====================================================================

Credentials come by boto3's own ways, never by the URL. A message is an event as it is sent to
``/events``; SNS's envelope around it is taken off, and raw delivery works as well.
"""

from __future__ import annotations

import json
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kg.errors import BadSetting, SystemFailure
from kg.events.bus import BusUrl, Message

CALL: Final = 10
"""Most messages that one call of the service takes."""
_OPTIONS: Final = frozenset({"account", "endpoint", "wait", "visibility", "batch"})


class SqsBus:
    """A consumer of one queue."""

    def __init__(self, url: BusUrl) -> None:
        unknown = sorted(url.options.keys() - _OPTIONS)
        if unknown:
            known = ", ".join(sorted(_OPTIONS))
            raise BadSetting(f"{url.setting} has an option {unknown[0]!r}; known are {known}.")
        self._queue = url.name
        self._owner = url.options.get("account")
        self._wait = url.number("wait", 5, least=0, most=20)
        self._visibility = url.number("visibility", 60, least=1, most=43_200)
        self._batch = url.number("batch", 200, least=CALL, most=2000)
        self._address: str | None = None
        self._handles: list[str] = []
        try:
            self._client: Any = boto3.session.Session().client(
                "sqs",
                region_name=url.where,
                endpoint_url=url.options.get("endpoint"),
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": 2},
                    connect_timeout=5,
                    read_timeout=self._wait + 10,
                ),
            )
        except (BotoCoreError, ValueError) as error:
            raise BadSetting(f"{url.setting}: {error}.") from error

    def poll(self) -> list[Message]:
        found = self._receive(self._wait)
        more = found
        while len(more) == CALL and len(found) <= self._batch - CALL:
            more = self._receive(0)
            found += more
        self._handles = [message["ReceiptHandle"] for message in found]
        return [
            Message(
                body=unwrapped(message["Body"]).encode("utf-8", "surrogatepass"),
                place=f"sqs:{self._queue}/{message['MessageId']}",
            )
            for message in found
        ]

    def acknowledge(self) -> None:
        """Deletes the messages, ten to a call."""
        handles, self._handles = self._handles, []
        failed: list[dict[str, Any]] = []
        for first in range(0, len(handles), CALL):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle}
                for number, handle in enumerate(handles[first : first + CALL])
            ]
            answer = self._ask("delete_message_batch", QueueUrl=self._address, Entries=entries)
            failed += answer.get("Failed", ())
        if failed:
            why = failed[0].get("Message") or failed[0].get("Code")
            raise SystemFailure(
                f"SQS queue {self._queue!r} did not delete {len(failed)} messages, which come "
                f"again: {why}."
            )

    def close(self) -> None:
        self._client.close()

    def _receive(self, wait: int) -> list[dict[str, Any]]:
        if self._address is None:
            owner = {"QueueOwnerAWSAccountId": self._owner} if self._owner else {}
            found = self._ask("get_queue_url", QueueName=self._queue, **owner)
            self._address = found["QueueUrl"]
        answer = self._ask(
            "receive_message",
            QueueUrl=self._address,
            MaxNumberOfMessages=CALL,
            WaitTimeSeconds=wait,
            VisibilityTimeout=self._visibility,
        )
        return list(answer.get("Messages", ()))

    def _ask(self, call: str, **given: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, call)(**given)
        except (BotoCoreError, ClientError) as error:
            raise SystemFailure(f"SQS queue {self._queue!r}: {error}.") from error
        return answer


def unwrapped(body: str) -> str:
    """What was sent to SNS, if this is SNS's envelope around it; else the body as it is."""
    if '"Notification"' not in body:
        return body
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if not isinstance(found, dict) or found.get("Type") != "Notification":
        return body
    message = found.get("Message")
    return message if isinstance(message, str) and "TopicArn" in found else body
