"""Jobs for the pool's tests, run in its processes by name: ``tests.kg.query.jobs:echo``."""

from __future__ import annotations

import time


def echo(arguments, body, output):
    output.write(body)
    return arguments


def sleep(arguments, body, output):
    time.sleep(arguments["s"])
