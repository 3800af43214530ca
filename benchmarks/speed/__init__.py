"""Speed and memory against the floor, the literal way and other libraries."""
