"""The daemon: sites with a worker each, fed by hints, seen through a page and a socket."""
