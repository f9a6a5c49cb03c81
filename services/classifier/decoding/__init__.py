"""From an image's bytes to pixels, in child processes that a hostile picture may kill."""
