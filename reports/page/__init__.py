"""One HTML page of a sweep: a single file that opens from disk and asks nothing of any network."""
