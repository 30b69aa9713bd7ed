"""One module per family of commands; each function is one command and reads like what it does."""
