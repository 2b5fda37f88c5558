# SPDX-License-Identifier: Apache-2.0
"""The bones of the report: a style sheet and the few pieces of HTML it is made of."""

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root { color-scheme: light; --ink: #1f2933; --muted: #5b6774; --line: #dfe5ec; --warm: #c2410c; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f7f9; color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.2rem 1rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.6rem 0 0.3rem; }
h2 { font-size: 1.2rem; margin: 0 0 0.5rem; }
p { margin: 0.4rem 0; }
.lead, figcaption, .note { color: var(--muted); }
figcaption, .note { font-size: 0.9rem; }
section, .cards > div { background: #fff; border: 1px solid var(--line); border-radius: 12px; }
section { padding: 1.1rem; margin-top: 1rem; overflow-x: auto; }
.cards { display: grid; gap: 0.7rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); }
.cards > div { padding: 0.8rem 1rem; }
.cards b { display: block; font-size: 1.45rem; line-height: 1.25; color: var(--warm); }
.cards span { color: var(--muted); font-size: 0.88rem; }
.maps { display: grid; gap: 0.6rem;
  grid-template-columns: repeat(auto-fill, minmax(8.4rem, 1fr)); }
.pair { display: grid; gap: 0.8rem; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); }
figure { margin: 0; }
img { width: 100%; height: auto; display: block; }
.strip { display: grid; grid-template-columns: 2.6rem 1fr; gap: 0.4rem; align-items: center;
  margin: 0.3rem 0; max-width: 44rem; }
.strip img { image-rendering: pixelated; }
table { border-collapse: collapse; font-size: 0.92rem; min-width: 18rem; }
th, td { text-align: left; padding: 0.28rem 0.8rem 0.28rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--muted); font-weight: 600; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; padding-left: 0.4rem; }
td.n { white-space: nowrap; }
.good { color: #2c7a3f; font-weight: 600; }
.bad { color: #b91c1c; font-weight: 700; }
code { font-size: 0.85em; overflow-wrap: anywhere; }
"""


def page(title: str, lead: str, parts: Iterable[str]) -> str:
    """The whole document; it asks for nothing outside itself."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body><main>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
{"".join(parts)}
</main></body>
</html>
"""


def section(heading: str, *parts: str) -> str:
    """A framed part of the page."""
    return f"<section><h2>{escape(heading)}</h2>{''.join(parts)}</section>\n"


def paragraph(text: str, kind: str = "") -> str:
    """Plain text; `kind` is a class of the style sheet."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def cards(figures: Sequence[tuple[str, str]]) -> str:
    """Large figures with a line below each."""
    boxes = (
        f"<div><b>{escape(big)}</b><span>{escape(small)}</span></div>" for big, small in figures
    )
    return f'<div class="cards">{"".join(boxes)}</div>\n'


def image(uri: str, caption: str, alternative: str) -> str:
    """An embedded picture with its caption."""
    return (
        f'<figure><img src="{uri}" alt="{escape(alternative)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: range) -> str:
    """A table whose columns in `numbers` are aligned right."""

    def line(tag: str, cells: Sequence[str]) -> str:
        parts = []
        for position, cell in enumerate(cells):
            kind = ' class="n"' if position in numbers else ""
            parts.append(f"<{tag}{kind}>{escape(cell)}</{tag}>")
        return f"<tr>{''.join(parts)}</tr>"

    body = "".join(line("td", row) for row in rows)
    return f"<table><thead>{line('th', header)}</thead><tbody>{body}</tbody></table>"


def verdict(text: str, good: bool) -> str:
    """A sentence in green or red."""
    return f'<p class="{"good" if good else "bad"}">{escape(text)}</p>'
