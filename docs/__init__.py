"""Makes the drawings and the table of settings that the documents show: `make docs`."""
