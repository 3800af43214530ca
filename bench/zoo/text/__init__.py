"""The corpus and the tokenizer of the embedded language model."""
