"""A fast fake of gcloud: it sends the same requests, without gcloud's half a second per command.

It knows the commands of `deploy.cloud.commands` only. The tests with the real gcloud show that it behaves the same.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ruamel.yaml import YAML

from deploy.cloud.gcloud import Output
from tests.deploy.fake_google_cloud.state import OVERRIDDEN, PROJECT

TRIES = 5
KNATIVE = f"/apis/serving.knative.dev/v1/namespaces/{PROJECT}"
GLOBAL = f"/v1/projects/{PROJECT}/locations/global"


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


class FakeGcloud:
    """A `deploy.cloud.gcloud.Run` that sends requests to the fake cloud at `address` and reads files from `folder`."""

    def __init__(self, address: str, folder: Path) -> None:
        self._host = address.removeprefix("http://")
        self._folder = folder
        self.commands: list[tuple[str, ...]] = []
        self.dead = False

    def __call__(self, argv: tuple[str, ...], stdin: str | None = None) -> Output:
        self.commands.append(argv)
        arguments = Arguments(argv)
        for length in (4, 3, 2, 1):
            name = "_".join(arguments.words[:length]).replace("-", "_")
            command: Callable[[Arguments, str], Any] | None = getattr(self, f"do_{name}", None)
            if command:
                arguments.words = arguments.words[length:]
                break
        else:
            raise AssertionError(f"the fake gcloud does not know {' '.join(argv)}")
        try:
            found = command(arguments, stdin or "")
        except Failed as err:
            return Output(1, "", f"ERROR: (gcloud.{name.replace('_', '.')}) {err}\n")
        return Output(0, _formatted(found, arguments.options.get("format", "")), "")

    # gcloud itself

    def do_version(self, arguments: Arguments, stdin: str) -> Any:
        return {"Google Cloud SDK": "528.0.0"}

    def do_config_list(self, arguments: Arguments, stdin: str) -> Any:
        endpoints = dict.fromkeys(OVERRIDDEN, f"http://{self._host}/")
        return {
            "core": {"project": PROJECT},
            "auth": {"disable_credentials": "true"},
            "api_endpoint_overrides": endpoints,
        }

    def do_projects_describe(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"/v1/projects/{arguments.words[0]}")

    def do_billing_projects_describe(self, arguments: Arguments, stdin: str) -> Any:
        return str(self._ask("GET", f"/v1/projects/{PROJECT}/billingInfo")["billingEnabled"])

    # APIs, service accounts, policies

    def do_services_list(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"/v1/projects/{PROJECT}/services")["services"]

    def do_services_enable(self, arguments: Arguments, stdin: str) -> Any:
        names = arguments.words
        if len(names) == 1:
            self._change("POST", f"/v1/projects/{PROJECT}/services/{names[0]}:enable")
        else:
            self._change("POST", f"/v1/projects/{PROJECT}/services:batchEnable", {"serviceIds": names})

    def do_services_disable(self, arguments: Arguments, stdin: str) -> Any:
        usage = {} if "force" in arguments.options else {"checkIfServiceHasUsage": "CHECK"}
        self._change("POST", f"/v1/projects/{PROJECT}/services/{arguments.words[0]}:disable", usage)

    def do_iam_service_accounts_list(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"/v1/projects/{PROJECT}/serviceAccounts")["accounts"]

    def do_iam_service_accounts_create(self, arguments: Arguments, stdin: str) -> Any:
        account = {"displayName": arguments["display-name"]}
        body = {"accountId": arguments.words[0], "serviceAccount": account}
        self._ask("POST", f"/v1/projects/{PROJECT}/serviceAccounts", body)

    def do_iam_service_accounts_delete(self, arguments: Arguments, stdin: str) -> Any:
        self._ask("DELETE", f"/v1/projects/{PROJECT}/serviceAccounts/{arguments.words[0]}")

    # Images

    def do_artifacts_repositories_list(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", self._regional(arguments, "repositories"))["repositories"]

    def do_artifacts_repositories_create(self, arguments: Arguments, stdin: str) -> Any:
        self._change(
            "POST", self._regional(arguments, f"repositories?repositoryId={arguments.words[0]}"), {"format": "DOCKER"}
        )

    def do_artifacts_repositories_delete(self, arguments: Arguments, stdin: str) -> Any:
        self._change("DELETE", self._regional(arguments, f"repositories/{arguments.words[0]}"))

    def do_artifacts_docker_images_delete(self, arguments: Arguments, stdin: str) -> Any:
        return None

    def do_builds_submit(self, arguments: Arguments, stdin: str) -> Any:
        text = (self._folder / arguments["config"]).read_text(encoding="utf-8")
        bucket, _, place = arguments["gcs-source-staging-dir"].removeprefix("gs://").partition("/")
        try:
            self._ask("GET", f"/storage/v1/b/{bucket}")
        except Failed:
            with contextlib.suppress(Failed):  # it may be made by another submission meanwhile
                self._ask("POST", "/storage/v1/b", {"name": bucket})
        session = {"name": f"{place}/source.tgz"}
        self._ask(
            "POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart&name={session['name']}", multipart=b"source"
        )
        given = dict(pair.split("=", 1) for pair in arguments["substitutions"].split(","))
        build = YAML(typ="safe", pure=True).load(text)
        build["source"] = {"storageSource": {"bucket": bucket, "object": session["name"]}}
        build["substitutions"] = build.get("substitutions", {}) | given
        made = self._ask("POST", f"{GLOBAL}/builds", build)["metadata"]["build"]
        return [made["id"], made["logUrl"]]

    def do_builds_list(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"{GLOBAL}/builds")["builds"]

    def do_builds_describe(self, arguments: Arguments, stdin: str) -> Any:
        found = self._ask("GET", f"{GLOBAL}/builds/{arguments.words[0]}")
        if "flatten" in arguments.options:
            return "\n".join(f"{image['name']}\t{image['digest']}" for image in found["results"]["images"])
        return found

    def do_builds_log(self, arguments: Arguments, stdin: str) -> Any:
        return "BUILD\nthe last line of the log"

    def do_builds_get_default_service_account(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"{GLOBAL}/defaultServiceAccount")

    def do_projects_get_iam_policy(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("POST", f"/v1/projects/{PROJECT}:getIamPolicy", {})

    def do_projects_add_iam_policy_binding(self, arguments: Arguments, stdin: str) -> Any:
        self._bind(f"/v1/projects/{PROJECT}", arguments, "POST")

    def do_projects_remove_iam_policy_binding(self, arguments: Arguments, stdin: str) -> Any:
        self._unbind(f"/v1/projects/{PROJECT}", arguments, "POST")

    def do_org_policies_describe(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"/v2/projects/{PROJECT}/policies/{arguments.words[0]}:getEffectivePolicy")

    def do_storage_rm(self, arguments: Arguments, stdin: str) -> Any:
        bucket, _, prefix = arguments.words[0].removeprefix("gs://").partition("/")
        found = self._ask("GET", f"/storage/v1/b/{bucket}/o?prefix={prefix}/").get("items", [])
        if not found:
            raise Failed("The following URLs matched no objects or files.")
        for item in found:
            self._ask("DELETE", f"/storage/v1/b/{bucket}/o/{quote(item['name'], safe='')}")

    def do_logging_read(self, arguments: Arguments, stdin: str) -> Any:
        body = {"resourceNames": [f"projects/{PROJECT}"], "filter": arguments.words[0], "pageSize": 50}
        return self._ask("POST", "/v2/entries:list", body)["entries"][: int(arguments["limit"])]

    # Monitoring

    def do_logging_metrics_list(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"/v2/projects/{PROJECT}/metrics").get("metrics", [])

    def do_logging_metrics_create(self, arguments: Arguments, stdin: str) -> Any:
        self._ask("POST", f"/v2/projects/{PROJECT}/metrics", self._json(arguments["config-from-file"]))

    def do_logging_metrics_update(self, arguments: Arguments, stdin: str) -> Any:
        place = f"/v2/projects/{PROJECT}/metrics/{arguments.words[0]}"
        self._ask("PUT", place, self._json(arguments["config-from-file"]))

    def do_logging_metrics_delete(self, arguments: Arguments, stdin: str) -> Any:
        self._ask("DELETE", f"/v2/projects/{PROJECT}/metrics/{arguments.words[0]}")

    def do_monitoring_dashboards_list(self, arguments: Arguments, stdin: str) -> Any:
        found = self._ask("GET", f"/v1/projects/{PROJECT}/dashboards").get("dashboards", [])
        if arguments.options.get("format", "").startswith("value"):
            return "\n".join(item["name"].rpartition("/")[2] for item in found)
        return found

    def do_monitoring_dashboards_create(self, arguments: Arguments, stdin: str) -> Any:
        self._ask("POST", f"/v1/projects/{PROJECT}/dashboards", self._json(arguments["config-from-file"]))

    def do_monitoring_dashboards_delete(self, arguments: Arguments, stdin: str) -> Any:
        self._ask("DELETE", f"/v1/projects/{PROJECT}/dashboards/{arguments.words[0]}")

    def do_alpha_monitoring_policies_list(self, arguments: Arguments, stdin: str) -> Any:
        found = self._ask("GET", f"/v3/projects/{PROJECT}/alertPolicies").get("alertPolicies", [])
        name = arguments["filter"].rpartition("=")[2]
        if "format" in arguments.options and arguments["format"].startswith("value"):
            return "\n".join(item["name"].rpartition("/")[2] for item in found if item["userLabels"]["guichet"] == name)
        return found

    def do_alpha_monitoring_policies_create(self, arguments: Arguments, stdin: str) -> Any:
        self._ask("POST", f"/v3/projects/{PROJECT}/alertPolicies", self._json(arguments["policy-from-file"]))

    def do_alpha_monitoring_policies_delete(self, arguments: Arguments, stdin: str) -> Any:
        self._ask("DELETE", f"/v3/projects/{PROJECT}/alertPolicies/{arguments.words[0]}")

    # Services

    def do_run_services_list(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"{KNATIVE}/services", region=arguments["region"])["items"]

    def do_run_revisions_list(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"{KNATIVE}/revisions", region=arguments["region"])["items"]

    def do_run_services_describe(self, arguments: Arguments, stdin: str) -> Any:
        return self._service(arguments.words[0], arguments["region"], f"Cannot find service [{arguments.words[0]}]")

    def do_run_services_replace(self, arguments: Arguments, stdin: str) -> Any:
        manifest = json.loads((self._folder / arguments.words[0]).read_text(encoding="utf-8"))
        name, region = manifest["metadata"]["name"], arguments["region"]
        try:
            before = self._service(name, region)
            manifest["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
            self._ask("PUT", f"{KNATIVE}/services/{name}", manifest, region=region)
        except Failed as err:
            if "does not exist" not in str(err):
                raise
            self._ask("POST", f"{KNATIVE}/services", manifest, region=region)
        return self._rolled_out(name, region)

    def do_run_services_update_traffic(self, arguments: Arguments, stdin: str) -> Any:
        name, region = arguments.words[0], arguments["region"]
        service, options = self._service(name, region), arguments.options
        tagged = [part for part in service["spec"]["traffic"] if part.get("tag", "") != options.get("remove-tags")]
        tagged = [{**part, "percent": 0} for part in tagged if "tag" in part]
        if "to-latest" in options:
            shares: list[dict[str, Any]] = [{"latestRevision": True, "percent": 100}]
        else:
            pairs = [pair.split("=") for pair in options["to-revisions"].split(",")]
            shares = [{"revisionName": revision, "percent": int(percent)} for revision, percent in pairs]
        service["spec"]["traffic"] = [*shares, *tagged]
        self._ask("PUT", f"{KNATIVE}/services/{name}", service, region=region)
        self._rolled_out(name, region)

    def do_run_services_delete(self, arguments: Arguments, stdin: str) -> Any:
        name = arguments.words[0]
        self._service(name, arguments["region"], f"Service [{name}] could not be found.")
        self._ask("DELETE", f"{KNATIVE}/services/{name}", region=arguments["region"])

    def do_run_services_add_iam_policy_binding(self, arguments: Arguments, stdin: str) -> Any:
        self._bind(self._regional(arguments, f"services/{arguments.words[0]}", "region"), arguments)

    def do_run_services_remove_iam_policy_binding(self, arguments: Arguments, stdin: str) -> Any:
        self._unbind(self._regional(arguments, f"services/{arguments.words[0]}", "region"), arguments)

    # The gateway

    def do_api_gateway_apis_create(self, arguments: Arguments, stdin: str) -> Any:
        self._change("POST", f"{GLOBAL}/apis?apiId={arguments.words[0]}", {})

    def do_api_gateway_apis_describe(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"{GLOBAL}/apis/{arguments.words[0]}")

    def do_api_gateway_apis_delete(self, arguments: Arguments, stdin: str) -> Any:
        self._change("DELETE", f"{GLOBAL}/apis/{arguments.words[0]}")

    def do_api_gateway_api_configs_create(self, arguments: Arguments, stdin: str) -> Any:
        contents = base64.b64encode((self._folder / arguments["openapi-spec"]).read_bytes()).decode()
        body = {
            "openapiDocuments": [{"document": {"path": "openapi.json", "contents": contents}}],
            "gatewayServiceAccount": arguments["backend-auth-service-account"],
        }
        self._change("POST", f"{GLOBAL}/apis/{arguments['api']}/configs?apiConfigId={arguments.words[0]}", body)

    def do_api_gateway_api_configs_describe(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"{GLOBAL}/apis/{arguments['api']}/configs/{arguments.words[0]}")

    def do_api_gateway_api_configs_delete(self, arguments: Arguments, stdin: str) -> Any:
        self._change("DELETE", f"{GLOBAL}/apis/{arguments['api']}/configs/{arguments.words[0]}")

    def do_api_gateway_gateways_create(self, arguments: Arguments, stdin: str) -> Any:
        self._change(
            "POST", self._regional(arguments, f"gateways?gatewayId={arguments.words[0]}"), self._config(arguments)
        )

    def do_api_gateway_gateways_update(self, arguments: Arguments, stdin: str) -> Any:
        self._change("PATCH", self._regional(arguments, f"gateways/{arguments.words[0]}"), self._config(arguments))

    def do_api_gateway_gateways_describe(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", self._regional(arguments, f"gateways/{arguments.words[0]}"))

    def do_api_gateway_gateways_delete(self, arguments: Arguments, stdin: str) -> Any:
        self._change("DELETE", self._regional(arguments, f"gateways/{arguments.words[0]}"))

    # Keys and secrets

    def do_services_api_keys_list(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"/v2/projects/{PROJECT}/locations/global/keys?showDeleted=true")["keys"]

    def do_services_api_keys_create(self, arguments: Arguments, stdin: str) -> Any:
        target = arguments["api-target"].removeprefix("service=")
        body = {"displayName": arguments["display-name"], "restrictions": {"apiTargets": [{"service": target}]}}
        self._change("POST", f"/v2/projects/{PROJECT}/locations/global/keys?keyId={arguments['key-id']}", body)

    def do_services_api_keys_get_key_string(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"/v2/projects/{PROJECT}/locations/global/keys/{arguments.words[0]}/keyString")[
            "keyString"
        ]

    def do_services_api_keys_delete(self, arguments: Arguments, stdin: str) -> Any:
        self._change("DELETE", f"/v2/projects/{PROJECT}/locations/global/keys/{arguments.words[0]}")

    def do_secrets_list(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"/v1/projects/{PROJECT}/secrets")["secrets"]

    def do_secrets_create(self, arguments: Arguments, stdin: str) -> Any:
        body: dict[str, Any] = {"replication": {"automatic": {}}}
        self._ask("POST", f"/v1/projects/{PROJECT}/secrets?secretId={arguments.words[0]}", body)

    def do_secrets_delete(self, arguments: Arguments, stdin: str) -> Any:
        self._ask("DELETE", f"/v1/projects/{PROJECT}/secrets/{arguments.words[0]}")

    def do_secrets_add_iam_policy_binding(self, arguments: Arguments, stdin: str) -> Any:
        self._bind(f"/v1/projects/{PROJECT}/secrets/{arguments.words[0]}", arguments)

    def do_secrets_versions_list(self, arguments: Arguments, stdin: str) -> Any:
        return self._ask("GET", f"/v1/projects/{PROJECT}/secrets/{arguments.words[0]}/versions")["versions"]

    def do_secrets_versions_add(self, arguments: Arguments, stdin: str) -> Any:
        file = arguments["data-file"]
        content = stdin.encode() if file == "-" else (self._folder / file).read_bytes()
        body = {"payload": {"data": base64.urlsafe_b64encode(content).decode()}}
        made = self._ask("POST", f"/v1/projects/{PROJECT}/secrets/{arguments.words[0]}:addVersion", body)
        return made["name"].rsplit("/", 1)[-1]

    def do_secrets_versions_destroy(self, arguments: Arguments, stdin: str) -> Any:
        place = f"/v1/projects/{PROJECT}/secrets/{arguments['secret']}/versions/{arguments.words[0]}"
        self._ask("POST", f"{place}:destroy", {})

    def do_secrets_versions_access(self, arguments: Arguments, stdin: str) -> Any:
        place = f"/v1/projects/{PROJECT}/secrets/{arguments['secret']}/versions/{arguments.words[0]}"
        return base64.b64decode(self._ask("GET", f"{place}:access")["payload"]["data"]).decode()

    # Helpers of the commands

    def _json(self, file: str) -> Any:
        return json.loads((self._folder / file).read_text(encoding="utf-8"))

    def _service(self, name: str, region: str, missing: str = "") -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._ask("GET", f"{KNATIVE}/services/{name}", region=region)
        except Failed as err:
            raise Failed(missing or str(err)) from None
        return found

    def _rolled_out(self, name: str, region: str) -> dict[str, Any]:
        service = self._service(name, region)
        ready = service["status"]["conditions"][0]
        if ready["status"] != "True":
            raise Failed(ready["message"])
        return service

    def _unbind(self, place: str, arguments: Arguments, method: str = "GET") -> None:
        policy = self._ask(method, f"{place}:getIamPolicy")
        for binding in policy.get("bindings", []):
            if binding["role"] == arguments["role"]:
                binding["members"] = [member for member in binding["members"] if member != arguments["member"]]
        policy["bindings"] = [binding for binding in policy.get("bindings", []) if binding["members"]]
        self._ask("POST", f"{place}:setIamPolicy", {"policy": policy})

    def _bind(self, place: str, arguments: Arguments, method: str = "GET") -> None:
        policy = self._ask(method, f"{place}:getIamPolicy")
        bindings = policy.setdefault("bindings", [])
        for binding in bindings:
            if binding["role"] == arguments["role"]:
                binding["members"] = sorted({*binding["members"], arguments["member"]})
                break
        else:
            bindings.append({"role": arguments["role"], "members": [arguments["member"]]})
        self._ask("POST", f"{place}:setIamPolicy", {"policy": policy})

    def _config(self, arguments: Arguments) -> dict[str, str]:
        config = f"projects/{PROJECT}/locations/global/apis/{arguments['api']}/configs/{arguments['api-config']}"
        return {"apiConfig": config}

    def _regional(self, arguments: Arguments, rest: str, option: str = "location") -> str:
        return f"/v1/projects/{PROJECT}/locations/{arguments[option]}/{rest}"

    def _change(self, method: str, path: str, body: object = None) -> None:
        """Sends a request that starts an operation, and waits for its end."""
        operation = self._ask(method, path, body)
        version = "v2" if path.startswith("/v2") else "v1"
        while not operation.get("done"):
            operation = self._ask("GET", f"/{version}/{operation['name']}")
        if "error" in operation:
            raise Failed(operation["error"]["message"])

    def _ask(
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


def _formatted(found: Any, wanted: str) -> str:
    """The output in the requested format."""
    if wanted == "json":
        return json.dumps(found)
    if not wanted.startswith("value("):
        return found if isinstance(found, str) else ""
    if isinstance(found, str):
        return f"{found}\n"
    if isinstance(found, list):
        return "\t".join(found) + "\n"
    values = []
    for field in wanted.removeprefix("value(").removesuffix(")").split(","):
        value = found
        for part in field.split("."):
            value = value[part]
        values.append(str(value))
    return "\t".join(values) + "\n"
