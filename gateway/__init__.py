"""Checks OpenAPI documents for Google API Gateway, and runs them on a local Envoy."""
