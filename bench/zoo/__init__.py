"""The zoo: small pretrained networks that this project ships instead of downloading, and how each is trained.

Every `train_<name>.py` holds `train(folder)`, `check() -> dict[str, float]` and `BOUNDS`, the least values of what
`check` measures; `build.py` and `check.py` loop over those files. Weights and model cards lie in `weights/<name>/`.
"""
