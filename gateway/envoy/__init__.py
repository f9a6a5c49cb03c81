"""Envoy: its configuration, made from `gateway.api` and `gateway.runtime`, and its process."""
