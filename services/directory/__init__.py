"""The service that knows which models there are."""
