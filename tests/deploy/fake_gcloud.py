"""A fast fake of gcloud: it sends the same requests, without gcloud's half a second per command.

It knows the commands of `deploy.cloud.commands` only. The tests with the real gcloud show that it behaves the same.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ruamel.yaml import YAML

from deploy.cloud.gcloud import Output
from tests.deploy.fake_gcloud_requests import GLOBAL, HERE, KEYS, KNATIVE, REQUESTS, Arguments, CloudRequests, Failed
from tests.deploy.fake_google_cloud.state import OVERRIDDEN, PROJECT

# For the policy of a service.
SERVICE = f"{HERE}/locations/{{region}}/services/{{0}}"


class FakeGcloud(CloudRequests):
    """A `deploy.cloud.gcloud.Run` that sends requests to the fake cloud at `address` and reads files from `folder`."""

    def __init__(self, address: str, folder: Path) -> None:
        super().__init__(address, folder)
        self.commands: list[tuple[str, ...]] = []

    def __call__(self, argv: tuple[str, ...], stdin: str | None = None) -> Output:
        self.commands.append(argv)
        arguments = Arguments(argv)
        for length in (4, 3, 2, 1):
            name = " ".join(arguments.words[:length])
            command: Callable[[Arguments, str], Any] | None = getattr(
                self, f"do_{name}".replace(" ", "_").replace("-", "_"), None
            )
            if command or name in REQUESTS:
                arguments.words = arguments.words[length:]
                break
        else:
            raise AssertionError(f"the fake gcloud does not know {' '.join(argv)}")
        try:
            found = command(arguments, stdin or "") if command else self.sent(REQUESTS[name], arguments)
        except Failed as err:
            return Output(1, "", f"ERROR: (gcloud.{name.replace(' ', '.')}) {err}\n")
        return Output(0, _formatted(found, arguments.options.get("format", "")), "")

    def do_version(self, arguments: Arguments, stdin: str) -> Any:
        return {"Google Cloud SDK": "528.0.0"}

    def do_config_list(self, arguments: Arguments, stdin: str) -> Any:
        endpoints = dict.fromkeys(OVERRIDDEN, f"http://{self._host}/")
        return {
            "core": {"project": PROJECT},
            "auth": {"disable_credentials": "true"},
            "api_endpoint_overrides": endpoints,
        }

    def do_billing_projects_describe(self, arguments: Arguments, stdin: str) -> Any:
        return str(self.ask("GET", f"{HERE}/billingInfo")["billingEnabled"])

    def do_services_enable(self, arguments: Arguments, stdin: str) -> Any:
        names = arguments.words
        if len(names) == 1:
            self.change("POST", f"{HERE}/services/{names[0]}:enable")
        else:
            self.change("POST", f"{HERE}/services:batchEnable", {"serviceIds": names})

    def do_services_disable(self, arguments: Arguments, stdin: str) -> Any:
        usage = {} if "force" in arguments.options else {"checkIfServiceHasUsage": "CHECK"}
        self.change("POST", f"{HERE}/services/{arguments.words[0]}:disable", usage)

    def do_iam_service_accounts_create(self, arguments: Arguments, stdin: str) -> Any:
        account = {"displayName": arguments["display-name"]}
        body = {"accountId": arguments.words[0], "serviceAccount": account}
        self.ask("POST", f"{HERE}/serviceAccounts", body)

    def do_builds_submit(self, arguments: Arguments, stdin: str) -> Any:
        text = (self._folder / arguments["config"]).read_text(encoding="utf-8")
        bucket, _, place = arguments["gcs-source-staging-dir"].removeprefix("gs://").partition("/")
        try:
            self.ask("GET", f"/storage/v1/b/{bucket}")
        except Failed:
            with contextlib.suppress(Failed):  # it may be made by another submission meanwhile
                self.ask("POST", "/storage/v1/b", {"name": bucket})
        session = {"name": f"{place}/source.tgz"}
        self.ask(
            "POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart&name={session['name']}", multipart=b"source"
        )
        given = dict(pair.split("=", 1) for pair in arguments["substitutions"].split(","))
        build = YAML(typ="safe", pure=True).load(text)
        build["source"] = {"storageSource": {"bucket": bucket, "object": session["name"]}}
        build["substitutions"] = build.get("substitutions", {}) | given
        made = self.ask("POST", f"{GLOBAL}/builds", build)["metadata"]["build"]
        return [made["id"], made["logUrl"]]

    def do_builds_log(self, arguments: Arguments, stdin: str) -> Any:
        return "BUILD\nthe last line of the log"

    def do_artifacts_docker_images_delete(self, arguments: Arguments, stdin: str) -> Any:
        return None

    def do_builds_describe(self, arguments: Arguments, stdin: str) -> Any:
        found = self.ask("GET", f"{GLOBAL}/builds/{arguments.words[0]}")
        if "flatten" in arguments.options:
            return "\n".join(f"{image['name']}\t{image['digest']}" for image in found["results"]["images"])
        return found

    def do_projects_add_iam_policy_binding(self, arguments: Arguments, stdin: str) -> Any:
        self.bind(HERE, arguments, "POST")

    def do_projects_remove_iam_policy_binding(self, arguments: Arguments, stdin: str) -> Any:
        self.unbind(HERE, arguments, "POST")

    def do_storage_rm(self, arguments: Arguments, stdin: str) -> Any:
        bucket, _, prefix = arguments.words[0].removeprefix("gs://").partition("/")
        found = self.ask("GET", f"/storage/v1/b/{bucket}/o?prefix={prefix}/").get("items", [])
        if not found:
            raise Failed("The following URLs matched no objects or files.")
        for item in found:
            self.ask("DELETE", f"/storage/v1/b/{bucket}/o/{quote(item['name'], safe='')}")

    def do_logging_read(self, arguments: Arguments, stdin: str) -> Any:
        body = {"resourceNames": [f"projects/{PROJECT}"], "filter": arguments.words[0], "pageSize": 50}
        return self.ask("POST", "/v2/entries:list", body)["entries"][: int(arguments["limit"])]

    def do_monitoring_dashboards_list(self, arguments: Arguments, stdin: str) -> Any:
        found = self.ask("GET", f"{HERE}/dashboards").get("dashboards", [])
        if arguments.options.get("format", "").startswith("value"):
            return "\n".join(item["name"].rpartition("/")[2] for item in found)
        return found

    def do_alpha_monitoring_policies_list(self, arguments: Arguments, stdin: str) -> Any:
        found = self.ask("GET", f"/v3/projects/{PROJECT}/alertPolicies").get("alertPolicies", [])
        name = arguments["filter"].rpartition("=")[2]
        if "format" in arguments.options and arguments["format"].startswith("value"):
            return "\n".join(item["name"].rpartition("/")[2] for item in found if item["userLabels"]["guichet"] == name)
        return found

    def do_run_services_describe(self, arguments: Arguments, stdin: str) -> Any:
        return self._service(arguments.words[0], arguments["region"], f"Cannot find service [{arguments.words[0]}]")

    def do_run_services_replace(self, arguments: Arguments, stdin: str) -> Any:
        manifest = json.loads((self._folder / arguments.words[0]).read_text(encoding="utf-8"))
        name, region = manifest["metadata"]["name"], arguments["region"]
        try:
            before = self._service(name, region)
            manifest["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
            self.ask("PUT", f"{KNATIVE}/services/{name}", manifest, region=region)
        except Failed as err:
            if "does not exist" not in str(err):
                raise
            self.ask("POST", f"{KNATIVE}/services", manifest, region=region)
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
        self.ask("PUT", f"{KNATIVE}/services/{name}", service, region=region)
        self._rolled_out(name, region)

    def do_run_services_delete(self, arguments: Arguments, stdin: str) -> Any:
        name = arguments.words[0]
        self._service(name, arguments["region"], f"Service [{name}] could not be found.")
        self.ask("DELETE", f"{KNATIVE}/services/{name}", region=arguments["region"])

    def do_run_services_add_iam_policy_binding(self, arguments: Arguments, stdin: str) -> Any:
        self.bind(arguments.filled(SERVICE), arguments)

    def do_run_services_remove_iam_policy_binding(self, arguments: Arguments, stdin: str) -> Any:
        self.unbind(arguments.filled(SERVICE), arguments)

    def do_api_gateway_api_configs_create(self, arguments: Arguments, stdin: str) -> Any:
        contents = base64.b64encode((self._folder / arguments["openapi-spec"]).read_bytes()).decode()
        body = {
            "openapiDocuments": [{"document": {"path": "openapi.json", "contents": contents}}],
            "gatewayServiceAccount": arguments["backend-auth-service-account"],
        }
        self.change("POST", f"{GLOBAL}/apis/{arguments['api']}/configs?apiConfigId={arguments.words[0]}", body)

    def do_services_api_keys_create(self, arguments: Arguments, stdin: str) -> Any:
        target = arguments["api-target"].removeprefix("service=")
        body = {"displayName": arguments["display-name"], "restrictions": {"apiTargets": [{"service": target}]}}
        self.change("POST", f"{KEYS}?keyId={arguments['key-id']}", body)

    def do_secrets_create(self, arguments: Arguments, stdin: str) -> Any:
        body: dict[str, Any] = {"replication": {"automatic": {}}}
        self.ask("POST", f"{HERE}/secrets?secretId={arguments.words[0]}", body)

    def do_secrets_add_iam_policy_binding(self, arguments: Arguments, stdin: str) -> Any:
        self.bind(f"{HERE}/secrets/{arguments.words[0]}", arguments)

    def do_secrets_versions_add(self, arguments: Arguments, stdin: str) -> Any:
        file = arguments["data-file"]
        content = stdin.encode() if file == "-" else (self._folder / file).read_bytes()
        body = {"payload": {"data": base64.urlsafe_b64encode(content).decode()}}
        made = self.ask("POST", f"{HERE}/secrets/{arguments.words[0]}:addVersion", body)
        return made["name"].rsplit("/", 1)[-1]

    def do_secrets_versions_access(self, arguments: Arguments, stdin: str) -> Any:
        place = f"{HERE}/secrets/{arguments['secret']}/versions/{arguments.words[0]}"
        return base64.b64decode(self.ask("GET", f"{place}:access")["payload"]["data"]).decode()

    def _service(self, name: str, region: str, missing: str = "") -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.ask("GET", f"{KNATIVE}/services/{name}", region=region)
        except Failed as err:
            raise Failed(missing or str(err)) from None
        return found

    def _rolled_out(self, name: str, region: str) -> dict[str, Any]:
        service = self._service(name, region)
        ready = service["status"]["conditions"][0]
        if ready["status"] != "True":
            raise Failed(ready["message"])
        return service


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
