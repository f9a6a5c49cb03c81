"""The service of one model."""
