"""`/docs`: Swagger UI for the API's document, as one page that loads nothing from other hosts."""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files

START = """
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
window.ui = SwaggerUIBundle({
  url: "v1/openapi.json", dom_id: "#docs", deepLinking: true, tryItOutEnabled: true,
  persistAuthorization: true, displayRequestDuration: true, validatorUrl: null,
});
"""
# CORS preflights are for browsers, not for readers. On a phone, long names wrap and tables scroll.
STYLE = """
body { margin: 0 }
.dark-mode body { background: #1c2022 }
.swagger-ui :is(.topbar, .opblock-options) { display: none }
@media (max-width: 640px) {
  .swagger-ui .wrapper { padding: 0 10px }
  .swagger-ui :is(.opblock-body, .model-box, .responses-inner, .parameters-container) { overflow-x: auto }
  .swagger-ui :is(.opblock-summary-path, .opblock-summary-description, .info, .markdown) { overflow-wrap: anywhere }
}
"""


@dataclass(frozen=True)
class Page:
    """An HTML page, compressed with gzip, and a Content-Security-Policy that allows only the page's own scripts."""

    body: bytes
    policy: str


def docs_page() -> Page:
    """Swagger UI for `/v1/openapi.json`."""
    assets = files("flask_swagger_ui") / "dist"
    script = (assets / "swagger-ui-bundle.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
    style = (assets / "swagger-ui.css").read_text(encoding="utf-8") + STYLE
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Guichet API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><style>{style}</style></head>'
        f'<body><main id="docs"></main><script>{script}</script><script>{START}</script></body></html>'
    )
    policy = (
        "default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; base-uri 'none';"
        f" frame-ancestors 'none'; form-action 'none'; script-src {_hash(script)} {_hash(START)}"
    )
    return Page(gzip.compress(html.encode(), 6, mtime=0), policy)


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
