"""Typed routes -> Envoy's configuration. The words of Envoy are spoken in this package only."""
