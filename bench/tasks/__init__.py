"""Tasks, one file each: which segments a sequence has, which are scored, and how its output is generated and measured.

Every file whose class derives from `bench.tasks.base.Task` is a task; its name is the file's name.
"""
