"""Tests of install.sh in made-up homes. From the root of the repository:

python3 -m unittest discover -t . -s tests/install
"""
