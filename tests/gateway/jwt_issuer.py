"""An issuer of JWTs with its own key, and a server for its key set."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, RSAAlgorithm


class JwtIssuer:
    """Signs tokens with RS256, ES256 or HS256."""

    def __init__(self, name: str, audience: str, algorithm: str) -> None:
        self.name = name
        self.audience = audience
        self.algorithm = algorithm

    @cached_property
    def key(self) -> Any:
        if self.algorithm == "RS256":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if self.algorithm == "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        return b"a secret of thirty-two bytes, ok"

    @property
    def jwks(self) -> str:
        if self.algorithm == "RS256":
            key = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        elif self.algorithm == "ES256":
            key = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        else:
            key = HMACAlgorithm.to_jwk(self.key, as_dict=True)
        key.pop("key_ops", None)
        return json.dumps({"keys": [{**key, "kid": self.name, "alg": self.algorithm}]})

    def token(self, **claims: Any) -> str:
        """A valid token with these claims changed; a claim that is None is left out."""
        valid = {"iss": self.name, "sub": "someone", "aud": self.audience, "exp": int(time.time()) + 3600}
        merged = {name: value for name, value in (valid | claims).items() if value is not None}
        return jwt.encode(merged, self.key, algorithm=self.algorithm, headers={"kid": self.name})


@contextmanager
def key_server(jwks: str) -> Iterator[str]:
    """Serves `/jwks`, and its URL in `/.well-known/openid-configuration`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = jwks if self.path == "/jwks" else json.dumps({"jwks_uri": f"{url}/jwks"})
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
