"""Compare what will be served with the original, a reference and labelled images."""
