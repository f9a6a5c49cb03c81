"""The Cloud Build file: checked, and run on this machine."""
