"""A local PythonAnywhere: one account with its API, its disk and its sites, over real HTTP on 127.0.0.1."""
