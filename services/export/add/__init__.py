"""Add a model to the catalog."""
