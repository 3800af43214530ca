"""How fast the fusion blocks are, against what is literal, necessary and known: scripts that measure in pairs."""
