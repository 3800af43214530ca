"""Parts that several metrics share, and wrappers of what they call. No metric by themselves."""
