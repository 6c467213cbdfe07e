"""Tests of the Moonraker component, against a real Moonraker.

From the root of the repository, with a Python that has Moonraker installed:

    python -m unittest discover -t . -s tests/shim
"""
