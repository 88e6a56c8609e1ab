"""`python -m deploy.env_example > .env.example`: every setting with its default, from the one place that defines it."""

import ast
import inspect
import sys
import textwrap
from typing import Final

from streams.settings import PREFIX, Settings

HEAD: Final = """\
# Every setting of Hayate with its default. Made by `python -m deploy.env_example`; streams/settings.py defines them.
#
# To use it: copy it to .env, take the # away from what you change, then `set -a; . ./.env; set +a` before you start
# a worker or a command. A variable that begins with HAYATE_ and is none of these is refused by name.
"""


def text() -> str:
    """The whole file: per setting its meaning as comment lines, then the assignment, commented out."""
    meanings = docstrings()
    parts = [HEAD]
    for name, field in Settings.model_fields.items():
        lines = textwrap.wrap(meanings[name], 118)
        default = field.get_default()
        parts.append("\n".join([*(f"# {line}" for line in lines), f"#{PREFIX}{name}=".upper() + shown(default)]) + "\n")
    return "\n".join(parts)


def docstrings() -> dict[str, str]:
    """Setting -> the string literal that follows its definition, on one line."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(Settings))).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for definition, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(definition, ast.AnnAssign) and isinstance(definition.target, ast.Name):
            assert isinstance(after, ast.Expr)
            assert isinstance(after.value, ast.Constant)
            found[definition.target.id] = " ".join(str(after.value.value).split())
    return found


def shown(default: object) -> str:
    """A default as the environment would give it; nothing for None."""
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


if __name__ == "__main__":
    sys.stdout.write(text())
