"""Deploys git commits to PythonAnywhere: planned, under the platform's limit, checked, never half done."""

__version__ = "0.1.0"
