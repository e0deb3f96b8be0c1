"""The kernels on a graphics card: their text in `.cu` files, how they are launched, and the device that runs them.

Only `device` knows CuPy; whatever else can launch these kernels may take its place, and in tests a processor does.
"""
