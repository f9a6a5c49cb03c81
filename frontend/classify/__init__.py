"""Classify many images from the command line, with the page's own client: `python -m frontend.classify`."""
