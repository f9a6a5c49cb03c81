"""Network policies: who may connect to which pods."""

from __future__ import annotations

from typing import Any

from deploy.kubernetes.gateway import PORT as GATEWAY_PORT
from deploy.kubernetes.models import PORT
from deploy.kubernetes.objects import PART_OF, Object
from deploy.kubernetes.options import Options

COMPONENT = "app.kubernetes.io/component"
NAMESPACE = "kubernetes.io/metadata.name"
# Knative's activator and the proxies of its networking layers pass on every request to a model.
KNATIVE_NAMESPACES = ["knative-serving", "kourier-system", "istio-system", "contour-internal"]
# Addresses that are not public; models fetch images from public ones only.
PRIVATE = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]
# The usual address of the DNS cache that some clusters have on each node.
NODE_DNS = "169.254.20.10/32"


def network_policies(options: Options) -> list[Object]:
    """Models and directory are reached through the gateway only; models connect to public addresses only."""
    from_gateway: list[Any] = [{"podSelector": {"matchLabels": {**PART_OF, COMPONENT: "gateway"}}}]
    to_models = list(from_gateway)
    if options.target == "knative":
        namespaces = {"matchExpressions": [{"key": NAMESPACE, "operator": "In", "values": KNATIVE_NAMESPACES}]}
        to_models.append({"namespaceSelector": namespaces})
    public = {"ipBlock": {"cidr": "0.0.0.0/0", "except": PRIVATE}}
    dns = {
        "to": [{"namespaceSelector": {}}, {"ipBlock": {"cidr": NODE_DNS}}],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    }
    # On Knative, the queue proxy in the pod listens, on ports of its own.
    ports = {} if options.target == "knative" else {"ports": [{"protocol": "TCP", "port": PORT}]}
    return [
        _policy(
            "guichet-models",
            "model",
            {
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"from": to_models, **ports}],
                "egress": [dns, {"to": [public]}],
            },
        ),
        _policy(
            "guichet-directory",
            "directory",
            {
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"from": from_gateway, "ports": [{"protocol": "TCP", "port": PORT}]}],
                "egress": [],
            },
        ),
        _policy(
            "guichet-gateway",
            "gateway",
            {"policyTypes": ["Ingress"], "ingress": [{"ports": [{"protocol": "TCP", "port": GATEWAY_PORT}]}]},
        ),
    ]


def _policy(name: str, component: str, spec: Object) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": {**PART_OF, COMPONENT: component}},
        "spec": {"podSelector": {"matchLabels": {**PART_OF, COMPONENT: component}}, **spec},
    }
