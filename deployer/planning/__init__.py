"""Decisions without effects: no clock, no network, no files. Imports the model and nothing above it."""
