"""Each arm's own learning rate, found by equal budget on validation data; nothing here imports torch."""
