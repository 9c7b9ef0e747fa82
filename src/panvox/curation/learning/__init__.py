"""What polls and feedback tell of voters: strengths, weights, copies, calibration."""
