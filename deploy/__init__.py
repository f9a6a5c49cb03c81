"""Deploys the models, the gateway and the page to Google Cloud, or runs them on this machine."""
