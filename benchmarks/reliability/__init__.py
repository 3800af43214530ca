"""How often the statistics, the regression check and the sweeps are right: calibration, planted faults, kills."""
