"""The dial as one HTML file that opens by a double-click, offline, on a phone, for years.

The page's own ES modules are set one after the other into one script, each in a scope of its own: a file opened from a
disk may import nothing.
"""

from __future__ import annotations

import base64
import html
import re
from functools import cache
from pathlib import Path

from dashboard.components import FOLDER
from sae_core.sweep.film import Film

__all__ = ["LARGEST", "dial_page"]

LARGEST = 5_000_000
"""Bytes of the file."""

MODULES = ("dom.js", "frame.js", "colours.js", "path/frontier.js", "path/film.js")
"""In the order in which they need each other."""

_IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:function|class|const) )(\w+ (\w+))", re.MULTILINE)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="{lead}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ --st-text-color: #1b2733; --st-primary-color: #0072b2; --pa-paper: #ffffff; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --st-text-color: #e6ebf0; --st-primary-color: #4fa3da; --pa-paper: #12171d; }}
}}
body {{ margin: 0 auto; padding: clamp(1rem, 3vw, 2.2rem); max-width: 80rem;
  background: var(--pa-paper); color: var(--st-text-color);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }}
h1 {{ font-size: clamp(1.7rem, 4.5vw, 2.6rem); line-height: 1.1; margin: 0 0 0.5rem;
  letter-spacing: -0.02em; font-weight: 750; }}
.lead {{ margin: 0 0 1.2rem; max-width: 44rem; font-size: clamp(0.98rem, 1.6vw, 1.1rem); line-height: 1.5;
  color: color-mix(in srgb, var(--st-text-color) 72%, transparent); }}
footer {{ margin-top: 1.6rem; padding-top: 0.8rem; font-size: 0.8rem;
  border-top: 1px solid color-mix(in srgb, var(--st-text-color) 14%, transparent);
  color: color-mix(in srgb, var(--st-text-color) 60%, transparent); }}
{css}
</style>
</head>
<body>
<h1>How sparse should it be?</h1>
<p class="lead">{lead}</p>
<main id="dial"></main>
<footer>Drag the dial, press play, or touch a digit to see which units it lights.
Made with Penstroke: run {run}, {about}.</footer>
<script type="text/plain" id="film">{film}</script>
<script type="module">
{script}
const text = document.getElementById("film").textContent;
const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const dial = new path_film.Film();
document.getElementById("dial").append(dial.node);
dial.load(frame.parseFrame(bytes.buffer));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {{ dial.colours(); dial.set(dial.at); }});
</script>
</body>
</html>
"""


def dial_page(film: Film) -> bytes:
    """The file.

    Raises:
        ValueError: it would have more than `LARGEST` bytes.
    """
    about = film.about
    lead = (
        f"A network of {about['latents']} units learned to copy {_images(about['dataset'])}. The further right the "
        "dial, the fewer may light up at once, so each has to mean more: static turns into pen strokes, and strokes "
        "into whole shapes."
    )
    page = PAGE.format(
        title="Penstroke: how sparse should it be?",
        css=(FOLDER / "path" / "path.css").read_text("utf-8"),
        lead=html.escape(lead),
        run=html.escape(about["run"]),
        about=html.escape(f"{about['label'].lower()}, method {about['method']}, {len(about['values'])} models"),
        film=base64.b64encode(film.to_bytes()).decode(),
        script=bundled(),
    ).encode()
    if len(page) > LARGEST:
        raise ValueError(f"The dial would be a file of {len(page):,} bytes, more than the {LARGEST:,} allowed.")
    return page


def _images(dataset: str) -> str:
    return {"mnist": "handwritten digits", "digits": "small handwritten digits"}.get(dataset, "pictures")


@cache
def bundled() -> str:
    """The modules as one script."""
    return "\n".join(_scoped(name, (FOLDER / name).read_text("utf-8")) for name in MODULES)


def _scoped(name: str, source: str) -> str:
    """``const path_film = (() => {…; return { Film };})();``."""
    exports: list[str] = []

    def export(match: re.Match[str]) -> str:
        exports.append(match[2])
        return match[1]

    def take(match: re.Match[str]) -> str:
        return f"const {{{match[1]}}} = {_variable(Path(match[2]).name)};"

    body = _EXPORT.sub(export, _IMPORT.sub(take, source))
    return f"const {_variable(name)} = (() => {{\n{body}\nreturn {{ {', '.join(exports)} }};\n}})();"


def _variable(name: str) -> str:
    """Modules are told apart by their file's name; those of this folder by ``path_`` before it."""
    stem = Path(name).stem
    return f"path_{stem}" if stem in {"film", "frontier"} else stem.replace("-", "_")
