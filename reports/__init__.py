"""Tables, figures and samples, redrawn from stored runs alone. Nothing here trains, and nothing imports torch."""
