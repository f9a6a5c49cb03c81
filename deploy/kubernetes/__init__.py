"""Manifests for Kubernetes, Knative and KServe: files for `kubectl apply --kustomize`. Nothing here calls a cluster."""
