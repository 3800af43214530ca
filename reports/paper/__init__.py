"""The paper's tables and figures, made from all stored runs."""
