"""Seeds until decided: a sweep that adds seeds where a claim is open. No torch."""
