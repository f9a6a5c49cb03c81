"""The service of one model: a Deployment with its autoscaler, a Knative Service, or an InferenceService."""

from __future__ import annotations

import math

from deploy.kubernetes.objects import (
    UTILIZATION,
    Object,
    Program,
    autoscaler,
    deployment,
    disruption_budget,
    labels,
    metadata,
    pod,
    service,
)
from deploy.kubernetes.options import Options
from services.catalog import Model

COMPONENT = "model"
PORT = 8000


def model_program(model: Model, options: Options) -> Program:
    """The container of a model."""
    return Program(
        model.service,
        options.image(model.name),
        PORT,
        cpu=str(model.cpu),
        memory=model.memory,
        live="/live",
        # 200 once the network is loaded, unless it returns invalid scores.
        ready="/ready",
        environment=model.environment,
    )


def model_objects(model: Model, options: Options) -> list[Object]:
    """The objects of a model."""
    program = model_program(model, options)
    match options.target:
        case "knative":
            return [knative_service(model, options)]
        case "kserve":
            return [
                inference_service(model, options),
                # KServe's own Service may have no address, and then no port 80.
                service(program, COMPONENT, options.model_service(model)),
                disruption_budget(model.service, COMPONENT),
            ]
        case _:
            return [
                deployment(program, COMPONENT, replicas=None),
                service(program, COMPONENT),
                autoscaler(model.service, COMPONENT, max(1, model.min_instances), model.max_instances),
                disruption_budget(model.service, COMPONENT),
            ]


def knative_service(model: Model, options: Options) -> Object:
    """A Knative Service without a public address. Knative's webhook allows deadlines of 600 s."""
    name = metadata(model.service, COMPONENT)
    name["labels"]["networking.knative.dev/visibility"] = "cluster-local"
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": name,
        "spec": {
            "template": {
                "metadata": {
                    "labels": labels(model.service, COMPONENT),
                    "annotations": {
                        "autoscaling.knative.dev/min-scale": str(model.min_instances),
                        "autoscaling.knative.dev/max-scale": str(model.max_instances),
                    },
                },
                "spec": {
                    **pod(model_program(model, options), knative=True),
                    "containerConcurrency": model.concurrency,
                    "timeoutSeconds": math.ceil(model.deadline),
                },
            }
        },
    }


def inference_service(model: Model, options: Options) -> Object:
    """A KServe InferenceService in its mode without Knative, and without a public address."""
    predictor = pod(model_program(model, options))
    predictor["containers"][0]["name"] = "kserve-container"
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata(
            model.service,
            COMPONENT,
            # Older releases call this mode RawDeployment, and still accept the name.
            {"serving.kserve.io/deploymentMode": "RawDeployment"},
        )
        | {"labels": labels(model.service, COMPONENT) | {"networking.kserve.io/visibility": "cluster-local"}},
        "spec": {
            "predictor": {
                "minReplicas": max(1, model.min_instances),
                "maxReplicas": model.max_instances,
                "scaleMetric": "cpu",
                "scaleTarget": UTILIZATION,
                "timeout": math.ceil(model.deadline),
                "labels": labels(model.service, COMPONENT),
                **predictor,
            }
        },
    }
