"""The OpenAPI document, and the page that shows it."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, Response

from agents.api.access import PUBLIC
from agents.api.answers import json_response
from agents.api.page import POLICY, page_of
from agents.api.problems import MEDIA_TYPE, Problem

DESCRIPTION: Final = """\
Numbers are JSON numbers in the shortest form that reads back to the same bits; a value that is not there is null, and \
`flags` says why. Times are int64 nanoseconds since the epoch, UTC, in names ending `_ns`: more digits than a double \
holds. Every answer says of which feature set it is (`schema`), how old (`age_s`), and whether it may be used \
(`status`, `flags`): a value is stale where its record is older than the feature's own limit. Errors are \
application/problem+json.

Send a key as `X-API-Key`, or as `Authorization: Bearer`.
"""
SECURITY: Final = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
TITLES: Final = {
    "400": "The body is no JSON",
    "401": "No key, or one that nobody has",
    "404": "There is no such thing",
    "413": "The body is too large",
    "422": "A parameter will not do",
    "503": "The feature store does not answer; try again",
}


def add_document(api: FastAPI) -> None:
    """Serve `/openapi.json` and `/docs`, both without a key: they hold no data."""

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = _made(api)
        return api.openapi_schema

    api.openapi = document  # type: ignore[method-assign] # FastAPI's own way to extend the document

    @api.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return json_response(document(), {"Cache-Control": "public, max-age=60"})

    @api.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page_of(document()), headers={"Content-Security-Policy": POLICY})


def _made(api: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=api.title, version=api.version, summary=api.summary, description=DESCRIPTION, routes=api.routes
    )
    schemas = made["components"]["schemas"]
    # FastAPI describes its own form of a validation error, which nobody gets here.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    own = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= own.pop("$defs") | {"Problem": own}
    made["components"]["securitySchemes"] = SECURITY
    for path, methods in made["paths"].items():
        for operation in methods.values():
            _complete(path, operation)
    return made


def _complete(path: str, operation: dict[str, Any]) -> None:
    """Say who may ask, and what errors look like."""
    responses = operation["responses"]
    possible = {"503"} if path.startswith("/v1") or path == "/readyz" else set()
    if path not in PUBLIC:
        operation["security"] = [{"key": []}, {"bearer": []}]
        possible.add("401")
    if operation.get("parameters") or "requestBody" in operation:
        possible |= {"404", "422"}
    if "requestBody" in operation:
        possible |= {"400", "413"}
    for status in sorted(possible | {status for status in responses if status >= "4"}):
        responses[status] = {
            "description": TITLES[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
