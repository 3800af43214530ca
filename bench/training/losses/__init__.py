"""Terms of the training loss, one file each. The two of the paper's Eq. 1 are always on; others by `train.losses`.

Every file whose class derives from `bench.training.losses.base.Loss` is a loss; its name is the file's name.
"""
