#!/bin/sh
# Starts the service as SageMaker expects it: on port 8080, or on the port that the platform chooses.
PORT="${SAGEMAKER_BIND_TO_PORT:-8080}" exec python -m services.classifier
