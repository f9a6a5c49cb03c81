"""The service of one model: a Deployment with its autoscaler, a Knative Service, or an InferenceService."""

from __future__ import annotations

import math

from deploy.kubernetes.objects import (
    Object,
    Program,
    autoscaler,
    container,
    deployment,
    disruption_budget,
    labels,
    metadata,
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
        # Runs one inference, so the model is loaded and works.
        ready="/ready",
        environment=model.environment,
    )


def model_objects(model: Model, options: Options) -> list[Object]:
    """The objects of a model."""
    match options.target:
        case "knative":
            return [knative_service(model, options)]
        case "kserve":
            return [inference_service(model, options), disruption_budget(model.service, COMPONENT)]
        case _:
            program = model_program(model, options)
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
                    "automountServiceAccountToken": False,
                    "containerConcurrency": model.concurrency,
                    "timeoutSeconds": math.ceil(model.deadline),
                    "containers": [container(model_program(model, options), startup_probe=False)],
                },
            }
        },
    }


def inference_service(model: Model, options: Options) -> Object:
    """A KServe InferenceService in its mode without Knative, and without a public address."""
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
                "timeout": math.ceil(model.deadline),
                "automountServiceAccountToken": False,
                "labels": labels(model.service, COMPONENT),
                "containers": [container(model_program(model, options)) | {"name": "kserve-container"}],
            }
        },
    }
