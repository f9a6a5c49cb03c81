"""Manifests for Kubernetes, Knative and KServe, for `kubectl apply --server-side --kustomize`; calls no cluster."""
