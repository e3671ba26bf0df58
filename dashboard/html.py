"""One self-contained page from a template, its style, its scripts and its data.

The content policy allows nothing but this very style and these very scripts, by their SHA-256. The data stand in a block
that no browser executes; every character that could end it is written as an escape.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

WEB = Path(__file__).parent / "web"
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029\ufeff"}


def json_block(data: Any) -> str:
    """JSON that can stand inside <script type="application/json">: no markup, no line separators of JavaScript."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


def page(kind: str, data: Any) -> str:
    """The page `index` or `evidence` with its data."""
    style = _asset("page.css")
    script = _asset("common.js") + _asset(f"{kind}.js")
    policy = (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {"policy": policy, "style": style, "data": json_block(data), "script": script}
    # Cut the template at its marks once: data that look like a mark are left alone.
    out = []
    for piece in _asset(f"{kind}.html").split("{{"):
        key, closed, rest = piece.partition("}}")
        out += [parts[key], rest] if closed and key in parts else [piece]
    return "".join(out)


def _asset(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def _source(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
