"""The regression check: do runs that have just been trained measure what the committed baseline says they should?"""
