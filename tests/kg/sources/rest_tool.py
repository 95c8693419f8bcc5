"""A tool that nobody here has written a connector for: a release desk with a small JSON API.

It lists services by pages, deployments by a cursor and alerts in other ways still; it nests its
records, and has an error of its own for what it does not have. It can be told to answer worse.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self

from flask import Flask, Response, abort, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.serving import WSGIRequestHandler, make_server

TOKEN = "desk-token"
BASE = "/api/v1"
CONTEXT = """{
  "@context": {
    "@version": 1.1,
    "title": "dct:title",
    "about": "dct:description",
    "labels": "dcat:keyword",
    "opened": {"@id": "dct:created", "@type": "xsd:dateTime"},
    "traffic.share": {"@id": "mlg:trafficShare", "@type": "xsd:decimal"},
    "stage": {"@id": "mlg:environment", "@type": "@vocab", "@context": {"@vocab": "mlgc:environment-"}},
    "owners.email": {"@id": "mlg:ownedBy", "@type": "@id", "@context": {"@base": "id/person/{person}/"}},
    "service.slug": {"@id": "mlg:hostedBy", "@type": "@id", "@context": {"@base": "id/service/{service}/"}}
  }
}
"""
SETTINGS = """
[sources.desk]
kind = "rest"
url = "{url}"
contexts = "{contexts}"
token = "env:DESK_TOKEN"
absent = [404]
absent_code = {{ error.code = "NOT_FOUND" }}
webhook_secret = "env:DESK_HOOK"
notice_type = "entity.kind"
notice_key = "entity.id"
notice_types = {{ Release = "deployment", Service = "service" }}
links = {{ person = "ldap" }}

[sources.desk.types.service]
all = "services"
one = "services/{{key}}"
items = "data.items"
record = "data"
key = "slug"
paging = "page"
size_parameter = "limit"
page_size = 2
convert = {{ opened = "milliseconds", labels = "tags", owners.email = "lowercase" }}

[sources.desk.types.deployment]
all = "deployments?archived=yes"
one = "deployments/{{service.slug}}/{{number}}"
items = "releases"
key = "service.slug,number"
paging = "cursor"
page_parameter = "after"
next = "meta.next"
convert = {{ opened = "date-time" }}
"""
SERVICES: tuple[dict[str, Any], ...] = (
    {
        "slug": "home-ranking",
        "title": "Home ranking API",
        "about": "",
        "opened": 1_793_527_200_500,
        "owners": [{"email": "Ada@Example.com"}, {"email": "lin@example.com"}],
        "labels": [{"key": "tier", "value": "1"}, {"key": "member-facing"}],
        "internal": {"cost": 3},
    },
    {"slug": "search", "title": "Search API", "opened": 0, "owners": []},
    {"slug": "a/b %c ü", "title": "Oddly named", "about": None},
)
DEPLOYMENTS: tuple[dict[str, Any], ...] = (
    {
        "number": 7,
        "service": {"slug": "home-ranking"},
        "title": "Home ranker EU",
        "stage": "production",
        "traffic": {"share": 0.5},
        "opened": "2026-11-01T12:00:00+02:00",
    },
    {"number": 8, "service": {"slug": "home-ranking"}, "title": "Home ranker US"},
    {"number": 1, "service": {"slug": "a/b %c ü"}, "title": "Odd", "stage": "staging"},
)


class Desk:
    """The running tool. A context manager; ``asked`` is what it was asked for, ``wire`` the same undecoded."""

    def __init__(self) -> None:
        self.services = {record["slug"]: record for record in SERVICES}
        self.deployments = {(r["service"]["slug"], r["number"]): r for r in DEPLOYMENTS}
        self.asked: list[str] = []
        self.wire: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._answers: list[tuple[str, Any, int]] = []
        self._server = make_server(
            "127.0.0.1", 0, self._app(), threaded=True, request_handler=_Quiet
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}{BASE}"

    def answer(self, start: str, body: Any, *, status: int = 200) -> None:
        """Answers requests whose path and query start so with this, from now on."""
        self._answers.insert(0, (start, body, status))

    def mend(self) -> None:
        """Answers as it should again."""
        self._answers.clear()

    def change(self) -> None:
        """The home ranking has a new title, and the search is gone."""
        self.services["home-ranking"] = {**self.services["home-ranking"], "title": "Home rows"}
        del self.services["search"]

    def settings(self, folder: Path) -> Path:
        """A settings file that joins this tool, with the context that it names."""
        contexts = folder / "contexts"
        contexts.mkdir(exist_ok=True)
        (contexts / "context.jsonld").write_text(CONTEXT, "utf-8")
        file = folder / "mlg.toml"
        file.write_text(SETTINGS.format(url=self.url, contexts=contexts), "utf-8")
        return file

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _app(self) -> Flask:
        app = Flask(__name__)

        @app.before_request
        def troubled() -> ResponseReturnValue | None:
            asked = request.full_path.removeprefix(BASE + "/").removesuffix("?")
            self.asked.append(asked)
            self.wire.append(request.environ["RAW_URI"].removeprefix(BASE + "/"))
            self.headers.append(dict(request.headers))
            for start, body, status in self._answers:
                if asked.startswith(start):
                    return (body if isinstance(body, str) else jsonify(body)), status
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                return {"error": {"code": "UNAUTHENTICATED"}}, 401
            return None

        @app.get(BASE + "/services")
        def services() -> ResponseReturnValue:
            size, page = int(request.args.get("limit", 2)), int(request.args.get("page", 1))
            found = list(self.services.values())[(page - 1) * size : page * size]
            return {"data": {"items": found}}

        @app.get(BASE + "/services/<path:slug>")
        def service(slug: str) -> ResponseReturnValue:
            found = self.services.get(slug)
            return {"data": found} if found else _absent()

        @app.get(BASE + "/deployments")
        def deployments() -> ResponseReturnValue:
            found = list(self.deployments.values()) if "archived" in request.args else []
            at = int(request.args.get("after", "c-0").removeprefix("c-"))
            following = f"c-{at + 2}" if at + 2 < len(found) else None
            return {"releases": found[at : at + 2], "meta": {"next": following}}

        @app.get(BASE + "/deployments/<path:slug>/<int:number>")
        def deployment(slug: str, number: int) -> ResponseReturnValue:
            found = self.deployments.get((slug, number))
            return found if found else _absent()

        @app.get(BASE + "/plain")
        def plain() -> Response:
            return jsonify(list(self.services.values()))

        @app.get(BASE + "/offset")
        def offset() -> Response:
            at, size = int(request.args["offset"]), int(request.args["size"])
            return jsonify(list(self.services.values())[at : at + size])

        @app.get(BASE + "/address")
        def address() -> ResponseReturnValue:
            """Pages whose next one has an address, here on a host that nobody should call."""
            found, page = list(self.services.values()), int(request.args.get("p", 0))
            more = page + 1 < len(found)
            link = "http://elsewhere.invalid" + url_for("address", p=page + 1)
            return {"results": found[page : page + 1], "next": link if more else None}

        @app.get(BASE + "/more")
        def more() -> ResponseReturnValue:
            """Pages from zero that say whether there are more; a page after them is an error."""
            found, page = list(self.services.values()), int(request.args["page"])
            if page >= len(found):
                abort(400)
            return {"results": found[page : page + 1], "more": page + 1 < len(found)}

        return app


def _absent() -> ResponseReturnValue:
    return {"error": {"code": "NOT_FOUND"}}, 404


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None: ...
