"""What the page draws. `classify.py` and `status.py` are its two views."""
