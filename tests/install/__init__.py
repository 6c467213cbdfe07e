"""Tests of install.sh in made-up homes. From the root of the repository:

python3 -m unittest discover -t . -s tests/install

Of the system only systemctl is replaced, by a program that notes how it was called. Whole prints with what was installed
are in tests/installed.rs.
"""
