"""The loops over pixels and samples.

`spec` says in NumPy what is computed; `cpu` computes the same, bit for bit where integers allow, in compiled loops.
Pixels are read where the decoder left them: one flat array per plane with a pitch, no copy and no colour conversion.
"""
