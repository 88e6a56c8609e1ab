"""Errors as application/problem+json (RFC 9457), of whatever kind: no key, no such path, a parameter, the store away.

`type` is `urn:hayate:<word>`, one word for each kind, for programs; `detail` is for a person. Nothing of a request is
repeated in it but names of features and fields, and nothing of the inside: what happened there is in the log, under the
`request_id`.
"""

import logging
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from streams.errors import FeatureNameError, HayateError, RetryError

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_S: Final = 1
TOO_LARGE: Final = "the body is too large; ask for less at a time"


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str = Field(examples=["query.limit"])
    message: str


class Problem(BaseModel):
    """An error."""

    type: str = Field(description="`urn:hayate:` and a word for programs", examples=["urn:hayate:no-features"])
    title: str = Field(description="Of the status code", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="For a person")
    request_id: str | None = Field(default=None, description="As in the access log")
    errors: list[FieldProblem] | None = Field(default=None, description="Fields that will not do")


class ApiError(Exception):
    """A request that is answered with a problem; `word` as in its type."""

    def __init__(self, status: int, word: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.word = word
        self.detail = detail


def problem(
    status: int,
    word: str,
    detail: str,
    *,
    request_id: str | None = None,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """The response."""
    body: dict[str, Any] = {
        "type": f"urn:hayate:{word}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if request_id is not None:
        body["request_id"] = request_id
    if errors is not None:
        body["errors"] = errors
    return Response(msgspec.json.encode(body), status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


def add_problems(api: FastAPI) -> None:
    """Have every error answered as a problem. What nobody expected is the business of agents/api/observed.py."""
    api.add_exception_handler(ApiError, _of_ours)
    api.add_exception_handler(HayateError, _of_hayate)
    api.add_exception_handler(RequestValidationError, _of_validation)
    api.add_exception_handler(HTTPException, _of_http)


def request_id_of(request: Request) -> str | None:
    """As agents/api/observed.py gave it."""
    found: str | None = request.scope.get("state", {}).get("request_id")
    return found


async def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return problem(error.status, error.word, error.detail, request_id=request_id_of(request))


async def _of_hayate(request: Request, error: Exception) -> Response:
    request_id = request_id_of(request)
    if isinstance(error, FeatureNameError):
        return problem(404, "no-such-feature", str(error), request_id=request_id)
    # The message names servers and files: for the log, not for readers.
    if isinstance(error, RetryError):
        log.warning("%s: %s", request_id, error)
        detail = "the feature store does not answer; try again"
        headers = {"Retry-After": str(RETRY_S)}
        return problem(503, "store-away", detail, request_id=request_id, headers=headers)
    log.error("%s: %s", request_id, error)
    return problem(500, "fault", "the server is not set up right; its log says how", request_id=request_id)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [{"field": ".".join(map(str, one["loc"])), "message": str(one["msg"])} for one in error.errors()]
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in errors[:3])
    return problem(422, "invalid", detail, request_id=request_id_of(request), errors=errors)


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: ("no-such-path", "there is nothing here; /docs says what there is. Write a / in a symbol as %2F")}
    words[405] = ("no-such-method", "this path takes other methods; see Allow")
    words[400] = ("invalid", "the body is no JSON")
    words[413] = ("too-large", TOO_LARGE)
    word, detail = words.get(error.status_code, ("http", HTTPStatus(error.status_code).phrase))
    headers = dict(error.headers or {})
    return problem(error.status_code, word, detail, request_id=request_id_of(request), headers=headers)
