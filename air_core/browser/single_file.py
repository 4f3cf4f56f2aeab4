"""The studio as one HTML file that needs nothing else: for a lecture, a blog, a paper's supplement."""

from __future__ import annotations

import base64
import json
import re

from air_core.browser import FOLDERS

_IMPORT = re.compile(r'from "\.\.?/(?:engine/)?([a-z_]+\.js)"')

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' data:; img-src data: blob:">
<title>AIR studio</title>
<style>
:root {{ color-scheme: light dark; --st-background-color: #fff; --st-text-color: #31333f; }}
@media (prefers-color-scheme: dark) {{ :root {{ --st-background-color: #0e1117; --st-text-color: #fafafa; --st-primary-color: #9d8bff; }} }}
body {{ max-width: 76rem; margin: 2rem auto; padding: 0 1.25rem; background: var(--st-background-color); }}
{css}
</style>
<script type="importmap">{importmap}</script>
</head>
<body>
<div class="air-studio" id="studio"><p role="status">Loading the network …</p></div>
<script type="application/json" id="data">{data}</script>
<script type="application/octet-stream" id="weights">{weights}</script>
<script type="module">import {{ open }} from "air/alone.js"; open(document);</script>
</body>
</html>
"""


def modules() -> dict[str, str]:
    """The text of every module by the name it is imported by: `air/<file>`."""
    paths = [path for folder in FOLDERS.values() for path in sorted(folder.glob("*.js"))]
    return {f"air/{path.name}": _IMPORT.sub(r'from "air/\1"', path.read_text()) for path in paths}


def in_script(text: str) -> str:
    """JSON that may stand in a script element: no `<` of it can end that."""
    return text.replace("<", "\\u003c")


def single_file(weights: bytes, data: dict) -> str:
    """One HTML file with engine, weights (`export_weights`) and what the views are told.

    `data` holds `title`, `scenes` (uint8 in base64), and what `Compose` and `Draw` are told.
    """
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in modules().items()}
    imports = {name: f"data:text/javascript;base64,{text}" for name, text in encoded.items()}
    return TEMPLATE.format(
        css=(FOLDERS["studio"] / "studio.css").read_text(),
        importmap=in_script(json.dumps({"imports": imports})),
        data=in_script(json.dumps(data)),
        weights=base64.b64encode(weights).decode(),
    )
