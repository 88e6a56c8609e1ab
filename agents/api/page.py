"""`/docs`: the OpenAPI document as one page of HTML, made here.

The usual pages (Swagger UI, Redoc, Scalar) are megabytes of script: from a CDN, which fails behind a firewall, or from
a wheel that lags behind its security fixes. This one has no script at all, fetches nothing, and forbids the browser to
(its Content-Security-Policy); whoever wants to try things out has the `curl` lines, or loads /openapi.json into a tool.
"""

import json
from collections.abc import Iterator
from html import escape
from typing import Any, Final

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_STYLE: Final = """
:root{color-scheme:light dark;--line:#8884;--dim:#8888;--soft:#8881}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:var(--soft);padding:.7rem;white-space:pre-wrap;border-radius:4px}
pre,h3,nav td,td:last-child{overflow-wrap:anywhere}
h1{margin-bottom:0}h2{border-bottom:1px solid var(--line);margin-top:2.5rem}
section{border:1px solid var(--line);border-radius:6px;padding:.2rem 1rem 1rem;margin:1rem 0}
b{display:inline-block;min-width:4rem}h3{margin:.8rem 0 .3rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;
border-bottom:1px solid var(--line)}small{opacity:.75}a{color:inherit}
section>p:first-of-type{font-weight:600}td:last-child{width:45%}
nav a{margin-right:1rem}nav td:last-child{width:auto}
"""
_SAID: Final = {"Successful Response": "OK"}
"""FastAPI's words -> ours."""


def page_of(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document."""
    return "\n".join(_parts(document))


def _parts(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield "<!doctype html><html lang=en><head><meta charset=utf-8>"
    yield '<meta name=viewport content="width=device-width,initial-scale=1">'
    yield f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{escape(info['title'])}</h1><p>{escape(info.get('summary', ''))}</p>"
    yield from (f"<p>{_words(text)}</p>" for text in info.get("description", "").strip().split("\n\n"))
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    groups = {name: sorted(operations, key=lambda operation: operation[1]) for name, operations in groups.items()}
    yield '<nav><p><a href="/openapi.json">openapi.json</a><a href="#schemas">Answers</a></p><table>'
    for method, path, operation in (one for operations in groups.values() for one in operations):
        yield f'<tr><td><b>{method}</b><a href="#{escape(operation["operationId"])}"><code>{escape(path)}</code></a>'
        yield f"<td>{escape(operation.get('summary', ''))}</tr>"
    yield "</table></nav>"
    for group, operations in groups.items():
        yield f"<h2>{escape(group.capitalize())}</h2>"
        for method, path, operation in operations:
            yield from _operation(method, path, operation)
    yield '<h2 id="schemas">Answers</h2>'
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from _schema(name, schema)
    yield "</body></html>"


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<section id="{escape(operation["operationId"])}">'
    yield f"<h3><b>{method}</b> <code>{escape(path)}</code></h3><p>{escape(operation.get('summary', ''))}</p>"
    yield from (f"<p>{_words(text)}</p>" for text in operation.get("description", "").split("\n\n") if text)
    parameters = operation.get("parameters", [])
    if parameters:
        yield "<table><tr><th>parameter<th>in<th>type<th></tr>"
        for one in parameters:
            needed = "" if one.get("required") else " <small>optional</small>"
            kind = _type(one["schema"]).removesuffix(" or null")
            about = one.get("description") or one["schema"].get("description", "")
            yield f"<tr><td><code>{escape(one['name'])}</code>{needed}<td>{escape(one['in'])}"
            yield f"<td>{kind}<td>{_words(about)}</tr>"
        yield "</table>"
    body = operation.get("requestBody")
    if body is not None:
        yield f"<p>Body: {_type(body['content']['application/json']['schema'])}</p>"
    yield f"<pre>{escape(_curl(method, path, operation))}</pre>"
    yield "<table>"
    for status, answer in sorted(operation["responses"].items()):
        types = ", ".join(
            f"{_type(one.get('schema', {}))} <small>{kind}</small>" for kind, one in answer.get("content", {}).items()
        )
        said = answer.get("description", "")
        yield f"<tr><td><code>{status}</code><td>{escape(_SAID.get(said, said))}<td>{types}</tr>"
    yield "</table></section>"


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{_words(schema.get("description", ""))}</p><table>'
    for field, about in schema.get("properties", {}).items():
        yield f"<tr><td><code>{escape(field)}</code><td>{_type(about)}<td>{_words(about.get('description', ''))}</tr>"
    yield "</table>"
    if "example" in schema:
        yield f"<pre>{escape(json.dumps(schema['example'], indent=2))}</pre>"
    yield "</section>"


def _type(schema: dict[str, Any]) -> str:
    """A schema in a word or two."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[key]))
    if "enum" in schema or "const" in schema:
        words = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(json.dumps(one))}</code>" for one in words)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("type", "anything")))


def _curl(method: str, path: str, operation: dict[str, Any]) -> str:
    """A line that works, but for the key and the address."""
    wanted = [one for one in operation.get("parameters", []) if one["in"] == "query" and one.get("required")]
    query = "&".join(f"{one['name']}={_example(one['schema'])}" for one in wanted)
    parts = ["curl"]
    if "security" in operation:
        parts.append('-H "X-API-Key: $KEY"')
    if method == "POST":
        parts.append("""--json '{"symbols": ["ES", "BTC/USDT"], "names": ["sma_20"]}'""")
    url = path.replace("{symbol}", "ES").replace("{version}", "0123456789ab") + (f"?{query}" if query else "")
    return " ".join([*parts, f"'http://127.0.0.1:8000{url}'"])


def _example(schema: dict[str, Any]) -> str:
    examples = schema.get("examples")
    if examples:
        return str(examples[0])
    return "ES" if schema.get("type") == "array" else "1"


def _words(text: str) -> str:
    """Escaped, with what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
