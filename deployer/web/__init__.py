"""What the daemon serves over HTTP: webhooks, the status page, its JSON API, metrics."""
