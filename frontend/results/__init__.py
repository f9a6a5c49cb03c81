"""Pure functions of the predictions: comparison, downloads, code examples."""
