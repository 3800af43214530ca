"""The paper's tables and figures, drawn from all stored runs."""
