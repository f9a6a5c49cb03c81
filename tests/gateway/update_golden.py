"""The examples: one folder for each feature, with a document and the Envoy bootstrap it becomes.

`python -m tests.gateway.update_golden` rewrites the bootstraps; read the difference before you commit it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from gateway.api import read_api
from gateway.api_keys import Key
from gateway.document.parse import read_document
from gateway.envoy.bootstrap import bootstrap, resources
from gateway.origin import origin
from gateway.product.openapi_document import as_yaml
from gateway.runtime import AddressPrefix, Runtime, Target

EXAMPLES = Path(__file__).with_name("examples")
RUNTIME = Runtime(
    port=8080,
    keys=(Key("one", "1111"), Key("two", "2222"), Key("three", "3333", enabled=False)),
    backend_overrides={AddressPrefix(origin("http://model.test")): Target(origin("http://127.0.0.1:9001"))},
    jwks={
        "https://staff.test/keys": json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "kid": "1", "k": "c2VjcmV0"}]})
    },
    id_tokens={"http://run.test": "TOKEN-FOR-RUN", "http://run.test/other": "TOKEN-FOR-OTHER"},
    # Relative to the folder where Envoy runs.
    ca_file="ca.pem",
)


def examples() -> list[Path]:
    return sorted(path.parent for path in EXAMPLES.glob("*/document.yaml"))


def actual_bootstrap(example: Path) -> dict[str, Any]:
    api = read_api(read_document(example / "document.yaml").data)
    return bootstrap(resources(api, RUNTIME), admin_port=9901)


def golden_bootstrap(example: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((example / "bootstrap.yaml").read_text())
    return found


def main() -> None:
    for example in examples():
        (example / "bootstrap.yaml").write_text(as_yaml(actual_bootstrap(example)))


if __name__ == "__main__":
    main()
