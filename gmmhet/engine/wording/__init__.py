"""Every sentence that the engine says about its results: one module a stage, from figures to plain English.

Functions take numbers and small records, and return text. They compute nothing that a result does not hold.
"""
