"""One model's service."""
