"""What a device bundle carries: Med-NCA in plain Python, and a timer for it and for its C source.

Standard library only, Python 3.8 or newer, nothing of this package's other rooms: `bundle.write_bundle` copies its
modules as they are, and `python3 run.py` runs them on a board that has neither PyTorch nor NumPy. The `.in` files are
the C program that times the exported source, with this timer or on a board without Python; `bundle_c.py` fills them in.
"""
