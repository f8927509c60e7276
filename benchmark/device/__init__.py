"""What a device bundle carries: Med-NCA in plain Python, and a timer for it and for its C source.

Standard library only, Python 3.8 or newer, nothing of this package's other rooms: `bundle.write_bundle` copies this
folder as it is, and `python3 run.py` runs it on a board that has neither PyTorch nor NumPy.
"""
