"""The requests to the fake cloud that gcloud's commands send."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.fake_google_cloud.state import PROJECT

TRIES = 5
KNATIVE = f"/apis/serving.knative.dev/v1/namespaces/{PROJECT}"
HERE = f"/v1/projects/{PROJECT}"
GLOBAL = f"{HERE}/locations/global"
KEYS = f"/v2/projects/{PROJECT}/locations/global/keys"


class Failed(Exception):
    """gcloud's last line."""


class Killed(BaseException):
    """The deployment tool was killed."""


class Arguments:
    """A parsed command line: words and options."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        self.options: dict[str, str] = {}
        words = []
        for word in argv[1:]:
            if word.startswith("--"):
                name, _, value = word[2:].partition("=")
                self.options[name] = value
            else:
                words.append(word)
        self.words = words

    def __getitem__(self, option: str) -> str:
        return self.options[option]

    def filled(self, pattern: str) -> str:
        """The pattern with its words, such as {0}, and its options, such as {location}."""
        return pattern.format(*self.words, **self.options)


@dataclass(frozen=True)
class Request:
    """A command that is one request. `path` and the values of `body` may name words and options.

    `field` of the response is the result, `file` is the option that names a file with the body, and an `operation` is
    waited for.
    """

    method: str
    path: str
    field: str = ""
    body: dict[str, str] | None = None
    file: str = ""
    operation: bool = False


def change(method: str, path: str, **body: str) -> Request:
    return Request(method, path, body=body or ({} if method == "POST" else None), operation=True)


CONFIG_NAME = f"projects/{PROJECT}/locations/global/apis/{{api}}/configs/{{api-config}}"
METRICS = f"/v2/projects/{PROJECT}/metrics"
POLICIES = f"/v3/projects/{PROJECT}/alertPolicies"
REGIONAL = f"{HERE}/locations/{{location}}"
REQUESTS = {
    "projects describe": Request("GET", "/v1/projects/{0}"),
    "services list": Request("GET", f"{HERE}/services", "services"),
    "iam service-accounts list": Request("GET", f"{HERE}/serviceAccounts", "accounts"),
    "iam service-accounts delete": Request("DELETE", f"{HERE}/serviceAccounts/{{0}}"),
    "artifacts repositories list": Request("GET", f"{REGIONAL}/repositories", "repositories"),
    "artifacts repositories create": change("POST", f"{REGIONAL}/repositories?repositoryId={{0}}", format="DOCKER"),
    "artifacts repositories delete": change("DELETE", f"{REGIONAL}/repositories/{{0}}"),
    "builds list": Request("GET", f"{GLOBAL}/builds", "builds"),
    "builds get-default-service-account": Request("GET", f"{GLOBAL}/defaultServiceAccount"),
    "projects get-iam-policy": Request("POST", f"{HERE}:getIamPolicy", body={}),
    "org-policies describe": Request("GET", f"/v2/projects/{PROJECT}/policies/{{0}}:getEffectivePolicy"),
    "logging metrics list": Request("GET", METRICS, "metrics"),
    "logging metrics create": Request("POST", METRICS, file="config-from-file"),
    "logging metrics update": Request("PUT", f"{METRICS}/{{0}}", file="config-from-file"),
    "logging metrics delete": Request("DELETE", f"{METRICS}/{{0}}"),
    "monitoring dashboards create": Request("POST", f"{HERE}/dashboards", file="config-from-file"),
    "monitoring dashboards delete": Request("DELETE", f"{HERE}/dashboards/{{0}}"),
    "alpha monitoring policies create": Request("POST", POLICIES, file="policy-from-file"),
    "alpha monitoring policies delete": Request("DELETE", f"{POLICIES}/{{0}}"),
    "run services list": Request("GET", f"{KNATIVE}/services", "items"),
    "run revisions list": Request("GET", f"{KNATIVE}/revisions", "items"),
    "api-gateway apis create": change("POST", f"{GLOBAL}/apis?apiId={{0}}"),
    "api-gateway apis describe": Request("GET", f"{GLOBAL}/apis/{{0}}"),
    "api-gateway apis delete": change("DELETE", f"{GLOBAL}/apis/{{0}}"),
    "api-gateway api-configs describe": Request("GET", f"{GLOBAL}/apis/{{api}}/configs/{{0}}"),
    "api-gateway api-configs delete": change("DELETE", f"{GLOBAL}/apis/{{api}}/configs/{{0}}"),
    "api-gateway gateways create": change("POST", f"{REGIONAL}/gateways?gatewayId={{0}}", apiConfig=CONFIG_NAME),
    "api-gateway gateways update": change("PATCH", f"{REGIONAL}/gateways/{{0}}", apiConfig=CONFIG_NAME),
    "api-gateway gateways describe": Request("GET", f"{REGIONAL}/gateways/{{0}}"),
    "api-gateway gateways delete": change("DELETE", f"{REGIONAL}/gateways/{{0}}"),
    "services api-keys list": Request("GET", f"{KEYS}?showDeleted=true", "keys"),
    "services api-keys get-key-string": Request("GET", f"{KEYS}/{{0}}/keyString", "keyString"),
    "services api-keys delete": change("DELETE", f"{KEYS}/{{0}}"),
    "secrets list": Request("GET", f"{HERE}/secrets", "secrets"),
    "secrets delete": Request("DELETE", f"{HERE}/secrets/{{0}}"),
    "secrets versions list": Request("GET", f"{HERE}/secrets/{{0}}/versions", "versions"),
    "secrets versions destroy": Request("POST", f"{HERE}/secrets/{{secret}}/versions/{{0}}:destroy", body={}),
}


class CloudRequests:
    """Sends requests to the fake cloud at `address`; the files of commands are in `folder`."""

    def __init__(self, address: str, folder: Path) -> None:
        self._host = address.removeprefix("http://")
        self._folder = folder
        self.dead = False

    def sent(self, request: Request, arguments: Arguments) -> Any:
        """Sends the request of a command; returns its result."""
        path, body = arguments.filled(request.path), request.body
        if request.file:
            body = self.json_file(arguments[request.file])
        elif body:
            body = {name: arguments.filled(value) for name, value in body.items()}
        if request.operation:
            return self.change(request.method, path, body)
        found = self.ask(request.method, path, body, region=arguments.options.get("region", ""))
        return found.get(request.field, []) if request.field else found

    def json_file(self, file: str) -> Any:
        return json.loads((self._folder / file).read_text(encoding="utf-8"))

    def bind(self, place: str, arguments: Arguments, method: str = "GET") -> None:
        policy = self.ask(method, f"{place}:getIamPolicy")
        bindings = policy.setdefault("bindings", [])
        for binding in bindings:
            if binding["role"] == arguments["role"]:
                binding["members"] = sorted({*binding["members"], arguments["member"]})
                break
        else:
            bindings.append({"role": arguments["role"], "members": [arguments["member"]]})
        self.ask("POST", f"{place}:setIamPolicy", {"policy": policy})

    def unbind(self, place: str, arguments: Arguments, method: str = "GET") -> None:
        policy = self.ask(method, f"{place}:getIamPolicy")
        for binding in policy.get("bindings", []):
            if binding["role"] == arguments["role"]:
                binding["members"] = [member for member in binding["members"] if member != arguments["member"]]
        policy["bindings"] = [binding for binding in policy.get("bindings", []) if binding["members"]]
        self.ask("POST", f"{place}:setIamPolicy", {"policy": policy})

    def change(self, method: str, path: str, body: object = None) -> None:
        """Sends a request that starts an operation, and waits for its end."""
        operation = self.ask(method, path, body)
        version = "v2" if path.startswith("/v2") else "v1"
        while not operation.get("done"):
            operation = self.ask("GET", f"/{version}/{operation['name']}")
        if "error" in operation:
            raise Failed(operation["error"]["message"])

    def ask(
        self, method: str, path: str, body: object = None, *, region: str = "", multipart: bytes = b""
    ) -> dict[str, Any]:
        """Sends a request; retries lost responses and 5xx, as gcloud does."""
        content, kind = json.dumps(body).encode() if body is not None else b"", "application/json"
        if multipart:
            content = b"--x\r\n\r\n{}\r\n--x\r\n\r\n" + multipart + b"\r\n--x--"
            kind = "multipart/related; boundary=x"
        headers = {"Content-Type": kind}
        if region:
            headers["Host"] = f"{region}-run.googleapis.com"
        for left in reversed(range(TRIES)):
            if self.dead:
                raise Killed
            connection = http.client.HTTPConnection(self._host, timeout=10)
            try:
                connection.request(method, path, content, headers)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as err:
                if not left:
                    raise Failed(f"There was a problem refreshing: {err!r}") from None
                continue
            finally:
                connection.close()
            if answer.status < 500 or not left:
                break
        found: dict[str, Any] = json.loads(text or b"{}")
        if answer.status >= 400:
            error = found["error"]
            raise Failed(f"{error['status']}: {error['message']}")
        return found
