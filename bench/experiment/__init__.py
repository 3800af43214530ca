"""One config to one finished run, in this process or in its own; what it will cost; what the machine lacks."""
