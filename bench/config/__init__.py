"""From a request (preset and `key=value` overrides) to a checked Config. No torch."""
