"""Tables of means, intervals and winners, as CSV, Markdown and LaTeX."""
