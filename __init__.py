"""mednca-bench: train, score, perturb and time lightweight medical image segmenters.

The rooms: `perturbations` (what is done to an image), `models` (what segments it), `results` (what happens to a score)
and `benchmark` (the bridge between them, and the command line).
"""

__version__ = "0.1.0"
