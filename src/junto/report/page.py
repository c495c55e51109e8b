"""HTML of a report: one self-contained page that loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { --ink: #1b2430; --dim: #5d6b7c; --edge: #d8dee6; --ground: #ffffff;
  --less: #b4552d; --more: #1f6f8b; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ef; --dim: #93a1b2; --edge: #36414f; --ground: #141a21;
    --less: #e08a5f; --more: #56b3d1; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 100rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word; }
main { columns: 34rem 2; column-gap: 3rem; } section { break-inside: avoid; }
.whole { column-span: all; }
summary { cursor: pointer; } details table { font-size: 0.9em; }
h1 { font-size: 1.7rem; margin-bottom: 0.2rem; } h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; }
p.dim { color: var(--dim); margin-top: 0; }
p.trust { border-left: 4px solid var(--more); padding-left: 0.8rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.9rem 0.25rem 0; border-bottom: 1px solid var(--edge);
  vertical-align: top; } th { color: var(--dim); font-weight: 600; white-space: nowrap; }
svg { max-width: 100%; height: auto; }
svg text { fill: var(--ink); font-size: 12px; } .field { fill: none; stroke: var(--edge); }
.line { fill: none; stroke: var(--more); stroke-width: 2; } .axis { stroke: var(--dim); }
.even { fill: none; stroke: var(--dim); stroke-dasharray: 4 4; }
.lane { display: grid; grid-template-columns: minmax(4rem, 9rem) 1fr; gap: 0.6rem; margin: 0.3rem 0; }
.lane > span { overflow-wrap: anywhere; } .track { position: relative; background: var(--edge); }
.track i { position: absolute; top: 0; bottom: 0; min-width: 2px; background: var(--more); }
.ends { display: flex; justify-content: space-between; color: var(--dim); }
.bars { position: relative; margin: 0.1rem 0; } .bars .bar { display: grid; align-items: center;
  grid-template-columns: minmax(0, 12rem) minmax(4rem, 16rem) 5rem; gap: 0.6rem; }
.bar > span { overflow-wrap: anywhere; text-align: right; } .bar > b { font-weight: 400; }
.bar > div { position: relative; height: 0.9rem; background: linear-gradient(var(--dim), var(--dim))
  center / 1px 100% no-repeat; } .bar i { position: absolute; top: 0; bottom: 0; }
.more { background: var(--more); } .less { background: var(--less); }
@media (max-width: 40rem) { th, td { padding-right: 0.5rem; } table { font-size: 0.9em; } }
"""


def page(title: str, subtitle: str, sections: Iterable[str]) -> str:
    """A whole document."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f'<body><h1>{escape(title)}</h1><p class="dim">{escape(subtitle)}</p>\n<main>'
        + "\n".join(sections)
        + "</main>\n</body></html>\n"
    )


def section(title: str, *parts: str, whole: bool = False) -> str:
    """A heading and what stands under it; `whole`: over all columns of a wide screen."""
    kind = ' class="whole"' if whole else ""
    return f"<section{kind}><h2>{escape(title)}</h2>{''.join(parts)}</section>"
